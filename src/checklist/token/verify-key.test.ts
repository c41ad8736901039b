import assert from "node:assert/strict"
import { generateKeyPairSync, type JsonWebKey, randomBytes } from "node:crypto"
import { test } from "node:test"
import { makeSignature, verifySignature } from "./signature.ts"
import { makeSigningKey } from "./signing-key.ts"
import { readVerifyKey, type SignatureAlgorithm } from "./verify-key.ts"

function pairOf(algorithm: SignatureAlgorithm): { jwk: JsonWebKey; secret: JsonWebKey } {
  const pair =
    algorithm === "EdDSA"
      ? generateKeyPairSync("ed25519")
      : generateKeyPairSync("ec", { namedCurve: "prime256v1" })
  return { jwk: pair.publicKey.export({ format: "jwk" }), secret: pair.privateKey.export({ format: "jwk" }) }
}

const ED = pairOf("EdDSA")
const EC = pairOf("ES256")

test("reads a public key of either kind, also with the members that say what it is for", () => {
  for (const [algorithm, { jwk }] of [
    ["EdDSA", ED],
    ["ES256", EC],
  ] as const) {
    assert.equal(readVerifyKey(jwk)?.algorithm, algorithm)
    assert.equal(readVerifyKey({ ...jwk, alg: algorithm, use: "sig", kid: "x" })?.algorithm, algorithm)
    assert.equal(readVerifyKey({ ...jwk, key_ops: ["verify"] })?.algorithm, algorithm)
  }
})

const flipped = (text: string | undefined): string => {
  const bytes = Buffer.from(text ?? "", "base64url")
  bytes[31] = (bytes[31] ?? 0) ^ 1
  return bytes.toString("base64url")
}

const REFUSED: readonly (readonly [what: string, jwk: unknown])[] = [
  ["nothing", undefined],
  ["null", null],
  ["a text", JSON.stringify(ED.jwk)],
  ["a list", [ED.jwk]],
  ["a private Ed25519 key", ED.secret],
  ["a private P-256 key", EC.secret],
  ...["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"].map(
    (name) => [`a member ${name}`, { ...ED.jwk, [name]: "" }] as const,
  ),
  ["no kty", { ...ED.jwk, kty: undefined }],
  ["another kty", { ...EC.jwk, kty: "RSA" }],
  ["the kty of the other curve", { ...EC.jwk, kty: "OKP" }],
  ["another curve", { ...EC.jwk, crv: "P-384" }],
  ["a curve for key agreement", { ...ED.jwk, crv: "X25519" }],
  ["Ed448", { ...ED.jwk, crv: "Ed448" }],
  ["the name in another case", { ...ED.jwk, crv: "ed25519" }],
  ["an RSA key", generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" })],
  ["a symmetric key", { kty: "oct", k: randomBytes(32).toString("base64url") }],
  ["another alg", { ...EC.jwk, alg: "ES384" }],
  ["alg none", { ...EC.jwk, alg: "none" }],
  ["the alg of the other curve", { ...EC.jwk, alg: "EdDSA" }],
  ["a key for encryption", { ...EC.jwk, use: "enc" }],
  ["key_ops encrypt", { ...EC.jwk, key_ops: ["encrypt"] }],
  ["key_ops sign", { ...EC.jwk, key_ops: ["sign", "verify"] }],
  ["key_ops twice", { ...EC.jwk, key_ops: ["verify", "verify"] }],
  ["key_ops empty", { ...EC.jwk, key_ops: [] }],
  ["key_ops a text", { ...EC.jwk, key_ops: "verify" }],
  ["no x", { ...ED.jwk, x: undefined }],
  ["no y", { ...EC.jwk, y: undefined }],
  ["a y where none belongs", { ...ED.jwk, y: EC.jwk.y }],
  ["x with padding", { ...ED.jwk, x: `${ED.jwk.x}=` }],
  ["x too short", { ...ED.jwk, x: randomBytes(31).toString("base64url") }],
  ["x too long", { ...ED.jwk, x: randomBytes(33).toString("base64url") }],
  ["a number for x", { ...ED.jwk, x: 1 }],
  ["a point that is not on P-256", { ...EC.jwk, y: flipped(EC.jwk.y) }],
  ["P-256's zero", { ...EC.jwk, x: "A".repeat(43), y: "A".repeat(43) }],
  // RFC 8032 points of small order, and encodings that are not canonical.
  [
    "Ed25519's neutral element",
    { ...ED.jwk, x: Buffer.from(`01${"00".repeat(31)}`, "hex").toString("base64url") },
  ],
  [
    "the point of order 2",
    { ...ED.jwk, x: Buffer.from(`ec${"ff".repeat(30)}7f`, "hex").toString("base64url") },
  ],
  ["a point of order 4", { ...ED.jwk, x: "A".repeat(43) }],
  [
    "a point of order 8",
    {
      ...ED.jwk,
      x: Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex").toString(
        "base64url",
      ),
    },
  ],
  ["a y of p or more", { ...ED.jwk, x: Buffer.from(`ee${"ff".repeat(30)}7f`, "hex").toString("base64url") }],
  ["no point of Ed25519", { ...ED.jwk, x: Buffer.from(`02${"00".repeat(31)}`, "hex").toString("base64url") }],
]

test(`refuses ${REFUSED.length} things that are not such a key`, () => {
  for (const [what, jwk] of REFUSED) assert.equal(readVerifyKey(jwk), undefined, what)
})

test("refuses the nineteen ways to write a y of p or more, also of points that are good", () => {
  let good = 0
  for (let y = 0; y < 19; y++) {
    const canonical = Buffer.alloc(32)
    canonical[0] = y
    const jwk = (bytes: Buffer): object => ({ ...ED.jwk, x: bytes.toString("base64url") })
    if (readVerifyKey(jwk(canonical)) !== undefined) good++
    const other = Buffer.from(`${(0xed + y).toString(16)}${"ff".repeat(30)}7f`, "hex")
    assert.equal(readVerifyKey(jwk(other)), undefined, String(y))
  }
  assert.ok(good > 3, "no good point among them")
})

test("a signature has one length, one key and one text, and nothing throws", () => {
  for (const algorithm of ["EdDSA", "ES256"] as const) {
    const key = makeSigningKey(algorithm, randomBytes(32))
    const other = makeSigningKey(algorithm, randomBytes(32)).verifyKey
    const signature = makeSignature(algorithm, key.privateKey, "text")
    assert.equal(signature.length, 64)
    assert.equal(verifySignature(key.verifyKey, "text", signature), true)
    assert.equal(verifySignature(key.verifyKey, "text ", signature), false)
    assert.equal(verifySignature(other, "text", signature), false)
    assert.equal(verifySignature(key.verifyKey, "text", signature.subarray(1)), false)
    assert.equal(verifySignature(key.verifyKey, "text", Buffer.concat([signature, Buffer.of(0)])), false)
    assert.equal(verifySignature(key.verifyKey, "text", new Uint8Array(64)), false)
    assert.equal(verifySignature(key.verifyKey, "text", new Uint8Array(64).fill(255)), false)
    assert.equal(verifySignature(key.verifyKey, "text", new Uint8Array(0)), false)
  }
})
