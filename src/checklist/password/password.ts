/**
 * Attack: guessing online what people choose, guessing offline what was stolen, telling accounts from no accounts by time,
 * and exhausting the service with hashing. Promise: long, not common, hashed with argon2id; the same work for an account
 * that does not exist; a bounded, fair queue; one normal form at setting and at checking, so that no keyboard locks out.
 * Source: NIST SP 800-63B-4, 3.1.1.2; ASVS 6.2, 6.3.8, 11.4.2; OWASP password storage.
 */
import { randomBytes } from "node:crypto"
import { hash as argon2Hash, verify as argon2Verify } from "@node-rs/argon2"
import { type Refusal, type RefusalKind, refuse } from "../../core/verdict.ts"
import { isCommon } from "./blocklist.ts"
import { readHash, type Verifiable } from "./foreign.ts"
import { type Fairness, HashGate } from "./hash-gate.ts"
import type { PasswordPolicy } from "./options.ts"
import { readPhc } from "./phc.ts"

const TOO_SHORT: RefusalKind = kind("too_short", "The password is too short.")
const TOO_LONG: RefusalKind = kind("too_long", "The password is too long.")
const COMMON: RefusalKind = kind("common", "The password is one that is guessed early.")
const MALFORMED: RefusalKind = kind("malformed", "The password is not well-formed text.")

/** Longest password in code points after NFKC, and in UTF-8 bytes as it came. */
const MAXIMUM_LENGTH = 256
const MAXIMUM_BYTES = 1024

export interface Hashed {
  readonly kind: "hashed"
  /** PHC text: `$argon2id$v=19$m=…,t=…,p=1$salt$hash`. */
  readonly hash: string
}

export interface Verified {
  readonly kind: "verified"
  readonly ok: boolean
  /** The password was right and its hash is of another kind or has other parameters than today's: hash it anew. */
  readonly rehash: boolean
}

export interface Passwords {
  /**
   * Whether a password may be set.
   * @param words what a guesser knows of the person: the mail address
   * @returns undefined when it may; else a refusal `password.malformed`, `too_long`, `too_short` or `common` (422)
   */
  check(password: string, words?: readonly string[]): Refusal | undefined
  /** Hashes a password that `check` has passed. A refusal is `password.busy` (503). */
  hash(password: string, fairness: Fairness): Promise<Hashed | Refusal>
  /**
   * Whether it is the password of the hash: our own, or one that another system made (docs/import.md). Without a hash (no
   * such account, no password) the work is the same as with our own, and the answer no; a foreign hash costs its own work
   * on top. A refusal is `password.busy` (503).
   */
  verify(hash: string | null | undefined, password: string, fairness: Fairness): Promise<Verified | Refusal>
  /** For the checklist and metrics. */
  describe(): {
    readonly waiting: number
    readonly running: number
    /** Hashes begun since the start. */
    readonly begun: number
    readonly averageMs: number
  }
}

export interface PasswordsInput {
  readonly policy: PasswordPolicy
  /** Milliseconds that only move forward; default `performance.now`. */
  readonly clock?: () => number
  /** Refused inside passwords besides the policy's words: the host of the origin. */
  readonly contextWords?: readonly string[]
}

export function createPasswords(input: PasswordsInput): Passwords {
  const { policy } = input
  const now = input.clock ?? (() => performance.now())
  const gate = new HashGate({ concurrency: policy.concurrency, queueMs: policy.queueMs, now })
  const options = { memoryCost: policy.memoryKib, timeCost: policy.passes, parallelism: 1, outputLen: 32 }
  const known = [...policy.contextWords, ...(input.contextWords ?? [])]
  // Nobody's: random bytes in the shape of a hash. Checking against it is the work of checking against a real one.
  const nobodys = `$argon2id$v=19$m=${policy.memoryKib},t=${policy.passes},p=1$${randomText(16)}$${randomText(32)}`

  return {
    check: (password, words = []) => check(password, policy.minimumLength, [...words, ...known]),
    hash(password, fairness) {
      const normal = normalise(password)
      if (normal === undefined) return Promise.reject(new RangeError("the password was not checked before"))
      return gate.run(
        fairness,
        async () => ({ kind: "hashed", hash: await argon2Hash(normal, options) }) as const,
      )
    },
    verify(hash, password, fairness) {
      const normal = normalise(password)
      // No stored password can be this; the answer depends on the request alone and tells nothing about the account.
      if (normal === undefined) return Promise.resolve(NO)
      const own = hash !== null && hash !== undefined && readPhc(hash) !== undefined ? hash : nobodys
      const foreign = own === nobodys && typeof hash === "string" ? readHash(hash) : undefined
      // What another system hashed may be another form than ours of the same keys.
      const forms = normal === password ? [normal] : [normal, password]
      return gate.run(fairness, async () => {
        if (foreign?.kind === "verifiable" && (await verifiesOne(foreign, forms))) return FOREIGN
        for (const form of forms) {
          const ok = await argon2Verify(own, form)
          if (ok && own !== nobodys)
            return { kind: "verified", ok, rehash: form !== normal || isOutdated(own, policy) } as const
        }
        return NO
      })
    },
    describe: () => ({
      waiting: gate.waiting,
      running: gate.running,
      begun: gate.begun,
      averageMs: gate.averageMs,
    }),
  }
}

const NO: Verified = Object.freeze({ kind: "verified", ok: false, rehash: false })
const FOREIGN: Verified = Object.freeze({ kind: "verified", ok: true, rehash: true })

async function verifiesOne(hash: Verifiable, forms: readonly string[]): Promise<boolean> {
  for (const form of forms) if (await hash.verify(form)) return true
  return false
}

function kind(what: string, title: string): RefusalKind {
  return { status: 422, code: `password.${what}`, title }
}

function check(password: string, minimum: number, words: readonly string[]): Refusal | undefined {
  if (!password.isWellFormed()) return refuse(MALFORMED, "the password has half a surrogate pair")
  const normal = normalise(password)
  if (normal === undefined)
    return refuse(TOO_LONG, `more than ${MAXIMUM_LENGTH} characters or ${MAXIMUM_BYTES} bytes`)
  if (lengthOf(normal) < minimum) return refuse(TOO_SHORT, `fewer than ${minimum} characters`)
  return isCommon(normal, words)
    ? refuse(COMMON, "on the list, or put together from what is guessed first")
    : undefined
}

/**
 * NFKC at setting and checking (NIST SP 800-63B-4, 3.1.1.2): the same keys give the same password on every system.
 * Nothing is cut, trimmed or folded. @returns undefined for ill-formed or too long text
 */
function normalise(password: string): string | undefined {
  if (password.length > MAXIMUM_BYTES || !password.isWellFormed()) return undefined
  if (Buffer.byteLength(password, "utf8") > MAXIMUM_BYTES) return undefined
  const normal = password.normalize("NFKC")
  return lengthOf(normal) <= MAXIMUM_LENGTH ? normal : undefined
}

/** In code points, as a person counts keys and not UTF-16 units. */
function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length++
  return length
}

function isOutdated(hash: string, policy: PasswordPolicy): boolean {
  const phc = readPhc(hash)
  return phc?.memoryKib !== policy.memoryKib || phc.passes !== policy.passes || phc.parallelism !== 1
}

/** Base64 without padding, as PHC texts have it. */
function randomText(bytes: number): string {
  return randomBytes(bytes).toString("base64").replace(/=+$/, "")
}
