/**
 * Attack: an answer that belongs to another browser's flow, another flow, another provider or another day is finished here
 * (login CSRF, mix-up, a cookie of provider A at provider B's callback), or no state at all passes for a right one.
 * Promise: state, PKCE verifier, nonce, purpose and return path are one AEAD value in the browser that began; it opens only
 * for the same provider and the same flow, whole, and for ten minutes. Nobody outside can read, make or change one.
 * Source: RFC 9700, 2.1 and 4.7; CVE-2026-73419 (cookie valid for another provider), CVE-2025-68481 (no state).
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { fromBase64url, toBase64url } from "../../core/bytes.ts"
import { parseStrictJsonBytes } from "../../core/json.ts"

/** What a flow is for, sealed at its beginning and given back at its end. */
export interface OauthIntent {
  readonly purpose: "sign-in" | "link"
  /** Where the browser goes afterwards; the caller has compared it with its allow-list. */
  readonly returnTo: string
  /** Who is linked; required for `link`. */
  readonly accountId?: string
  /** The session that started the linking; required for `link`. */
  readonly sessionId?: string
}

export interface Flow {
  readonly state: string
  /** PKCE (RFC 7636). */
  readonly verifier: string
  readonly nonce: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly intent: OauthIntent
}

export const FLOW_SECONDS = 600

// RFC 6265bis, 5.6: browsers drop a cookie whose name and value are longer than 4,096 bytes; 256 are left for the name.
export const MOST_VALUE_CHARACTERS = 3_840

const LABEL = "nightlatch/1 oauth-flow cookie"
const CIPHER = "aes-256-gcm"
// SP 800-38D, 8.2.2 and 8.3: random 96-bit IVs are good for 2^32 values under one key; a key lives until the secret is rotated.
const IV_BYTES = 12
const TAG_BYTES = 16

const STATE = /^[A-Za-z0-9_-]{43}$/
/** 48 of the state's 256 bits: enough to tell flows of one browser apart, and nothing that helps to guess the rest. */
const FLOW_TAG_CHARACTERS = 8

/** 256 random bits as 43 characters: what state, nonce and verifier (RFC 7636, 4.1) are made of. */
export function randomText(): string {
  return toBase64url(randomBytes(32))
}

/** What tells one browser's flows apart: the state's first characters. */
export function flowTag(state: string): string {
  return state.slice(0, FLOW_TAG_CHARACTERS)
}

/** The tag of the flow a callback answers to; undefined unless it carries exactly one well-formed state. */
export function tagOf(query: URLSearchParams): string | undefined {
  const [state, ...more] = query.getAll("state")
  return state !== undefined && more.length === 0 && STATE.test(state) ? flowTag(state) : undefined
}

/** Seals with the first key. The value is base64url. */
export function sealFlow(keys: readonly Uint8Array[], provider: string, flow: Flow): string {
  const [key] = keys
  if (key === undefined) throw new TypeError("there is no key")
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(associated(provider, flowTag(flow.state)))
  const sealed = [iv, cipher.update(JSON.stringify(flow), "utf8"), cipher.final(), cipher.getAuthTag()]
  return toBase64url(Buffer.concat(sealed))
}

/**
 * Opens with whichever key made it.
 * @returns the flow, whether or not it is over; undefined for anything that was not sealed for this provider and tag
 */
export function openFlow(
  keys: readonly Uint8Array[],
  provider: string,
  tag: string,
  sealed: string,
): Flow | undefined {
  const bytes = sealed.length <= MOST_VALUE_CHARACTERS ? fromBase64url(sealed) : undefined
  if (bytes === undefined || bytes.length < IV_BYTES + TAG_BYTES) return undefined
  for (const key of keys) {
    const flow = open(key, associated(provider, tag), bytes)
    if (flow !== undefined) return flow
  }
  return undefined
}

/** Whether the ten minutes are over, or the flow begins in the future by more than clocks of one service differ. */
export function isOver(flow: Flow, now: number): boolean {
  return now >= flow.startedAt + FLOW_SECONDS * 1000 || flow.startedAt > now + 60_000
}

function open(key: Uint8Array, data: Uint8Array, bytes: Buffer): Flow | undefined {
  const end = bytes.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(data)
  decipher.setAuthTag(bytes.subarray(end))
  let plain: Buffer
  try {
    plain = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, end)), decipher.final()])
  } catch {
    return undefined
  }
  // What opens was written by `sealFlow`, so its form is known.
  return parseStrictJsonBytes(plain) as Flow | undefined
}

/** Label, provider and tag, each after its length, so that no two different lists give the same bytes. */
function associated(provider: string, tag: string): Buffer {
  const parts = [LABEL, provider, tag].map((text) => Buffer.from(text))
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(part.length)
      return [length, part]
    }),
  )
}
