/**
 * Verified tokens, so that the usual request costs a look-up and no signature. Bounded, with the clock rule of eviction: a
 * used entry survives one round of the hand. Found by the last 22 characters (of the signature, which nobody else can
 * choose), then the **whole** token is compared: a payload under a borrowed signature is another token.
 */
import type { Verified } from "./claims.ts"

interface Entry {
  readonly key: string
  readonly token: string
  readonly verified: Verified
  used: boolean
}

const KEY_CHARACTERS = 22

export class TokenCache {
  readonly #capacity: number
  readonly #byKey = new Map<string, Entry>()
  /** The clock's face; filled up once, then entries are replaced in place. */
  readonly #face: Entry[] = []
  #hand = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#byKey.size
  }

  get(token: string): Verified | undefined {
    const entry = this.#byKey.get(token.slice(-KEY_CHARACTERS))
    if (entry === undefined || entry.token !== token) return undefined
    entry.used = true
    return entry.verified
  }

  /** Keeps copies: a slice of a Cookie header would keep the whole header alive. */
  set(token: string, verified: Verified): void {
    const copy = flatCopy(token)
    const key = flatCopy(token.slice(-KEY_CHARACTERS))
    const known = this.#byKey.get(key)
    // Two tokens with the same end: by chance never; whatever made it, the first stays and the second is verified anew.
    if (known !== undefined) return
    const entry: Entry = { key, token: copy, verified, used: false }
    if (this.#face.length < this.#capacity) {
      this.#face.push(entry)
    } else {
      const place = this.#evict()
      this.#face[place] = entry
    }
    this.#byKey.set(key, entry)
  }

  #evict(): number {
    for (;;) {
      const place = this.#hand
      this.#hand = (place + 1) % this.#capacity
      const entry = this.#face[place]
      if (entry === undefined) return place
      if (!entry.used) {
        this.#byKey.delete(entry.key)
        return place
      }
      entry.used = false
    }
  }
}

function flatCopy(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1")
}
