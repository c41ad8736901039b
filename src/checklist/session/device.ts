import { randomBytes } from "node:crypto"
import { equalBytes, fromBase64url, labelledHmac, toBase64url } from "../../core/bytes.ts"
import type { Clock } from "../../core/clock.ts"
import type { Keys } from "../../core/keys.ts"

/**
 * Attack: strangers who burn an account's sign-in attempts and so lock its owner out.
 * Promise: a browser that signed in to the account before is recognised by a cookie only this service can make, and has a
 * budget of its own. The cookie selects a bucket and nothing else: it signs nobody in and survives sign-out.
 * Source: OWASP, Slow Down Online Guessing Attacks with Device Cookies; ASVS 6.1.1.
 */
export interface KnownDevices {
  /** The value for the `known-device` cookie of a browser that has just signed in. */
  issue(accountId: string): string
  /** Whether this service gave the value to a browser of this account, and not too long ago. */
  knows(value: string | undefined, accountId: string | undefined): boolean
  readonly maxAgeSeconds: number
}

/** 180 days; sessions.md. */
const LIFETIME_SECONDS = 180 * 24 * 3600
const EXPIRY_BYTES = 6
const NONCE_BYTES = 16
const MAC_AT = EXPIRY_BYTES + NONCE_BYTES
const BYTES = MAC_AT + 32
const TEXT_LENGTH = Math.ceil((BYTES * 4) / 3)
const LABEL = "nightlatch known device"
/** Stands in for an absent cookie and an unknown account, so that each look takes the same time. */
const NOBODY = Buffer.alloc(BYTES)

export function createKnownDevices(input: { readonly keys: Keys; readonly clock: Clock }): KnownDevices {
  const { keys, clock } = input
  return {
    maxAgeSeconds: LIFETIME_SECONDS,
    issue(accountId) {
      const [signing] = keys.list
      if (signing === undefined) throw new TypeError("at least one root secret is needed")
      const bytes = Buffer.alloc(BYTES)
      bytes.writeUIntBE(Math.floor(clock() / 1000) + LIFETIME_SECONDS, 0, EXPIRY_BYTES)
      // Two browsers of one account get different values, hence different buckets.
      bytes.set(randomBytes(NONCE_BYTES), EXPIRY_BYTES)
      macOf(signing, accountId, bytes).copy(bytes, MAC_AT)
      return toBase64url(bytes)
    },
    knows(value, accountId) {
      const bytes = (value?.length === TEXT_LENGTH ? fromBase64url(value) : undefined) ?? NOBODY
      let genuine = false
      for (const key of keys.list) {
        genuine = equalBytes(macOf(key, accountId ?? "", bytes), bytes.subarray(MAC_AT)) || genuine
      }
      const live = bytes.readUIntBE(0, EXPIRY_BYTES) * 1000 > clock()
      return genuine && live && accountId !== undefined
    },
  }
}

function macOf(key: Uint8Array, accountId: string, bytes: Buffer): Buffer {
  return labelledHmac(key, LABEL, Buffer.from(accountId), bytes.subarray(0, MAC_AT))
}
