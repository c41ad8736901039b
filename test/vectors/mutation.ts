/**
 * The techniques of Project Wycheproof's JWS vectors, applied to tokens of our own. Each has the name that its vectors bear
 * as their comment, so that a technique which is new in the vectors and missing here is noticed.
 */
import { createHmac, generateKeyPairSync, type JsonWebKey, sign } from "node:crypto"
import type { SignatureAlgorithm } from "../../src/checklist/token/verify-key.ts"

/** A genuine token with what an attacker knows besides it. */
export interface Target {
  readonly algorithm: SignatureAlgorithm
  readonly header: string
  readonly payload: string
  readonly signature: string
  readonly jwk: Readonly<Record<string, string>>
}

type Mutation = (target: Target) => readonly string[]

const encode = (text: string | Uint8Array): string => Buffer.from(text).toString("base64url")
const join = (...parts: readonly string[]): string => parts.join(".")
const headerOf = (target: Target): Record<string, unknown> =>
  JSON.parse(Buffer.from(target.header, "base64url").toString()) as Record<string, unknown>

/** Another first character: another first byte. */
const changed = (part: string): string => (part.startsWith("X") ? "Y" : "X") + part.slice(1)

const ORDER: Readonly<Record<SignatureAlgorithm, bigint>> = {
  // SEC 2, section 2.4.2 and RFC 8032, section 5.1.
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  EdDSA: 2n ** 252n + 27742317777372353535851937790883648493n,
}

/** ES256 writes its numbers with the great end first, Ed25519 with the small one. */
function numberBytes(algorithm: SignatureAlgorithm, value: bigint, length: number): Buffer {
  const bytes = Buffer.from(value.toString(16).padStart(length * 2, "0"), "hex")
  return algorithm === "ES256" ? bytes : bytes.reverse()
}

function halves(target: Target): { r: Buffer; s: Buffer; rValue: bigint; sValue: bigint; order: bigint } {
  const bytes = Buffer.from(target.signature, "base64url")
  const [r, s] = [bytes.subarray(0, 32), bytes.subarray(32)]
  const value = (half: Buffer): bigint => {
    const great = target.algorithm === "ES256" ? half : Buffer.from(half).reverse()
    return BigInt(`0x${great.toString("hex")}`)
  }
  return { r, s, rValue: value(r), sValue: value(s), order: ORDER[target.algorithm] }
}

const withSignature = (target: Target, ...parts: readonly Uint8Array[]): string =>
  join(target.header, target.payload, encode(Buffer.concat(parts)))

const ZERO = Buffer.of(0)
const ONE = Buffer.of(1)

/** Every pair of 0, 1, n-1 and n: signatures for which a careless verifier divides by zero or compares nothing with nothing. */
function edgeNumbers(): Record<string, Mutation> {
  const values = { Zero: 0n, One: 1n, Nminus1: -1n, N: 0n } as const
  const all: Record<string, Mutation> = {}
  for (const r of Object.keys(values) as (keyof typeof values)[]) {
    for (const s of Object.keys(values) as (keyof typeof values)[]) {
      all[`rIs${r}_sIs${s}`] = (target) => {
        const { order } = halves(target)
        const number = (name: keyof typeof values): Buffer => {
          const value = name.startsWith("N") ? order + values[name] : values[name]
          return numberBytes(target.algorithm, value, 32)
        }
        return [withSignature(target, number(r), number(s))]
      }
    }
  }
  return all
}

/** A new signature by the attacker over a header of the attacker's choice. */
function resigned(target: Target, header: (jwk: JsonWebKey) => object): string {
  const pair =
    target.algorithm === "EdDSA"
      ? generateKeyPairSync("ed25519")
      : generateKeyPairSync("ec", { namedCurve: "prime256v1" })
  const jwk = pair.publicKey.export({ format: "jwk" })
  const input = join(encode(JSON.stringify(header(jwk))), target.payload)
  const digest = target.algorithm === "EdDSA" ? null : "sha256"
  const key = { key: pair.privateKey, dsaEncoding: "ieee-p1363" } as const
  return join(input, encode(sign(digest, Buffer.from(input), key)))
}

function macced(target: Target, algorithm: string, key: string | Uint8Array): string {
  const input = join(encode(JSON.stringify({ ...headerOf(target), alg: algorithm })), target.payload)
  return join(input, createHmac("sha256", key).update(input).digest("base64url"))
}

