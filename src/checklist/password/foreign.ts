/**
 * Hashes that another system made: each verified as that system did, over the bytes that were typed, until its owner signs
 * in and it becomes argon2id. Attack: a row that costs minutes or gigabytes to verify. Promise: what costs more than the
 * limits below is neither imported nor verified.
 * Source: bcrypt: Provos and Mazières 1999; scrypt: RFC 7914; PBKDF2: RFC 8018; Firebase: github.com/firebase/scrypt.
 */
import { createCipheriv, pbkdf2, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto"
import { promisify } from "node:util"
import { verify as argon2Verify } from "@node-rs/argon2"
import { readArgon2 } from "./phc.ts"

export interface Verifiable {
  readonly kind: "verifiable"
  verify(password: string): Promise<boolean>
}

export interface Unusable {
  readonly kind: "unusable"
  /** Half a sentence without anything of the hash. */
  readonly why: string
}

/** The longest form, Firebase's with its key, has some 300 characters. */
const MOST_CHARACTERS = 1024
/** Each step doubles the time; 14 take about a second. */
const MOST_BCRYPT_COST = 14
/** bcrypt reads no more, whoever implements it. */
const BCRYPT_BYTES = 72
/** OWASP's strongest scrypt (2^17, r = 8) takes this much. */
const MOST_SCRYPT_BYTES = 128 * 1024 * 1024
/** Memory times p: about two seconds. */
const MOST_SCRYPT_WORK = 4 * MOST_SCRYPT_BYTES
/** Rounds times blocks of output: about two seconds; Django's default of 2026 is 1,200,000. */
const MOST_PBKDF2_ROUNDS = 4_000_000
const FEWEST_BYTES = 16
const MOST_BYTES = 128

const UNKNOWN: Unusable = { kind: "unusable", why: "its form is not known" }
const COSTLY: Unusable = { kind: "unusable", why: "verifying it would cost too much" }

const ARGON2 = /^\$argon2(?:id|i|d)\$/
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
const SCRYPT = /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,2}),p=([1-9]\d{0,2})\$([^$]+)\$([^$]+)$/
const FIREBASE = /^\$firebase-scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,2})\$([^$]+)\$([^$]*)\$([^$]+)\$([^$]+)$/
const DJANGO = /^pbkdf2_(sha256|sha512)\$([1-9]\d{0,8})\$([\x21-\x23\x25-\x7e]{1,128})\$([^$]+)$/
const PBKDF2 = /^\$pbkdf2-(sha256|sha512)\$(?:i=)?([1-9]\d{0,8})(?:,l=([1-9]\d{0,2}))?\$([^$]+)\$([^$]+)$/

/** Reads a hash of any accepted form, our own included; docs/import.md has the table. */
export function readHash(text: string): Verifiable | Unusable {
  if (text.length > MOST_CHARACTERS) return UNKNOWN
  if (ARGON2.test(text)) return readArgon2Text(text)
  const found =
    onMatch(BCRYPT, text, ([cost]) => readBcrypt(text, Number(cost))) ??
    onMatch(SCRYPT, text, ([ln, r, p, salt, hash]) => readScrypt({ ln, r, p, salt, hash })) ??
    onMatch(FIREBASE, text, ([ln, r, salt, separator, key, hash]) =>
      readFirebase({ ln, r, salt, separator, key, hash }),
    ) ??
    onMatch(DJANGO, text, ([digest, rounds, salt = "", hash]) =>
      readPbkdf2({ digest, rounds, salt: Buffer.from(salt, "latin1"), hash }),
    ) ??
    onMatch(PBKDF2, text, ([digest, rounds, length, salt, hash]) =>
      readPbkdf2({ digest, rounds, length, salt: bytesOf(salt), hash }),
    )
  return found ?? UNKNOWN
}

/** What Firebase's console shows as the project's password hash parameters. */
export interface FirebaseParameters {
  /** Base64. */
  readonly signerKey: string
  /** Base64; may be empty. */
  readonly saltSeparator: string
  /** 1 to 8. */
  readonly rounds: number
  /** 1 to 14: the binary logarithm of scrypt's N. */
  readonly memoryCost: number
}

/**
 * One text with all that a Firebase hash is verified with:
 * `$firebase-scrypt$ln=<memory cost>,r=<rounds>$<salt>$<salt separator>$<signer key>$<hash>`, each part base64.
 */
export function firebaseHash(parameters: FirebaseParameters, salt: string, hash: string): string {
  const { signerKey, saltSeparator, rounds, memoryCost } = parameters
  const parts = [salt, saltSeparator, signerKey, hash].map(plainBase64)
  return `$firebase-scrypt$ln=${memoryCost},r=${rounds}$${parts.join("$")}`
}

type Found = Verifiable | Unusable
type Captured = string | undefined

