/**
 * The layers under our header comparison (key reader, split, signature) against Project Wycheproof's vectors, and our whole
 * verifier against their techniques. The vectors are read from the folder in WYCHEPROOF_DIR and are not part of this
 * repository. Source: github.com/C2SP/wycheproof, json_web_signature_test and json_web_key_test.
 */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { splitCompact } from "../../src/checklist/token/compact.ts"
import { createTokens, readToken, type Tokens } from "../../src/checklist/token/index.ts"
import { verifySignature } from "../../src/checklist/token/signature.ts"
import {
  readVerifyKey,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
} from "../../src/checklist/token/verify-key.ts"
import { fromBase64url } from "../../src/core/bytes.ts"
import { Faults } from "../../src/core/misuse.ts"
import { KEY_MUTATIONS, MUTATIONS, type Target } from "./mutation.ts"

type Jwk = Readonly<Record<string, unknown>>

interface Vector {
  readonly group: string
  readonly id: string
  readonly technique: string
  readonly valid: boolean
  readonly jws: unknown
  readonly keys: readonly Jwk[]
}

interface VectorFile {
  readonly testGroups: readonly {
    readonly comment: string
    readonly public?: Jwk & { readonly keys?: readonly Jwk[] }
    readonly private?: Jwk & { readonly keys?: readonly Jwk[] }
    readonly tests: readonly { tcId: number; comment: string; jws: unknown; result: string }[]
  }[]
}

function readVectors(folder: string): readonly Vector[] {
  const names = readdirSync(folder).filter((name) => /json_web_(?:signature|key)_test\.json$/.test(name))
  return names.flatMap((name) => {
    const file = JSON.parse(readFileSync(join(folder, name), "utf8")) as VectorFile
    return file.testGroups.flatMap((group) => {
      const given = group.public ?? group.private ?? {}
      return group.tests.map((one) => ({
        group: group.comment,
        id: `${name}#${one.tcId}`,
        technique: one.comment,
        valid: one.result === "valid",
        jws: one.jws,
        keys: given.keys ?? [given],
      }))
    })
  })
}

function algorithmOf(jws: unknown): unknown {
  try {
    const [header = ""] = String(jws).split(".")
    return (JSON.parse(Buffer.from(header, "base64url").toString()) as { alg?: unknown }).alg
  } catch {
    return undefined
  }
}

/** Everything with a P-256 key, and whatever claims to be ES256. */
function isEs256({ keys, jws }: Vector): boolean {
  return keys.some((jwk) => jwk.crv === "P-256" || jwk.alg === "ES256") || algorithmOf(jws) === "ES256"
}

/** Key reader and signature layer, with our header comparison above them or without it. */
function accepts(jwk: Jwk, jws: unknown, compareHeader: boolean): boolean {
  const key = readVerifyKey(jwk)
  if (key === undefined || typeof jws !== "string") return false
  const expected = Buffer.from(JSON.stringify({ alg: key.algorithm, kid: jwk.kid })).toString("base64url")
  const header = jws.split(".")[0] ?? ""
  if (compareHeader && header !== expected) return false
  const parts = splitCompact(jws, `${header}.`)
  return (
    parts !== undefined &&
    verifySignature(key, parts.signingInput, parts.signature) &&
    fromBase64url(parts.payload) !== undefined
  )
}

/** Undefined after a visible skip; where services are required, a missing folder is a failure. */
function vectorsOr(skip: (reason: string) => void): readonly Vector[] | undefined {
  const folder = process.env.WYCHEPROOF_DIR
  if (folder !== undefined && folder !== "") return readVectors(folder)
  assert.notEqual(process.env.REQUIRE_SERVICES, "1", "WYCHEPROOF_DIR is not set")
  skip("WYCHEPROOF_DIR is not set")
  return undefined
}

for (const compareHeader of [true, false]) {
  const above = compareHeader ? "with the header compared" : "without a look at the header"
  test(`every valid ES256 vector is accepted and every invalid one refused, ${above}`, (t) => {
    const vectors = vectorsOr((reason) => t.skip(reason))?.filter(isEs256)
    if (vectors === undefined) return
    for (const { id, technique, valid, jws, keys } of vectors) {
      assert.equal(
        keys.some((jwk) => accepts(jwk, jws, compareHeader)),
        valid,
        `${id} ${technique}`,
      )
    }
    const valid = vectors.filter((vector) => vector.valid).length
    t.diagnostic(`${valid} valid and ${vectors.length - valid} invalid vectors`)
    assert.ok(valid >= 2 && vectors.length - valid >= 40, "hardly any vectors were found")
  })
}

