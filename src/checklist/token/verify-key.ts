/**
 * Attack: a key of another kind under a familiar name (an RSA key where a curve was meant, a private key where a public one
 * was, a point that is on no curve), or a key that was made for something else.
 * Promise: a key is read only if it is exactly a public signature key of one of two kinds; it carries its one algorithm, so
 * that nothing else ever chooses.
 * Source: RFC 7517, RFC 7518 6.2, RFC 8037; RFC 8725, sections 3.1 and 3.4.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto"
import { fromBase64url, sha256, toBase64url } from "../../core/bytes.ts"
import { isUsableEdwardsPoint } from "./edwards-point.ts"

export const SIGNATURE_ALGORITHMS = ["EdDSA", "ES256"] as const
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number]

export interface VerifyKey {
  readonly algorithm: SignatureAlgorithm
  readonly key: KeyObject
  /** The JWK thumbprint (RFC 7638), whatever `kid` the JWK had. */
  readonly thumbprint: string
}

/** RFC 7518, section 6 and RFC 8037: whoever has one of these has a secret, which has no place in a public key. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]

const COORDINATE_BYTES = 32

/** @returns undefined for anything but a public Ed25519 or P-256 key for verifying signatures */
export function readVerifyKey(jwk: unknown): VerifyKey | undefined {
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) return undefined
  const members = jwk as Readonly<Record<string, unknown>>
  const algorithm = algorithmOf(members)
  if (algorithm === undefined || !isForVerifying(members, algorithm)) return undefined
  const x = coordinate(members.x)
  const y = algorithm === "ES256" ? coordinate(members.y) : undefined
  if (x === undefined || (algorithm === "ES256" && y === undefined)) return undefined
  if (algorithm === "EdDSA" && !isUsableEdwardsPoint(x)) return undefined
  const canonical: JsonWebKey =
    y === undefined
      ? { crv: "Ed25519", kty: "OKP", x: toBase64url(x) }
      : { crv: "P-256", kty: "EC", x: toBase64url(x), y: toBase64url(y) }
  try {
    const key = createPublicKey({ key: canonical, format: "jwk" })
    // RFC 7638, section 3: the required members only, in this order, without blanks.
    return { algorithm, key, thumbprint: toBase64url(sha256(JSON.stringify(canonical))) }
  } catch {
    // A point that is not on P-256.
    return undefined
  }
}

function algorithmOf(members: Readonly<Record<string, unknown>>): SignatureAlgorithm | undefined {
  if (members.kty === "OKP" && members.crv === "Ed25519") return "EdDSA"
  return members.kty === "EC" && members.crv === "P-256" ? "ES256" : undefined
}

function isForVerifying(members: Readonly<Record<string, unknown>>, algorithm: SignatureAlgorithm): boolean {
  if (PRIVATE_MEMBERS.some((name) => name in members)) return false
  if (algorithm === "EdDSA" && "y" in members) return false
  const { alg, use, key_ops: operations } = members
  if (alg !== undefined && alg !== algorithm) return false
  if (use !== undefined && use !== "sig") return false
  return (
    operations === undefined ||
    (Array.isArray(operations) && operations.length === 1 && operations[0] === "verify")
  )
}

function coordinate(value: unknown): Buffer | undefined {
  const bytes = typeof value === "string" ? fromBase64url(value) : undefined
  return bytes?.length === COORDINATE_BYTES ? bytes : undefined
}
