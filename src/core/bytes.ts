import { hash, timingSafeEqual } from "node:crypto"
import { HMAC_BLOCK, HmacKey } from "./hmac.ts"

const BASE64URL = /^[A-Za-z0-9_-]*$/

/** base64url without padding (RFC 4648, section 5). */
export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url")
}

/**
 * Strict base64url: no padding, no blanks, no foreign characters, no non-zero trailing bits.
 * Two different texts never decode to the same bytes. Source: RFC 7515, section 2; RFC 4648, section 3.5.
 * @returns the bytes, or undefined when the text is not canonical
 */
export function fromBase64url(text: string): Buffer | undefined {
  if (text.length % 4 === 1 || !BASE64URL.test(text)) return undefined
  const bytes = Buffer.from(text, "base64url")
  return bytes.toString("base64url") === text ? bytes : undefined
}

/** Compares in time that depends on the lengths only, which are never secret here. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}

export function sha256(bytes: Uint8Array | string): Buffer {
  return hash("sha256", bytes, "buffer")
}

/**
 * HMAC-SHA256 over `label | parts`. The label and every part are preceded by their length (4 bytes, big endian), so that
 * no two different lists of parts give the same input.
 */
export function labelledHmac(key: Uint8Array, label: string, ...parts: readonly Uint8Array[]): Buffer {
  const prepared = preparedKey(key)
  let length = 4 + Buffer.byteLength(label)
  for (const part of parts) length += 4 + part.byteLength
  const padded = prepared.room(length)
  let at = padded.writeUInt32BE(Buffer.byteLength(label), HMAC_BLOCK)
  at += padded.write(label, at)
  for (const part of parts) {
    at = padded.writeUInt32BE(part.byteLength, at)
    padded.set(part, at)
    at += part.byteLength
  }
  return Buffer.from(prepared.sign(padded), "latin1")
}

/** Keys live as long as the process. */
const preparedKeys = new WeakMap<Uint8Array, HmacKey>()

function preparedKey(key: Uint8Array): HmacKey {
  let prepared = preparedKeys.get(key)
  if (prepared === undefined) {
    prepared = new HmacKey(key)
    preparedKeys.set(key, prepared)
  }
  return prepared
}
