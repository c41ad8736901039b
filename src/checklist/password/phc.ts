/** The parameters of an argon2id hash in PHC text. */
export interface Phc {
  readonly memoryKib: number
  readonly passes: number
  readonly parallelism: number
}

const PHC =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-9]\d?)\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/

// A hash from a foreign database must not cost minutes or the machine's memory.
const MOST_MEMORY_KIB = 1_048_576
const MOST_PASSES = 16
const MOST_PARALLELISM = 16

/** Strict: argon2id, version 1.3, parameters in order and within bounds. @returns undefined for anything else */
export function readPhc(text: string): Phc | undefined {
  const match = PHC.exec(text)
  if (match === null) return undefined
  const [memoryKib = 0, passes = 0, parallelism = 0] = match.slice(1).map(Number)
  const isBounded = memoryKib <= MOST_MEMORY_KIB && passes <= MOST_PASSES && parallelism <= MOST_PARALLELISM
  return isBounded && memoryKib >= 8 * parallelism ? { memoryKib, passes, parallelism } : undefined
}

export function isReadable(text: string): boolean {
  return readPhc(text) !== undefined
}
