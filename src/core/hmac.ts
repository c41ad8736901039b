import { hash } from "node:crypto"

/** SHA-256 works on blocks of 64 bytes (RFC 2104, section 2). */
export const HMAC_BLOCK = 64

const DIGEST = 32

/**
 * HMAC-SHA256 under one key, written out as its two hashes (RFC 2104, section 2): node's one-shot hash takes less than half
 * the time of a Hmac object, and as text less than as bytes. Keys are at most a block long; ours have 32 bytes.
 */
export class HmacKey {
  readonly #inner = Buffer.alloc(HMAC_BLOCK, 0x36)
  readonly #outer = Buffer.alloc(HMAC_BLOCK + DIGEST, 0x5c)

  /** @throws RangeError when the key is longer than 64 bytes */
  constructor(key: Uint8Array) {
    if (key.byteLength > HMAC_BLOCK) throw new RangeError("the key is longer than a block")
    for (const [at, byte] of key.entries()) {
      this.#inner.writeUInt8(byte ^ 0x36, at)
      this.#outer.writeUInt8(byte ^ 0x5c, at)
    }
  }

  /** A buffer for a message of so many bytes, which belongs behind its first block. */
  room(length: number): Buffer {
    const padded = Buffer.allocUnsafe(HMAC_BLOCK + length)
    this.#inner.copy(padded)
    return padded
  }

  /** The 32 bytes over what stands in the room, one character each. */
  sign(padded: Uint8Array): string {
    this.#outer.write(hash("sha256", padded, "binary"), HMAC_BLOCK, "latin1")
    return hash("sha256", this.#outer, "binary")
  }
}
