/**
 * Makes `common-passwords.ts` out of a list of passwords, one a line, most used first:
 * `node src/checklist/password/make-common-passwords.ts LIST > src/checklist/password/common-passwords.ts`
 * The source is named in the README; the list itself is not kept here, since it holds what real people wrote.
 */
import { readFileSync } from "node:fs"
import { decodeHashSet, encodeHashSet } from "./hash-set.ts"
import { COMMON_WEIGHT, foldPassword, weigh } from "./pattern.ts"

const WORDS = 3000
const SHORTEST = 15
const LONGEST = 256

export interface CommonPasswords {
  /** The most used passwords of 4 to 12 letters: the pieces that long passwords are put together from. */
  readonly words: string
  /** Passwords long enough for the policy that the pieces alone do not give away. */
  readonly phrases: string
  /** How many passwords of the list are long enough for the policy: all of them are refused. */
  readonly covered: number
}

export function makeCommonPasswords(lines: readonly string[]): CommonPasswords {
  const letters = lines.map((line) => line.toLowerCase()).filter((line) => /^[a-z]{4,12}$/.test(line))
  const words = encodeHashSet([...new Set(letters)].slice(0, WORDS))
  const known = decodeHashSet(words)
  const long = lines.map((line) => line.normalize("NFKC")).filter((line) => fits([...line].length))
  const phrases = long.map(foldPassword).filter((phrase) => weigh(phrase, known, []) > COMMON_WEIGHT)
  return { words, phrases: encodeHashSet(phrases), covered: new Set(long).size }
}

function fits(length: number): boolean {
  return length >= SHORTEST && length <= LONGEST
}

if (import.meta.main) {
  const made = makeCommonPasswords(readFileSync(process.argv[2] ?? 0, "utf8").split(/\r?\n/))
  const lines = (text: string) => text.replace(/.{1,108}/g, "\n$&")
  console.log(`// Made by make-common-passwords.ts; see the README for the source.

/** Passwords of the source that are long enough for the policy, all of them refused. */
export const COVERED = ${made.covered}

export const WORDS = \`${lines(made.words)}\`

export const PHRASES = \`${lines(made.phrases)}\``)
}
