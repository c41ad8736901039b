/**
 * A fixed set of texts as sorted 32-bit hashes, the distances between them as variable-length numbers, in base64. A list
 * of real passwords holds people's names and worse; hashes say no more than whether one is on it. A foreign text is taken
 * for one of 10,000 with a chance of one in 400,000.
 */
export function encodeHashSet(texts: Iterable<string>): string {
  const hashes = [...new Set(Array.from(texts, hashText))].sort((a, b) => a - b)
  const bytes: number[] = []
  let before = 0
  for (const hash of hashes) {
    let distance = hash - before
    before = hash
    while (distance > 127) {
      bytes.push((distance % 128) + 128)
      distance = Math.floor(distance / 128)
    }
    bytes.push(distance)
  }
  return Buffer.from(bytes).toString("base64")
}

export function decodeHashSet(encoded: string): ReadonlySet<number> {
  const hashes = new Set<number>()
  let hash = 0
  let distance = 0
  let scale = 1
  for (const byte of Buffer.from(encoded, "base64")) {
    distance += (byte % 128) * scale
    scale *= 128
    if (byte < 128) {
      hash += distance
      hashes.add(hash)
      distance = 0
      scale = 1
    }
  }
  return hashes
}

/** FNV-1a over UTF-16 code units, then mixed so that short texts spread too. Not secret and not meant to be. */
export function hashText(text: string): number {
  let hash = HASH_START
  for (let at = 0; at < text.length; at++) hash = hashNext(hash, text.charCodeAt(at))
  return hashEnd(hash)
}

/** The same, one code unit at a time, for all the beginnings of a text in one pass. */
export const HASH_START = 0x811c9dc5

export function hashNext(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193)
}

export function hashEnd(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (mixed ^ (mixed >>> 13)) >>> 0
}