/** The last character with another value in the bits that no byte uses. */
function unusedBits(part: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.at(-1) ?? "A") ^ 1]
}

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  rejectsModifiedSignature: (t) => [join(t.header, t.payload, changed(t.signature))],
  rejectsMissingSignature: (t) => [join(t.header, t.payload, "")],
  rejectsMissingSignatureAndSeparator: (t) => [join(t.header, t.payload)],
  rejectsModifiedPayload: (t) => [join(t.header, changed(t.payload), t.signature)],
  rejectsMissingPayload: (t) => [join(t.header, "", t.signature)],
  rejectsMissingPayloadAndSeparator: (t) => [join(t.header, t.signature)],
  rejectsModifiedHeader: (t) => {
    const { kid, ...rest } = headerOf(t)
    return [{ ...rest, kid: changed(String(kid)) }, rest].map((header) =>
      join(encode(JSON.stringify(header)), t.payload, t.signature),
    )
  },
  rejectsMissingHeader: (t) => [join("", t.payload, t.signature)],
  rejectsMissingHeaderAndSeparator: (t) => [join(t.payload, t.signature)],
  rejectsMissingHeaderAndSignature: (t) => [join("", t.payload, "")],
  rejectsMissingHeaderSignatureAndSeparator: (t) => [join("", t.payload), join(t.payload, "")],
  rejectsMissingHeaderSignatureAndSeparators: (t) => [t.payload],
  rejectsEmptyString: () => [""],
  rejectsExtraEmptyComponent: (t) => [
    join(t.header, t.payload, t.signature, ""),
    join("", t.header, t.payload, t.signature),
    join(t.header, "", t.payload, t.signature),
  ],
  rejectsExtraComponent: (t) => [
    join(t.header, t.payload, t.signature, t.signature),
    join(t.header, t.payload, t.payload, t.signature),
    join(t.header, t.header, t.payload, t.signature),
  ],
  rejectsNoneAlgorithmAndMissingSignature: (t) =>
    ["none", "None", "NONE", "nOnE", ""].map((alg) =>
      join(encode(JSON.stringify({ ...headerOf(t), alg })), t.payload, ""),
    ),
  algIsNone: (t) =>
    ["none", "None", "NONE", "nOnE"].map((alg) =>
      join(encode(JSON.stringify({ ...headerOf(t), alg })), t.payload, t.signature),
    ),
  rejectsValidJsonSerialization: (t) => [
    JSON.stringify({ protected: t.header, payload: t.payload, signature: t.signature }),
    JSON.stringify({ payload: t.payload, signatures: [{ protected: t.header, signature: t.signature }] }),
  ],
  rejectsSymmetryConfusionAttacks_aesKeyFromEcVerificationKeyBytes: (t) => {
    const x = Buffer.from(t.jwk.x ?? "", "base64url")
    const y = Buffer.from(t.jwk.y ?? "", "base64url")
    const keys = [x, Buffer.concat([x, y]), Buffer.concat([Buffer.of(4), x, y]), JSON.stringify(t.jwk)]
    return keys.flatMap((key) => [macced(t, "HS256", key), macced(t, t.algorithm, key)])
  },
  rejectsAttackerProvidedEmbeddedJwk: (t) => [
    resigned(t, (jwk) => ({ ...headerOf(t), jwk })),
    resigned(t, (jwk) => ({ ...headerOf(t), jwk: { ...jwk, kid: headerOf(t).kid } })),
    resigned(t, () => headerOf(t)),
  ],
  SignatureTooLong: (t) => {
    const { r, s } = halves(t)
    return [withSignature(t, ZERO, r, ZERO, s), withSignature(t, ZERO, r, s)]
  },
  TrailingZeros: (t) => {
    const { r, s } = halves(t)
    return [withSignature(t, r, ZERO, s, ZERO), withSignature(t, r, s, ZERO)]
  },
  RisTooBig: (t) => {
    const { s, rValue, order } = halves(t)
    return [withSignature(t, numberBytes(t.algorithm, rValue + order, 33), ZERO, s)]
  },
  SisTooBig: (t) => {
    const { r, sValue, order } = halves(t)
    const sum = sValue + order
    const long = withSignature(t, ZERO, r, numberBytes(t.algorithm, sum, 33))
    // S + n often fits into its 32 bytes with Ed25519, whose order is small: the classic malleability.
    return sum < 2n ** 256n ? [long, withSignature(t, r, numberBytes(t.algorithm, sum, 32))] : [long]
  },
  IntegerOverflow: (t) => {
    const { r, s } = halves(t)
    return [withSignature(t, ONE, r, ZERO, s), withSignature(t, ZERO, r, ONE, s)]
  },
  BufferOverflow: (t) => [withSignature(t, Buffer.alloc(512)), withSignature(t, Buffer.alloc(5000))],
  ...edgeNumbers(),
  rejectsSpacesInMac: (t) => [
    join(t.header, t.payload, `    ${t.signature}`),
    join(t.header, t.payload, `${t.signature} `),
    join(t.header, t.payload, `${t.signature}\n`),
  ],
  rejectsInvalidCharacterInsertedInMac: (t) => [
    join(t.header, t.payload, `?${t.signature}`),
    join(t.header, t.payload, `${t.signature}?`),
  ],
  rejects0ReplacedbyInvalidCharacter: (t) => [join(t.header, t.payload, `?${t.signature.slice(1)}`)],
  rejectsInvalidCharacters: (t) => [join(t.header, t.payload, `????${t.signature.slice(4)}`)],
  spacesInHeader: (t) => [
    join(`${t.header}    `, t.payload, t.signature),
    join(` ${t.header}`, t.payload, t.signature),
  ],
  invalidCharactersInHeader: (t) => [join(`${t.header}####`, t.payload, t.signature)],
  invalidBase64Padding: (t) => [
    join(`${t.header}=`, t.payload, t.signature),
    join(t.header, t.payload, `${t.signature}==`),
    join(t.header, t.payload, unusedBits(t.signature)),
  ],
  spacesInPayload: (t) => [join(t.header, `    ${t.payload}`, t.signature)],
  invalidCharactersInPayload: (t) => [join(t.header, `####${t.payload}`, t.signature)],
  invalidBase64PaddingInPayload: (t) => [
    join(t.header, `${t.payload}=`, t.signature),
    join(t.header, `${t.payload}==`, t.signature),
  ],
  InvalidCharacterInPayload: (t) => [join(t.header, `?${t.payload}`, t.signature)],
  // Valid in the vectors, for decoders that skip what they do not know; ours knows no such mercy.
  InvalidCharacterInsertedInHeader: (t) => [
    join(`${t.header.slice(0, -1)}?${t.header.at(-1)}`, t.payload, t.signature),
  ],
  InvalidCharacterInsertedInPayload: (t) => [join(t.header, `${t.payload}?`, t.signature)],
  ModifiedUnusedBitsInPayload: (t) => [join(t.header, unusedBits(t.payload), t.signature)],
  MacOfIncorrectlyEncodedMessage: (t) => [
    resigned({ ...t, payload: unusedBits(t.payload) }, () => headerOf(t)),
  ],
  // Valid in the vectors with a signature over these blanks; our header has one spelling.
  ValidSpacesInJsonHeader: (t) => [
    join(encode(JSON.stringify(headerOf(t)).replaceAll(":", " : ")), t.payload, t.signature),
  ],
  ValidWhiteSpaceInJsonHeader: (t) => [
    join(encode(JSON.stringify(headerOf(t)).replaceAll(",", ",\n")), t.payload, t.signature),
  ],
}

