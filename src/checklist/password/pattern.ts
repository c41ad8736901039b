/**
 * How much of a password is really its own. Attack: guessing what people make of a length rule, which is a common word
 * twice, a word and a year, a walk over the keyboard. Each such piece costs the guesser little, so it counts little here;
 * every other character counts for itself. Source: ASVS 6.2.4, 6.2.11; NIST SP 800-63B-4, 3.1.1.2; the idea of pieces is
 * Wheeler, "zxcvbn", USENIX Security 2016.
 */
import { HASH_START, hashEnd, hashNext } from "./hash-set.ts"

/** What the pieces weigh. Two words, walks or dates and a few marks are still common; a third is not. */
const WEIGHT = {
  word: 5,
  context: 2,
  walk: 5,
  digits: 4,
  date: 5,
  run: 2,
  again: 1,
  mark: 1,
  other: 2,
} as const

/** At or below this a password is common: two words and a year, two pieces and two more characters, or seven characters said again. */
export const COMMON_WEIGHT = 14

const LONGEST_WORD = 12
const SHORTEST_WORD = 4
const SHORTEST_WALK = 4

/** What is next to each other: alphabet, digits, keyboard rows and columns of the usual layouts. */
const WALKS: readonly string[] = [
  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
  "01234567890123456789",
  "qwertyuiopasdfghjklzxcvbnmqwertyuiop",
  "qwertzuiopasdfghjklyxcvbnm",
  "azertyuiopqsdfghjklmwxcvbn",
  "asdfghjkl;'zxcvbnm,./",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
  "1qazxsw23edcvfr45tgbnhy67ujm",
  "qazwsxedcrfvtgbyhnujmikolp",
  "1q2w3e4r5t6y7u8i9o0p",
  "q1w2e3r4t5y6u7i8o9p0",
  "1a2b3c4d5e6f7g8h9i",
  "a1b2c3d4e5f6g7h8i9",
  "1234qwerasdfzxcv",
  "zaq12wsxcde34rfvbgt56yhn",
  "!@#$%^&*()_+",
  '!"§$%&/()=?',
  "147258369",
  "159753",
  "13579",
  "24680",
].flatMap((walk) => [walk, [...walk].reverse().join("")])

// One character for one, so that all readings of a text have the same positions.
const LEET = new Map(
  [..."0o1i3e4a5s7t8b9g@a$s!i+t|l(c"].flatMap((one, at, all) =>
    at % 2 === 0 ? [[one, all[at + 1] ?? ""]] : [],
  ) as [string, string][],
)

/** Lower case, accents taken off, separators left out. */
export function foldPassword(text: string): string {
  return text
    .toLowerCase()
    .normalize("NFD")
    .replace(/[\u0300-\u036f\s._\-,']/g, "")
}

/** The least weight in which a folded password can be laid out in pieces. */
export function weigh(folded: string, words: ReadonlySet<number>, context: readonly string[]): number {
  const least = new Array<number>(folded.length + 1).fill(Number.POSITIVE_INFINITY)
  least[0] = 0
  const plain = readingsOf(folded)
  for (let at = 0; at < folded.length; at++) {
    const so = least[at] ?? 0
    const put = (length: number, weight: number) => {
      if (so + weight < (least[at + length] ?? 0)) least[at + length] = so + weight
    }
    put(1, isMark(folded, at) ? WEIGHT.mark : WEIGHT.other)
    putRuns(folded, at, put)
    putDigits(folded, at, put)
    putWalks(folded, at, put)
    putRepetitions(folded, at, put)
    for (const reading of plain) {
      putWords(reading, at, words, put)
      for (const word of context) if (reading.startsWith(word, at)) put(word.length, WEIGHT.context)
    }
  }
  return least[folded.length] ?? 0
}

type Put = (length: number, weight: number) => void

/** The text itself and with digits and marks read as the letters they stand for; 1 is read as i and as l. */
function readingsOf(text: string): readonly string[] {
  const asI = Array.from(
    { length: text.length },
    (_, at) => LEET.get(text.charAt(at)) ?? text.charAt(at),
  ).join("")
  if (asI === text) return [text]
  const asL = Array.from({ length: text.length }, (_, at) =>
    text.charAt(at) === "1" ? "l" : asI.charAt(at),
  ).join("")
  return asL === asI ? [text, asI] : [text, asI, asL]
}

function putWords(text: string, at: number, words: ReadonlySet<number>, put: Put): void {
  let hash = HASH_START
  const end = Math.min(text.length, at + LONGEST_WORD)
  for (let next = at; next < end; next++) {
    hash = hashNext(hash, text.charCodeAt(next))
    const length = next - at + 1
    if (length >= SHORTEST_WORD && words.has(hashEnd(hash))) put(length, WEIGHT.word)
  }
}

/** The same character three times and more. */
function putRuns(text: string, at: number, put: Put): void {
  let length = 1
  while (text[at + length] === text[at] && at + length < text.length) length++
  for (let part = 3; part <= length; part++) put(part, isMark(text, at) ? WEIGHT.mark : WEIGHT.run)
}

/** Up to four digits, and eight (or six) that can be a date. */
function putDigits(text: string, at: number, put: Put): void {
  let length = 0
  while (length < 8 && isDigit(text.charCodeAt(at + length))) length++
  for (let part = 1; part <= Math.min(4, length); part++) put(part, WEIGHT.digits)
  if (length >= 6 && DATE_6.test(text.slice(at, at + 6))) put(6, WEIGHT.date)
  if (length === 8 && DATE_8.test(text.slice(at, at + 8))) put(8, WEIGHT.date)
}

const DATE_6 = /^(?:[0-3]\d[01]\d\d\d|[01]\d[0-3]\d\d\d|\d\d[01]\d[0-3]\d)$/
const DATE_8 = /^(?:[0-3]\d[01]\d(?:19|20)\d\d|[01]\d[0-3]\d(?:19|20)\d\d|(?:19|20)\d\d[01]\d[0-3]\d)$/

function putWalks(text: string, at: number, put: Put): void {
  const start = text.slice(at, at + SHORTEST_WALK)
  if (start.length < SHORTEST_WALK) return
  for (const walk of WALKS) {
    for (let from = walk.indexOf(start); from >= 0; from = walk.indexOf(start, from + 1)) {
      let length = SHORTEST_WALK
      while (at + length < text.length && text[at + length] === walk[from + length]) length++
      for (let part = SHORTEST_WALK; part <= length; part++) put(part, WEIGHT.walk)
    }
  }
}

/** What stands right before, once more. */
function putRepetitions(text: string, at: number, put: Put): void {
  const longest = Math.min(at, text.length - at)
  for (let length = 1; length <= longest; length++) {
    if (text[at - length] === text[at] && text.startsWith(text.slice(at - length, at), at))
      put(length, WEIGHT.again)
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Neither a letter nor a digit, as far as ASCII goes; anything beyond counts as a letter. */
function isMark(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code < 128 && !isDigit(code) && !(code >= 97 && code <= 122)
}
