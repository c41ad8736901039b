/** The parameters of an argon2 hash in PHC text. */
export interface Phc {
  readonly memoryKib: number
  readonly passes: number
  readonly parallelism: number
}

const PHC =
  /^\$argon2(id|i|d)\$v=(16|19)\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,7})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/

// A hash from a foreign database must not cost minutes or the machine's memory.
const MOST_MEMORY_KIB = 1_048_576
const MOST_PASSES = 16
const MOST_PARALLELISM = 16
/** Memory times passes: some seconds. */
export const MOST_WORK_KIB: number = 4 * MOST_MEMORY_KIB

/** Any argon2, strict: parameters in order. @returns undefined for anything else, "costly" beyond the bounds */
export function readArgon2(text: string): (Phc & { readonly own: boolean }) | "costly" | undefined {
  const match = PHC.exec(text)
  if (match === null) return undefined
  const [memoryKib = 0, passes = 0, parallelism = 0] = match.slice(3).map(Number)
  if (memoryKib < 8 * parallelism) return undefined
  const isBounded =
    memoryKib <= MOST_MEMORY_KIB &&
    passes <= MOST_PASSES &&
    parallelism <= MOST_PARALLELISM &&
    memoryKib * passes <= MOST_WORK_KIB
  if (!isBounded) return "costly"
  return { memoryKib, passes, parallelism, own: match[1] === "id" && match[2] === "19" }
}

/** Of our own kind: argon2id, version 1.3, within bounds. @returns undefined for anything else */
export function readPhc(text: string): Phc | undefined {
  const found = readArgon2(text)
  if (found === undefined || found === "costly" || !found.own) return undefined
  const { memoryKib, passes, parallelism } = found
  return { memoryKib, passes, parallelism }
}