type Jwk = Readonly<Record<string, unknown>>

/** What the vectors do to keys, done to ours: no such key may verify our genuine token. */
export const KEY_MUTATIONS: Readonly<
  Record<string, (jwk: Jwk, algorithm: SignatureAlgorithm) => readonly Jwk[]>
> = {
  // A set that mixes symmetric and private keys under one roof.
  rejectsValid: (jwk) => [
    { kty: "oct", k: jwk.x, kid: jwk.kid },
    { ...jwk, d: jwk.x },
  ],
  rejectWrongUse: (jwk) => [{ ...jwk, use: "enc" }],
  rejectWrongKeyOps: (jwk) => [
    { ...jwk, key_ops: ["encrypt"] },
    { ...jwk, key_ops: ["sign"] },
  ],
  mismatchedAlgAndCurve: (jwk) =>
    ["ES521", "ES512", "ES224", "ES384", "RS256", "HS256", "none"].map((alg) => ({ ...jwk, alg })),
  rejectsModifiedKey: (jwk, algorithm) => [
    { ...jwk, use: "enc" },
    { ...jwk, x: changed(String(jwk.x)) },
    { ...jwk, crv: algorithm === "ES256" ? "P-384" : "X25519" },
    { ...jwk, kty: "RSA" },
    ...(algorithm === "ES256" ? [{ ...jwk, y: changed(String(jwk.y)) }] : []),
  ],
}
