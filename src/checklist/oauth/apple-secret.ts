import { createPrivateKey, type KeyObject, sign } from "node:crypto"
import { toBase64url } from "../../core/bytes.ts"

/** A secret lives as long as the one request it is made for may take, and some skew. Apple allows six months. */
const LIFETIME_SECONDS = 300

/** Whose secret it is, whatever host a test asks instead. */
const AUDIENCE = "https://appleid.apple.com"

/** @returns the key, or undefined when the text is not a private key on P-256 */
export function readAppleKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey({ key: pem, format: "pem" })
    return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1"
      ? key
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Apple's client secret: a JWT of our own, signed with ES256, made anew for each use.
 * Source: Apple, "Creating a client secret".
 * @param now milliseconds since 1970
 */
export function appleSecret(
  input: {
    readonly clientId: string
    readonly teamId: string
    readonly keyId: string
    readonly key: KeyObject
  },
  now: number,
): string {
  const issuedAt = Math.floor(now / 1000)
  const header = { alg: "ES256", kid: input.keyId }
  const claims = {
    iss: input.teamId,
    iat: issuedAt,
    exp: issuedAt + LIFETIME_SECONDS,
    aud: AUDIENCE,
    sub: input.clientId,
  }
  const signed = [header, claims].map((part) => toBase64url(Buffer.from(JSON.stringify(part)))).join(".")
  // JWS wants the two numbers side by side (RFC 7518, 3.4), not DER.
  const signature = sign("sha256", Buffer.from(signed), { key: input.key, dsaEncoding: "ieee-p1363" })
  return `${signed}.${toBase64url(signature)}`
}
