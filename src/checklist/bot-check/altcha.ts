/**
 * Attack: a robot that answers without working: a challenge of its own making, one that has expired or belongs to another
 * route, digits moved from the number into the salt so that one solution counts twice (CVE-2025-68113), a payload that
 * decoders read differently.
 * Promise: only what this service signed for this very route and time is worth anything, in exactly one spelling.
 * Source: ALTCHA, proof of work version 1 (SHA-256 over salt and number, HMAC-SHA256 over the result, `expires` in the salt);
 * GHSA-6gvq-jcmp-8959.
 */
import { createHmac, randomBytes, randomInt } from "node:crypto"
import { equalBytes, sha256 } from "../../core/bytes.ts"
import { readAnswer } from "./answer.ts"

/** What a client solves: the number from 0 to `maxnumber` whose SHA-256, after the salt, is `challenge`. */
export interface AltchaChallenge {
  readonly algorithm: "SHA-256"
  /** 64 hex digits. */
  readonly challenge: string
  readonly maxnumber: number
  readonly salt: string
  readonly signature: string
}

/** A challenge that was solved. */
export interface Solved {
  readonly route: string
  /** Seconds since 1970. */
  readonly expires: number
  /** Names the challenge for its redemption. */
  readonly id: Buffer
}

/**
 * The ampersand at the end keeps the number apart from the parameters. The library `altcha-lib` writes them in this order
 * when `route` is a parameter and `expires` its option.
 */
const SALT = /^[0-9a-f]{24,64}\?route=([a-z][a-z-]{0,31})&expires=([1-9]\d{9,10})&$/
/** So long that all of it but a rest fills one block of SHA-256, and a try costs one more. */
const SALT_BYTES = 16
const DIGEST = /^[0-9a-f]{64}$/
/** More than any challenge of ours asks for; see `options.ts`. */
const MOST_NUMBER = 10_000_000

export function makeAltcha(
  key: Uint8Array,
  asked: { readonly route: string; readonly expires: number; readonly maxNumber: number },
): AltchaChallenge {
  const salt = `${randomBytes(SALT_BYTES).toString("hex")}?route=${asked.route}&expires=${asked.expires}&`
  const challenge = digest(salt, randomInt(asked.maxNumber + 1))
  return {
    algorithm: "SHA-256",
    challenge,
    maxnumber: asked.maxNumber,
    salt,
    signature: sign(key, challenge).toString("hex"),
  }
}

/**
 * Judges a payload as ALTCHA's clients send it: base64 of JSON.
 * @returns undefined for everything that is not the solution of a challenge made with one of the keys
 */
export function readAltcha(keys: readonly Uint8Array[], payload: string): Solved | undefined {
  const read = readAnswer(payload)
  if (read === undefined) return undefined
  const { algorithm, challenge, number, salt, signature, took, ...others } = read
  if (algorithm !== "SHA-256" || Object.keys(others).length > 0) return undefined
  // How long it took, in milliseconds: clients say it, and nobody needs it.
  if (took !== undefined && typeof took !== "number") return undefined
  if (!isDigest(challenge) || !isDigest(signature) || typeof salt !== "string") return undefined
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > MOST_NUMBER)
    return undefined
  const [, route, expires] = SALT.exec(salt) ?? []
  if (route === undefined || expires === undefined) return undefined
  const signed = Buffer.from(signature, "hex")
  let genuine = false
  for (const key of keys) genuine = equalBytes(sign(key, challenge), signed) || genuine
  if (!genuine || digest(salt, number) !== challenge) return undefined
  return { route, expires: Number(expires), id: Buffer.from(challenge, "hex") }
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && DIGEST.test(value)
}

function digest(salt: string, number: number): string {
  return sha256(`${salt}${number}`).toString("hex")
}

function sign(key: Uint8Array, challenge: string): Buffer {
  return createHmac("sha256", key).update(challenge).digest()
}
