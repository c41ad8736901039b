import assert from "node:assert/strict"
import { createPublicKey, randomBytes } from "node:crypto"
import { test } from "node:test"
import fc from "fast-check"
import { compactVerify } from "jose"
import { Faults } from "../../core/misuse.ts"
import { createTokens, readToken, type TokenInput, type Tokens } from "./index.ts"
import { readVerifyKey, SIGNATURE_ALGORITHMS } from "./verify-key.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
const RUNS = LONG ? 50_000 : 1500
const NOW = 1_800_000_000_000
const SEEDS = [randomBytes(32)]

function tokensFor(algorithm: (typeof SIGNATURE_ALGORITHMS)[number]): Tokens {
  return createTokens({
    policy: readToken({ algorithm }, new Faults()),
    keys: { list: SEEDS },
    origin: new URL("https://api.example.com"),
    clock: () => NOW,
    stopwatch: () => 0,
  })
}

const INPUT: TokenInput = {
  userId: "user",
  sessionId: "session",
  authenticatedAt: NOW,
  methods: ["pwd"],
  roles: ["admin"],
  epoch: 0,
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

for (const algorithm of SIGNATURE_ALGORITHMS) {
  test(`law (${algorithm}): any character changed, removed, inserted or appended makes the token invalid`, async () => {
    const { token } = tokensFor(algorithm).issue(INPUT)
    const verifier = tokensFor(algorithm)
    let tried = 0
    const refuse = async (text: string): Promise<void> => {
      if (text === token) return
      tried++
      assert.equal((await verifier.verify(text)).kind, "invalid", text)
      assert.equal(verifier.readSignedOut(text), undefined)
    }
    // Each place once with a neighbour in the alphabet: the last character of a part tries its unused bits so.
    for (let at = 0; at < token.length; at++) {
      const here = ALPHABET.indexOf(token[at] ?? "")
      const other = here < 0 ? "A" : (ALPHABET[here ^ 1] ?? "A")
      await refuse(token.slice(0, at) + other + token.slice(at + 1))
      await refuse(token.slice(0, at) + token.slice(at + 1))
    }
    const place = fc.nat(token.length)
    const insert = fc.oneof(
      fc.constantFrom("=", ".", " ", "\n", "+", "/", "A", "%", "\u0000", "\u0141"),
      fc.string({ minLength: 1, maxLength: 3 }),
    )
    await fc.assert(
      fc.asyncProperty(place, insert, fc.nat(3), async (at, text, skip) => {
        await refuse(token.slice(0, at) + text + token.slice(at + skip))
      }),
      { numRuns: RUNS },
    )
    assert.ok(tried > 2 * token.length)
    assert.equal(verifier.size, 0, "nothing refused is remembered")
    assert.equal((await verifier.verify(token)).kind, "valid")
    assert.equal(verifier.size, 1)
    // The same again, now that the true one is remembered.
    for (let at = 0; at < token.length; at += 7) await refuse(`${token.slice(0, at)}A${token.slice(at + 1)}`)
  })

  test(`law (${algorithm}): parts of two genuine tokens make no third`, async () => {
    const issuer = tokensFor(algorithm)
    const one = issuer.issue(INPUT).token.split(".")
    const two = issuer.issue({ ...INPUT, roles: ["root"], epoch: 1 }).token.split(".")
    const pick = fc.constantFrom(...one, ...two, "")
    await fc.assert(
      fc.asyncProperty(fc.array(pick, { maxLength: 5 }), async (parts) => {
        const text = parts.join(".")
        const genuine = text === one.join(".") || text === two.join(".")
        assert.equal((await issuer.verify(text)).kind, genuine ? "valid" : "invalid", text)
      }),
      { numRuns: RUNS },
    )
  })
}

test("law: garbage of any kind gives invalid, never an error", async () => {
  const verifier = tokensFor("EdDSA")
  const head = verifier.issue(INPUT).token.split(".")[0] ?? ""
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.base64String(),
    fc.stringMatching(/^[A-Za-z0-9_-]{86}$/),
  )
  const garbage = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join(".")),
    fc.array(part, { maxLength: 3 }).map((parts) => [head, ...parts].join(".")),
    fc.string({ minLength: 8000, maxLength: 9000 }),
  )
  await fc.assert(
    fc.asyncProperty(garbage, async (text) => {
      assert.equal((await verifier.verify(text)).kind, "invalid")
      assert.equal(verifier.readSignedOut(text), undefined)
    }),
    { numRuns: RUNS },
  )
})

test("law: what we take jose takes too, with the same payload", async () => {
  for (const algorithm of SIGNATURE_ALGORITHMS) {
    const tokens = tokensFor(algorithm)
    const [jwk] = (JSON.parse(tokens.jwks()) as { keys: Record<string, string>[] }).keys
    const key = createPublicKey({ key: jwk ?? {}, format: "jwk" })
    const word = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((text) => text.isWellFormed())
    const arbitrary = fc.record({
      userId: word,
      sessionId: word,
      authenticatedAt: fc.nat(),
      methods: fc.array(word, { maxLength: 3 }),
      roles: fc.array(word, { maxLength: 5 }),
      epoch: fc.nat(),
    })
    const other = tokensFor(algorithm)
    await fc.assert(
      fc.asyncProperty(arbitrary, async (input) => {
        const { token } = tokens.issue(input)
        const ours = await other.verify(token)
        assert.ok(ours.kind === "valid")
        // Both from the cache of the issuer and from the text: the same value.
        assert.deepEqual(ours, await tokens.verify(token))
        const { payload } = await compactVerify(token, key)
        const theirs = JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>
        assert.deepEqual(
          [ours.session.userId, ours.session.roles, ours.epoch],
          [theirs.sub, theirs.roles, theirs.epoch],
        )
      }),
      { numRuns: LONG ? 5000 : 150 },
    )
  }
})

test("law: any value is judged as a key without throwing, and no value by chance is one", () => {
  const jwk = fc.record(
    {
      kty: fc.constantFrom("OKP", "EC", "RSA", "oct", 1),
      crv: fc.constantFrom("Ed25519", "P-256", "P-384", "X25519"),
      x: fc.oneof(
        fc.base64String(),
        fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString("base64url")),
      ),
      y: fc.oneof(
        fc.anything(),
        fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString("base64url")),
      ),
      use: fc.constantFrom("sig", "enc", undefined),
      alg: fc.constantFrom("EdDSA", "ES256", "none", undefined),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(jwk, fc.anything()), (value) => {
      const read = readVerifyKey(value)
      assert.ok(read === undefined || read.key.type === "public")
    }),
    { numRuns: RUNS },
  )
})
