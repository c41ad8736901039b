/**
 * How much chance a text can hold. Nobody can prove that a text is random, but one can prove that it is not: it is too
 * short for its alphabet, it repeats itself, it counts upwards, it compresses. Each figure is an upper bound, so what is
 * refused is weak for certain, and what passes is only not obviously weak.
 */
import { deflateRawSync } from "node:zlib"

/** RFC 8725, section 3.5 and RFC 7518, section 3.2: a key as long as the hash, 256 bits for SHA-256. */
export const REQUIRED_BITS = 256

/**
 * What 32 random bytes still show when a text of a few dozen characters is measured on itself: 43 characters of base64url
 * show 213 bits on average, and less than 180 practically never (the laws try a hundred thousand).
 */
export const REQUIRED_MEASURED_BITS = 180

/** The most a text of this length and alphabet can hold, in bits. Padding of base64 counts for nothing. */
export function capacityBits(text: string): number {
  const body = text.replace(/=+$/, "")
  return body.length * Math.log2(alphabetSize(body))
}

/**
 * The part that is repeated to make the whole text (also when the last repetition is cut short), or the text itself when
 * nothing is. By the failure function of Knuth, Morris and Pratt.
 */
export function repeatedUnit(text: string): string {
  const borders = [0]
  for (let at = 1; at < text.length; at++) {
    let border = borders[at - 1] ?? 0
    while (border > 0 && text[at] !== text[border]) border = borders[border - 1] ?? 0
    borders.push(text[at] === text[border] ? border + 1 : 0)
  }
  const period = text.length - (borders.at(-1) ?? 0)
  return period * 2 <= text.length ? text.slice(0, period) : text
}

function alphabetSize(text: string): number {
  if (/^[0-9]*$/.test(text)) return 10
  if (/^(?:[0-9a-f]*|[0-9A-F]*)$/.test(text)) return 16
  if (/^(?:[a-z]*|[A-Z]*)$/.test(text)) return 26
  if (/^(?:[0-9a-z]*|[0-9A-Z]*)$/.test(text)) return 36
  if (/^(?:[A-Za-z0-9_-]*|[A-Za-z0-9+/]*)$/.test(text)) return 64
  return 95
}

/** The least of three measurements on the text itself, in bits: its letters, its steps, and what deflate leaves of it. */
export function measuredBits(text: string): number {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0)
  const steps = codes.slice(1).map((code, index) => code - (codes[index] ?? 0))
  return Math.min(shannonBits(codes), shannonBits(steps), deflateRawSync(text, { level: 9 }).length * 8)
}

function shannonBits(symbols: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits += count * Math.log2(symbols.length / count)
  return bits
}
