import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"

/** How sessions last and how much delay of the network refreshing forgives. */
export interface SessionOptions {
  /**
   * Seconds one leg of the network may take, fractions allowed, 0 to 60. Default 5. It decides how long a refresh token may
   * be sent again after it was used (twice this) and how often a token is rotated at most (thrice this plus one second).
   * 0 is strict single use: a lost answer or a second tab ends the session.
   */
  readonly toleratedDelaySeconds?: number
  /** Seconds without a refresh after which a session ends. Default 604800 (7 days). */
  readonly idleSeconds?: number
  /** Seconds after sign-in when a session ends in any case; a refresh never moves it. Default 2592000 (30 days). */
  readonly absoluteSeconds?: number
}

/** The part of `unsafe` that is this room's: the value is the written reason. */
export interface SessionWeakening {
  /** Accept access tokens until they expire when the revocation feed is stale, instead of answering 503. */
  readonly acceptRevokedUntilExpiry?: string | undefined
}

export interface SessionPolicy {
  readonly toleratedDelaySeconds: number
  readonly idleSeconds: number
  readonly absoluteSeconds: number
  /** How long after a rotation the parent still gets the same successor. */
  readonly graceMs: number
  /** A token younger than this is not rotated: its holder gets an access token and nothing else. */
  readonly minRotateMs: number
  readonly idleMs: number
  readonly absoluteMs: number
  readonly acceptRevokedUntilExpiry: boolean
}

// Five seconds cover a slow mobile network; the answer to a request that took longer is lost for its sender anyway.
const TOLERATED_DELAY_SECONDS = 5
// ASVS 7.3.1 and 7.3.2 ask for both ends; the lengths are the checklist's (7 days) and a month for "remember me".
const IDLE_SECONDS = 7 * 24 * 3600
const ABSOLUTE_SECONDS = 30 * 24 * 3600
// RFC 6265bis, section 5.5: browsers keep no cookie longer than 400 days.
const MOST_SECONDS = 400 * 24 * 3600
const MOST_DELAY_SECONDS = 60

const seconds = z.int().min(1).max(MOST_SECONDS)
const schema = z.strictObject({
  toleratedDelaySeconds: z.number().min(0).max(MOST_DELAY_SECONDS).default(TOLERATED_DELAY_SECONDS),
  idleSeconds: seconds.default(IDLE_SECONDS),
  absoluteSeconds: seconds.default(ABSOLUTE_SECONDS),
})

/** Reads `session`; what is wrong becomes faults, and the defaults stand in. */
export function readSession(input: unknown, faults: Faults, unsafe: SessionWeakening = {}): SessionPolicy {
  const read = readBySchema(schema, input ?? {}, "session", faults) ?? schema.parse({})
  const policy = policyOf(read, unsafe.acceptRevokedUntilExpiry !== undefined)
  if (policy.idleMs > policy.absoluteMs) {
    faults.add(
      "session.idle_after_absolute",
      "session.idleSeconds",
      "a session cannot be idle for longer than it lasts",
      "Make idleSeconds at most absoluteSeconds.",
    )
  }
  if (policy.idleMs <= policy.minRotateMs) {
    faults.add(
      "session.idle_too_short",
      "session.idleSeconds",
      "the session would end before its refresh token may be rotated",
      `Make idleSeconds more than ${Math.ceil(policy.minRotateMs / 1000)}, or toleratedDelaySeconds smaller.`,
    )
  }
  return policy
}

/**
 * The two windows follow from the delay. With each leg of the network at most D there is no false alarm for any number of
 * tabs exactly when grace >= 2D and minRotate > 3D; `test/model` explores it and finds the alarm one step below each.
 */
function policyOf(
  read: Required<SessionOptions>,
  acceptRevokedUntilExpiry: boolean,
): Readonly<SessionPolicy> {
  const delayMs = read.toleratedDelaySeconds * 1000
  return Object.freeze({
    ...read,
    graceMs: Math.ceil(2 * delayMs),
    minRotateMs: delayMs === 0 ? 0 : Math.ceil(3 * delayMs) + 1000,
    idleMs: read.idleSeconds * 1000,
    absoluteMs: read.absoluteSeconds * 1000,
    acceptRevokedUntilExpiry,
  })
}