function onMatch(form: RegExp, text: string, read: (captured: Captured[]) => Found): Found | undefined {
  const match = text.match(form)
  return match === null ? undefined : read(match.slice(1))
}

function readArgon2Text(text: string): Found {
  const found = readArgon2(text)
  if (found === undefined) return UNKNOWN
  return found === "costly"
    ? COSTLY
    : { kind: "verifiable", verify: (password) => argon2Verify(text, password) }
}

function readBcrypt(text: string, cost: number): Found {
  if (cost < 4 || cost > 31) return UNKNOWN
  if (cost > MOST_BCRYPT_COST) return COSTLY
  return {
    kind: "verifiable",
    async verify(password) {
      // The old functions took a C string: nothing follows a NUL, so no password had one.
      if (password.includes("\0")) return false
      // Loaded for the few that have such a hash.
      const { verify } = await import("@node-rs/bcrypt")
      return verify(Buffer.from(password, "utf8").subarray(0, BCRYPT_BYTES), text)
    },
  }
}

function readScrypt(given: {
  readonly ln: Captured
  readonly r: Captured
  readonly p: Captured
  readonly salt: Captured
  readonly hash: Captured
}): Found {
  const [salt, hash] = [bytesOf(given.salt), bytesOf(given.hash)]
  if (salt === undefined || !isKey(hash)) return UNKNOWN
  const options = scryptOptions(Number(given.ln), Number(given.r), Number(given.p))
  if (options === undefined) return COSTLY
  return {
    kind: "verifiable",
    verify: async (password) => timingSafeEqual(await runScrypt(password, salt, hash.length, options), hash),
  }
}

function readFirebase(given: {
  readonly ln: Captured
  readonly r: Captured
  readonly salt: Captured
  readonly separator: Captured
  readonly key: Captured
  readonly hash: Captured
}): Found {
  const [salt, key, hash] = [bytesOf(given.salt), bytesOf(given.key), bytesOf(given.hash)]
  const separator = given.separator === "" ? Buffer.alloc(0) : bytesOf(given.separator)
  if (salt === undefined || separator === undefined || !isKey(key) || !isKey(hash)) return UNKNOWN
  if (key.length !== hash.length) return UNKNOWN
  const options = scryptOptions(Number(given.ln), Number(given.r), 1)
  if (options === undefined) return COSTLY
  return {
    kind: "verifiable",
    async verify(password) {
      const derived = await runScrypt(password, Buffer.concat([salt, separator]), 32, options)
      const cipher = createCipheriv("aes-256-ctr", derived, Buffer.alloc(16))
      return timingSafeEqual(Buffer.concat([cipher.update(key), cipher.final()]), hash)
    },
  }
}

function readPbkdf2(given: {
  readonly digest: Captured
  readonly rounds: Captured
  readonly length?: Captured
  readonly salt: Buffer | undefined
  readonly hash: Captured
}): Found {
  const { salt, digest = "" } = given
  const [hash, rounds] = [bytesOf(given.hash), Number(given.rounds)]
  if (salt === undefined || !isKey(hash)) return UNKNOWN
  if (given.length !== undefined && Number(given.length) !== hash.length) return UNKNOWN
  const blocks = Math.ceil(hash.length / (digest === "sha512" ? 64 : 32))
  if (rounds * blocks > MOST_PBKDF2_ROUNDS) return COSTLY
  return {
    kind: "verifiable",
    verify: async (password) =>
      timingSafeEqual(await runPbkdf2(password, salt, rounds, hash.length, digest), hash),
  }
}

function scryptOptions(ln: number, r: number, p: number): ScryptOptions | undefined {
  const bytes = 128 * 2 ** ln * r
  if (bytes > MOST_SCRYPT_BYTES || bytes * p > MOST_SCRYPT_WORK) return undefined
  // What OpenSSL counts besides: p blocks and some pages.
  return { N: 2 ** ln, r, p, maxmem: bytes + 128 * r * p + 1024 * 1024 }
}

const runPbkdf2 = promisify(pbkdf2)
const runScrypt = (password: string, salt: Buffer, length: number, options: ScryptOptions): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    scrypt(password, salt, length, options, (error, derived) =>
      error === null ? resolve(derived) : reject(error),
    ),
  )

function isKey(bytes: Buffer | undefined): bytes is Buffer {
  return bytes !== undefined && bytes.length >= FEWEST_BYTES && bytes.length <= MOST_BYTES
}

/** Base64 with or without padding, in either alphabet, and with passlib's dot for the plus. */
function bytesOf(text: Captured): Buffer | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/_.-]+={0,2}$/.test(text)) return undefined
  const plain = plainBase64(text)
  return plain.length % 4 === 1 ? undefined : Buffer.from(plain, "base64")
}

function plainBase64(text: string): string {
  return text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/").replaceAll(".", "+")
}
