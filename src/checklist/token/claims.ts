import { fromBase64url } from "../../core/bytes.ts"
import { parseStrictJsonBytes } from "../../core/json.ts"
import type { Session } from "../../core/session.ts"

/** Who issues for whom, all of it compared exactly. */
export interface Parties {
  readonly issuer: string
  readonly audience: string
  readonly clientId: string
}

/** RFC 9068, section 2.2, and our `sid` and `epoch`. Times are whole seconds since 1970. */
export interface Claims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  readonly sid: string
  readonly client_id: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly auth_time: number
  readonly amr: readonly string[]
  readonly roles: readonly string[]
  /** Of the account when the token was made: a change of roles raises it. */
  readonly epoch: number
}

/** What a token says once it was found genuine. Deeply frozen, since the cache hands the same value to every request. */
export interface Verified {
  readonly kind: "valid"
  readonly session: Session
  readonly epoch: number
  /** Milliseconds since 1970, of a whole second. */
  readonly issuedAt: number
}

// ASVS 9.2.1 and RFC 8725: the most that two clocks of one installation may differ.
const SKEW_SECONDS = 60

const MOST_TEXT_CHARACTERS = 256
const MOST_WORDS = 256
const MOST_WORD_CHARACTERS = 256

/** The claims of a payload whose signature was verified, if every one is there and of its type. */
export function readClaims(payload: string): Claims | undefined {
  const bytes = fromBase64url(payload)
  const value = bytes === undefined ? undefined : parseStrictJsonBytes(bytes)
  return isClaims(value) ? value : undefined
}

/** Members that are not known here are let be: a newer instance of the same installation may add one. */
export function isClaims(value: unknown): value is Claims {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false
  const claims = value as Readonly<Record<string, unknown>>
  return (
    TEXTS.every((name) => isText(claims[name])) &&
    NUMBERS.every((name) => isCount(claims[name])) &&
    LISTS.every((name) => isWordList(claims[name])) &&
    (claims.nbf === undefined || isCount(claims.nbf))
  )
}

const TEXTS = ["iss", "aud", "sub", "sid", "client_id", "jti"] as const
const NUMBERS = ["iat", "exp", "auth_time", "epoch"] as const
const LISTS = ["amr", "roles"] as const

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.length <= MOST_TEXT_CHARACTERS
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isWordList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length <= MOST_WORDS &&
    value.every((word) => typeof word === "string" && word !== "" && word.length <= MOST_WORD_CHARACTERS)
  )
}

export type ClaimFault = "parties" | "lifetime" | "future"

/** What is wrong with claims besides being past their end. A lifetime of Infinity asks for no lifetime check. */
export function judgeClaims(
  claims: Claims,
  parties: Parties,
  lifetimeSeconds: number,
  nowMs: number,
): ClaimFault | undefined {
  if (
    claims.iss !== parties.issuer ||
    claims.aud !== parties.audience ||
    claims.client_id !== parties.clientId
  ) {
    return "parties"
  }
  const lifetime = claims.exp - claims.iat
  if (lifetime <= 0 || lifetime > lifetimeSeconds) return "lifetime"
  const notBefore = (claims as { readonly nbf?: number }).nbf ?? claims.iat
  return Math.max(claims.iat, notBefore) > nowMs / 1000 + SKEW_SECONDS ? "future" : undefined
}

export function toVerified(claims: Claims): Verified {
  return Object.freeze({
    kind: "valid",
    session: Object.freeze({
      userId: claims.sub,
      sessionId: claims.sid,
      authenticatedAt: claims.auth_time * 1000,
      methods: Object.freeze([...claims.amr]),
      roles: Object.freeze([...claims.roles]),
      expiresAt: claims.exp * 1000,
    }),
    epoch: claims.epoch,
    issuedAt: claims.iat * 1000,
  })
}
