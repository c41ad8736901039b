/** The signing pair of one root secret, and the header all its tokens begin with. */
import { createECDH, createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from "node:crypto"
import { toBase64url } from "../../core/bytes.ts"
import { readVerifyKey, type SignatureAlgorithm, type VerifyKey } from "./verify-key.ts"

export interface SigningKey {
  readonly algorithm: SignatureAlgorithm
  readonly privateKey: KeyObject
  readonly verifyKey: VerifyKey
  readonly kid: string
  /** The header in base64url with the dot after it. A token begins with exactly these characters or is not ours. */
  readonly head: string
  /** What the JWKS publishes: no private member. */
  readonly published: Readonly<Record<string, string>>
}

// RFC 8410, section 7: the PKCS #8 frame around the 32 bytes of an Ed25519 private key.
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex")

// SEC 2, section 2.4.2.
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

// FIPS 186-5, A.2.1: 64 bits more than the order has, so that the remainder shows no bias.
const P256_SEED_BYTES = 48

/** @param seed the 32 bytes that were derived for this purpose */
export function makeSigningKey(algorithm: SignatureAlgorithm, seed: Uint8Array): SigningKey {
  const privateKey = algorithm === "EdDSA" ? ed25519(seed) : p256(seed)
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: "jwk" })
  const jwk = { kty: String(kty), crv: String(crv), x: String(x), ...(y === undefined ? {} : { y }) }
  const verifyKey = readVerifyKey(jwk)
  if (verifyKey?.algorithm !== algorithm) throw new TypeError("a derived key is not readable as a public key")
  const kid = verifyKey.thumbprint
  // RFC 9068, section 2.1: typ names the kind of token.
  const header = JSON.stringify({ alg: algorithm, typ: "at+jwt", kid })
  return Object.freeze({
    algorithm,
    privateKey,
    verifyKey,
    kid,
    head: `${toBase64url(Buffer.from(header, "ascii"))}.`,
    published: Object.freeze({ ...jwk, kid, use: "sig", alg: algorithm }),
  })
}

function ed25519(seed: Uint8Array): KeyObject {
  if (seed.byteLength !== 32) throw new TypeError("an Ed25519 key is made of 32 bytes")
  return createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: "der", type: "pkcs8" })
}

function p256(seed: Uint8Array): KeyObject {
  const wide = Buffer.from(hkdfSync("sha256", seed, "", "nightlatch/1 | p-256", P256_SEED_BYTES))
  const scalar = (BigInt(`0x${wide.toString("hex")}`) % (P256_ORDER - 1n)) + 1n
  const d = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex")
  const pair = createECDH("prime256v1")
  pair.setPrivateKey(d)
  const point = pair.getPublicKey()
  const key = {
    kty: "EC",
    crv: "P-256",
    x: toBase64url(point.subarray(1, 33)),
    y: toBase64url(point.subarray(33)),
    d: toBase64url(d),
  }
  return createPrivateKey({ key, format: "jwk" })
}
