import { COVERED, PHRASES, WORDS } from "./common-passwords.ts"
import { decodeHashSet, hashText } from "./hash-set.ts"
import { COMMON_WEIGHT, foldPassword, weigh } from "./pattern.ts"

/** Famous for being good passwords, or on every poster; put down by hand. */
const FAMOUS: readonly string[] = [
  "correct horse battery staple",
  "to be or not to be that is the question",
  "the quick brown fox jumps over the lazy dog",
  "lorem ipsum dolor sit amet",
  "may the force be with you",
  "i am the one who knocks",
  "live long and prosper",
  "one ring to rule them all",
  "winter is coming",
  "you shall not pass",
  "open sesame open sesame",
  "in the beginning was the word",
  "let me in please let me in",
  "this is my password",
  "this is a password",
  "this is not a password",
  "my secret password",
  "i forgot my password",
  "change this password",
  "please change me now",
  "twinkle twinkle little star",
  "never gonna give you up",
  "mary had a little lamb",
  "there is no place like home",
  "wer das liest ist doof",
  "ich liebe dich über alles",
  "je t'aime mon amour",
  "te quiero mucho mi amor",
].map(foldPassword)

/** How many distinct real passwords that fit the length rule are refused because of the list alone. */
export const BLOCKLIST_SIZE: number = COVERED + FAMOUS.length

interface Lists {
  readonly words: ReadonlySet<number>
  readonly phrases: ReadonlySet<number>
}

let lists: Lists | undefined

/** Decoded when the first password is set, which is not when a service starts. */
function load(): Lists {
  lists ??= {
    words: decodeHashSet(WORDS),
    phrases: new Set([...decodeHashSet(PHRASES), ...FAMOUS.map(hashText)]),
  }
  return lists
}

/**
 * Whether a password is one of those a guesser tries first: on the list, as it is or with something put around it, or put
 * together from common words, the words of `context`, dates, walks over the keyboard and repetitions.
 * @param password after NFKC
 * @param context what the guesser knows: the mail address, the name of the service, its host
 */
export function isCommon(password: string, context: readonly string[]): boolean {
  const { words, phrases } = load()
  const folded = foldPassword(password)
  const bare = folded.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "")
  if (phrases.has(hashText(folded)) || phrases.has(hashText(bare))) return true
  return weigh(folded, words, contextWords(context)) <= COMMON_WEIGHT
}

/** Every part of at least three letters or digits, and the whole. */
function contextWords(context: readonly string[]): readonly string[] {
  const words = new Set<string>()
  for (const text of context.slice(0, 16)) {
    const lower = text.slice(0, 256).normalize("NFKC").toLowerCase()
    for (const part of [...lower.split(/[^\p{L}\p{N}]+/u), lower]) {
      const folded = foldPassword(part)
      if (folded.length >= 3) words.add(folded)
    }
  }
  return [...words]
}
