import { type KeyObject, sign, verify } from "node:crypto"
import type { SignatureAlgorithm, VerifyKey } from "./verify-key.ts"

/** Both algorithms give exactly this many bytes (RFC 7518, section 3.4; RFC 8032, section 5.1.6). */
export const SIGNATURE_BYTES = 64

/** ES256 is over SHA-256; Ed25519 brings its own hash. */
const DIGEST = { EdDSA: null, ES256: "sha256" } as const

/** Whether this key made this signature over this text. Total: what cannot be a signature is none. */
export function verifySignature(key: VerifyKey, signingInput: string, signature: Uint8Array): boolean {
  if (signature.byteLength !== SIGNATURE_BYTES) return false
  try {
    const input = key.algorithm === "EdDSA" ? key.key : ({ key: key.key, dsaEncoding: "ieee-p1363" } as const)
    return verify(DIGEST[key.algorithm], Buffer.from(signingInput, "utf8"), input, signature)
  } catch {
    return false
  }
}

export function makeSignature(algorithm: SignatureAlgorithm, key: KeyObject, signingInput: string): Buffer {
  // Ed25519 has one encoding, and node:crypto reads a bare key a quarter faster than one inside an object.
  const input = algorithm === "EdDSA" ? key : ({ key, dsaEncoding: "ieee-p1363" } as const)
  return sign(DIGEST[algorithm], Buffer.from(signingInput, "utf8"), input)
}
