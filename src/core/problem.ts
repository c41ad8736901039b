import { drawBytes } from "./random.ts"
import type { HeaderList, Reply } from "./request.ts"
import { type Refusal, refuse } from "./verdict.ts"

/** The registered problem type for an exhausted quota; every other type is ours. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"

/** Whole seconds a client waits before it tries again when something of ours is down. */
const UNAVAILABLE_RETRY_SECONDS = 2

/**
 * A refusal as problem+json (RFC 9457). The instance is a random, opaque id, also logged, so that a user's screenshot
 * finds its log line.
 */
export function renderRefusal(refusal: Refusal, instance: string = newInstance()): Reply {
  const { status, code, title } = refusal.refusal
  const headers = status === 401 ? [WWW_AUTHENTICATE, ...refusal.headers] : refusal.headers
  return problem({ ...refusal.members, status, code, title, instance }, headers)
}

/** A store or provider that failed: always closed, always the same text. */
export const UNAVAILABLE: Refusal = refuse(
  { status: 503, code: "service.unavailable", title: "The service is not available right now." },
  "the store or a provider failed",
  [["retry-after", String(UNAVAILABLE_RETRY_SECONDS)]],
)

export function renderUnavailable(instance: string = newInstance()): Reply {
  return renderRefusal(UNAVAILABLE, instance)
}

export function newInstance(): string {
  return `urn:nightlatch:instance:${drawBytes(12).toString("base64url")}`
}

// RFC 9110, section 15.5.2: every 401 names a scheme. Cookies have no registered one, so it is the bearer scheme.
const WWW_AUTHENTICATE = ["www-authenticate", 'Bearer realm="nightlatch"'] as const

interface Document {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly instance: string
}

function problem({ title, status, code, instance, ...members }: Document, headers: HeaderList): Reply {
  const type = status === 429 ? QUOTA_EXCEEDED : `urn:nightlatch:problem:${code}`
  return {
    status,
    headers: [["content-type", "application/problem+json"], ["cache-control", "no-store"], ...headers],
    body: JSON.stringify({ type, title, status, code, instance, ...members }),
  }
}
