import { randomBytes } from "node:crypto"
import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import { KeyRing } from "./key-ring.ts"
import { isPublished } from "./published.ts"
import type { SecretSource } from "./source.ts"
import {
  capacityBits,
  measuredBits,
  REQUIRED_BITS,
  REQUIRED_MEASURED_BITS,
  repeatedUnit,
} from "./strength.ts"

/**
 * One root secret, or a list of them: the first signs, all verify. Or a function that answers them, and is asked again while
 * the service runs. No default.
 */
export type SecretOption = string | readonly string[] | SecretSource

/** Lets scanners of repositories and logs recognise a secret of ours. */
const PREFIX = "nl_secret_"

/** A rotation needs two; more than a few is a list that nobody tidies. */
export const MOST_SECRETS = 8

const MAKE_ONE = "Make a new one with: nightlatch secret"

const SCHEMA = z.union([z.string(), z.array(z.string())], { error: "it is a text or a list of texts" })

/** A new root secret: 32 bytes from the system's random source, with a prefix that scanners recognise. */
export function generateSecret(): string {
  return PREFIX + randomBytes(32).toString("base64url")
}

/**
 * Judges the root secrets. What is wrong becomes faults that never repeat a secret.
 * @returns the key ring; with faults, one that is thrown away with the start (of a random secret)
 */
export function readSecrets(input: unknown, origin: URL, faults: Faults): KeyRing {
  const before = faults.list.length
  const secrets = judgeSecrets(input, faults)
  return new KeyRing(faults.list.length === before ? secrets : [generateSecret()], origin)
}

/** The list of secrets; with faults, one that is not to be used. */
export function judgeSecrets(input: unknown, faults: Faults): readonly string[] {
  const secrets = readList(input, faults)
  for (const [index, secret] of secrets.entries()) {
    judge(secret, secrets.length === 1 ? "secret" : `secret.${index}`, faults)
  }
  if (new Set(secrets).size < secrets.length) {
    faults.add("secret.duplicate", "secret", "the list holds a secret twice", "Remove the second one.")
  }
  return secrets
}

function readList(input: unknown, faults: Faults): readonly string[] {
  if (input === undefined) {
    faults.add("secret.missing", "secret", "there is no secret", MAKE_ONE)
    return []
  }
  const read = readBySchema(SCHEMA, input, "secret", faults)
  if (read === undefined) return []
  const secrets = typeof read === "string" ? [read] : read
  if (secrets.length === 0) faults.add("secret.missing", "secret", "the list is empty", MAKE_ONE)
  if (secrets.length > MOST_SECRETS) {
    faults.add(
      "secret.too_many",
      "secret",
      `the list holds more than ${MOST_SECRETS} secrets`,
      "Remove those that no living token was made with; the oldest stand last.",
    )
  }
  return secrets.slice(0, MOST_SECRETS)
}

function judge(secret: string, path: string, faults: Faults): void {
  // A blank at an end comes from a careless file or shell, and the next deployment would derive other keys without it.
  if (secret.trim() !== secret || hasControlCharacter(secret)) {
    faults.add(
      "secret.blank",
      path,
      "it begins or ends with a blank, or holds a control character",
      "Give it as one line without blanks around it.",
    )
    return
  }
  if (secret === "") {
    faults.add("secret.missing", path, "it is empty", MAKE_ONE)
    return
  }
  const body = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret
  if (isPublished(body)) {
    faults.add("secret.published", path, "it is a published example or a placeholder", MAKE_ONE)
    return
  }
  const capacity = Math.floor(capacityBits(body))
  if (capacity < REQUIRED_BITS) {
    const problem = `it is too short: a text of this length and alphabet holds at most ${capacity} bits, ${REQUIRED_BITS} are needed`
    faults.add("secret.short", path, problem, MAKE_ONE)
    return
  }
  if (measuredBits(body) < REQUIRED_MEASURED_BITS || capacityBits(repeatedUnit(body)) < REQUIRED_BITS) {
    faults.add("secret.weak", path, "it is not random: it repeats itself or follows a pattern", MAKE_ONE)
  }
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 32 || code === 127) return true
  }
  return false
}
