import { createHash, createHmac, timingSafeEqual } from "node:crypto"

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

export function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/**
 * HMAC-SHA256 over `label | parts`. The label and every part are preceded by their length (4 bytes, big endian), so that
 * no two different lists of parts give the same input.
 */
export function labelledHmac(key: Uint8Array, label: string, ...parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac("sha256", key)
  const head = Buffer.from(label, "utf8")
  hmac.update(lengthOf(head)).update(head)
  for (const part of parts) hmac.update(lengthOf(part)).update(part)
  return hmac.digest()
}

function lengthOf(bytes: Uint8Array): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.byteLength)
  return length
}