test("every vector of another algorithm is refused, valid or not", (t) => {
  const vectors = vectorsOr((reason) => t.skip(reason))?.filter((vector) => !isEs256(vector))
  if (vectors === undefined) return
  for (const { id, technique, jws, keys } of vectors) {
    for (const jwk of keys) assert.equal(accepts(jwk, jws, false), false, `${id} ${technique}`)
  }
  t.diagnostic(`${vectors.length} vectors of other algorithms`)
  assert.ok(vectors.length >= 300, "hardly any vectors were found")
})

test("each technique of the vectors that a token of ours can suffer has its mutation", (t) => {
  const vectors = vectorsOr((reason) => t.skip(reason))
  if (vectors === undefined) return
  const general = ["hs256", "base64"]
  const wanted = vectors.filter(
    (vector) => !vector.valid && (isEs256(vector) || general.includes(vector.group)),
  )
  const techniques = new Set(wanted.map((vector) => vector.technique))
  const missing = [...techniques].filter((name) => !(name in MUTATIONS) && !(name in KEY_MUTATIONS))
  assert.deepEqual(missing, [])
  t.diagnostic(`${techniques.size} techniques`)
  assert.ok(techniques.size >= 40)
})

const NOW = 1_800_000_000_000

function tokensFor(algorithm: SignatureAlgorithm, seed: Uint8Array): Tokens {
  return createTokens({
    policy: readToken({ algorithm }, new Faults()),
    keys: { list: [seed] },
    origin: new URL("https://api.example.com"),
    clock: () => NOW,
  })
}

for (const algorithm of SIGNATURE_ALGORITHMS) {
  test(`our own ${algorithm} token, mutated by each technique, is refused by the whole verifier`, async (t) => {
    const seed = randomBytes(32)
    const issuer = tokensFor(algorithm, seed)
    const { token } = issuer.issue({
      userId: "user",
      sessionId: "session",
      authenticatedAt: NOW,
      methods: ["pwd"],
      roles: ["admin"],
      epoch: 0,
    })
    const [header = "", payload = "", signature = ""] = token.split(".")
    const [jwk = {}] = (JSON.parse(issuer.jwks()) as { keys: Record<string, string>[] }).keys
    const target: Target = { algorithm, header, payload, signature, jwk }
    let count = 0
    for (const [technique, mutate] of Object.entries(MUTATIONS)) {
      const mutants = mutate(target)
      assert.ok(mutants.length > 0, technique)
      for (const mutant of mutants) {
        assert.notEqual(mutant, token, technique)
        // One verifier that has never seen the true token, and the one that remembers it.
        for (const verifier of [tokensFor(algorithm, seed), issuer]) {
          assert.equal((await verifier.verify(mutant)).kind, "invalid", technique)
          assert.equal(verifier.readSignedOut(mutant), undefined, technique)
        }
        count++
      }
    }
    assert.equal((await tokensFor(algorithm, seed).verify(token)).kind, "valid")
    t.diagnostic(`${count} mutants by ${Object.keys(MUTATIONS).length} techniques`)
    assert.ok(count >= 80)
  })

  test(`our own ${algorithm} key, mutated by each technique, verifies our token no more`, (t) => {
    const issuer = tokensFor(algorithm, randomBytes(32))
    const { token } = issuer.issue({
      userId: "u",
      sessionId: "s",
      authenticatedAt: NOW,
      methods: [],
      roles: [],
      epoch: 0,
    })
    const [jwk = {}] = (JSON.parse(issuer.jwks()) as { keys: Jwk[] }).keys
    assert.equal(accepts(jwk, token, false), true)
    let count = 0
    for (const [technique, mutate] of Object.entries(KEY_MUTATIONS)) {
      for (const mutant of mutate(jwk, algorithm)) {
        assert.equal(accepts(mutant, token, false), false, technique)
        count++
      }
    }
    t.diagnostic(`${count} mutated keys`)
    assert.ok(count >= 14)
  })
}
