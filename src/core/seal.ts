import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"

const CIPHER = "aes-256-gcm"
// SP 800-38D, 8.2.2 and 8.3: random 96-bit IVs are good for 2^32 values under one key; a key lives until the secret is rotated.
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts and authenticates (AES-256-GCM) with the first key. `context` says what the value is and whose: it opens only
 * under the same one, so a value of one purpose is nothing in another.
 */
export function sealBytes(
  keys: readonly Uint8Array[],
  context: readonly string[],
  plain: Uint8Array,
): Buffer {
  const [key] = keys
  if (key === undefined) throw new TypeError("there is no key")
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(associated(context))
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/**
 * Opens with whichever key made it.
 * @returns undefined for anything that was not sealed in this context
 */
export function openBytes(
  keys: readonly Uint8Array[],
  context: readonly string[],
  sealed: Uint8Array,
): Buffer | undefined {
  if (sealed.byteLength < IV_BYTES + TAG_BYTES) return undefined
  const data = associated(context)
  const end = sealed.byteLength - TAG_BYTES
  for (const key of keys) {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(data)
    decipher.setAuthTag(sealed.subarray(end))
    try {
      return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, end)), decipher.final()])
    } catch {
      // Another key's, or nobody's.
    }
  }
  return undefined
}

/** Each part after its length, so that no two different lists give the same bytes. */
function associated(parts: readonly string[]): Buffer {
  return Buffer.concat(
    parts.flatMap((text) => {
      const part = Buffer.from(text)
      const length = Buffer.alloc(4)
      length.writeUInt32BE(part.length)
      return [length, part]
    }),
  )
}
