import { createHmac } from "node:crypto"
import { HMAC_BLOCK, HmacKey } from "../../core/hmac.ts"

const LONGEST_TEXT = 1024

/** Names for keys that tell nothing about them; every key of a limit that is not remembered pays one. */
export class KeyedHash {
  readonly #key: Uint8Array
  readonly #prepared: HmacKey
  /** Used again and again: a hash is done before the next one begins. */
  readonly #room: Buffer

  /** @param key at most 64 bytes, or a RangeError */
  constructor(key: Uint8Array) {
    this.#key = key
    this.#prepared = new HmacKey(key)
    this.#room = this.#prepared.room(LONGEST_TEXT)
  }

  /** The first 16 bytes of the text's HMAC-SHA256, one character each. */
  idOf(text: string): string {
    // A UTF-16 unit is at most three bytes of UTF-8.
    if (text.length * 3 > LONGEST_TEXT) {
      return createHmac("sha256", this.#key).update(text).digest().toString("latin1", 0, 16)
    }
    const end = HMAC_BLOCK + this.#room.write(text, HMAC_BLOCK, "utf8")
    return this.#prepared.sign(this.#room.subarray(0, end)).slice(0, 16)
  }
}
