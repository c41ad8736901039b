import assert from "node:assert/strict"
import { createPublicKey, randomBytes } from "node:crypto"
import { test } from "node:test"
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from "jose"
import type { Facts } from "../../core/facts.ts"
import { Faults, MisuseError } from "../../core/misuse.ts"
import { createTokens, readToken, state, type TokenInput, type Tokens } from "./index.ts"
import { makeSignature } from "./signature.ts"
import { makeSigningKey } from "./signing-key.ts"
import { SIGNATURE_ALGORITHMS } from "./verify-key.ts"

const ORIGIN = new URL("https://api.example.com")
const NOW = 1_800_000_000_000
const SEEDS = [randomBytes(32), randomBytes(32)]
const LIFETIME = 900

const INPUT: TokenInput = {
  userId: randomBytes(16).toString("base64url"),
  sessionId: randomBytes(16).toString("base64url"),
  authenticatedAt: NOW - 5_000,
  methods: ["pwd"],
  roles: ["admin", "größe"],
  epoch: 7,
}

interface Bench {
  readonly tokens: Tokens
  now: number
}

function bench(change: { seeds?: readonly Uint8Array[]; options?: object; origin?: string } = {}): Bench {
  const made = { now: NOW } as { now: number; tokens: Tokens }
  made.tokens = createTokens({
    policy: readToken(change.options ?? {}, new Faults()),
    keys: { list: change.seeds ?? SEEDS },
    origin: new URL(change.origin ?? ORIGIN.href),
    clock: () => made.now,
    stopwatch: () => 0,
  })
  return made
}

async function verdict(token: string, at: Bench = bench()): Promise<string> {
  const result = await at.tokens.verify(token)
  return result.kind === "valid" ? "valid" : result.reason
}

const KEY = makeSigningKey("EdDSA", SEEDS[0] as Buffer)

/** A token that our own key signed, whatever its payload says. */
function signed(payload: string | Uint8Array, head: string = KEY.head): string {
  const signingInput = head + Buffer.from(payload).toString("base64url")
  return `${signingInput}.${makeSignature("EdDSA", KEY.privateKey, signingInput).toString("base64url")}`
}

const CLAIMS: Readonly<Record<string, unknown>> = {
  iss: "https://api.example.com",
  aud: "https://api.example.com",
  sub: INPUT.userId,
  sid: INPUT.sessionId,
  client_id: "api.example.com",
  jti: randomBytes(16).toString("base64url"),
  iat: NOW / 1000,
  exp: NOW / 1000 + LIFETIME,
  auth_time: NOW / 1000 - 5,
  amr: ["pwd"],
  roles: ["admin"],
  epoch: 7,
}

const withClaims = (change: object): string => signed(JSON.stringify({ ...CLAIMS, ...change }))

test("what was issued is valid, in the same process and in another one", async () => {
  for (const algorithm of SIGNATURE_ALGORITHMS) {
    const here = bench({ options: { algorithm } })
    const { token, expiresAt } = here.tokens.issue(INPUT)
    assert.equal(expiresAt, NOW + LIFETIME * 1000)
    assert.equal(here.tokens.size, 1)
    const elsewhere = bench({ options: { algorithm } })
    for (const result of [here.tokens.verify(token), await elsewhere.tokens.verify(token)]) {
      assert.deepEqual(result, {
        kind: "valid",
        session: {
          userId: INPUT.userId,
          sessionId: INPUT.sessionId,
          authenticatedAt: INPUT.authenticatedAt,
          methods: ["pwd"],
          roles: ["admin", "größe"],
          expiresAt,
        },
        epoch: 7,
        issuedAt: NOW,
      })
      assert.ok(
        result.kind === "valid" && Object.isFrozen(result.session) && Object.isFrozen(result.session.roles),
      )
    }
  }
})

test("jose, given our JWKS, verifies our tokens and finds the content of RFC 9068", async () => {
  for (const algorithm of SIGNATURE_ALGORITHMS) {
    const { tokens } = bench({ options: { algorithm } })
    const { token } = tokens.issue(INPUT)
    const { payload, protectedHeader } = await jwtVerify(
      token,
      createLocalJWKSet(JSON.parse(tokens.jwks())),
      {
        algorithms: [algorithm],
        issuer: "https://api.example.com",
        audience: "https://api.example.com",
        typ: "at+jwt",
        currentDate: new Date(NOW),
        requiredClaims: [
          "iss",
          "exp",
          "aud",
          "sub",
          "client_id",
          "iat",
          "jti",
          "sid",
          "auth_time",
          "amr",
          "roles",
        ],
      },
    )
    assert.deepEqual(protectedHeader, { alg: algorithm, typ: "at+jwt", kid: tokens.kid })
    assert.equal(payload.client_id, "api.example.com")
    assert.equal(payload.epoch, 7)
  }
})

test("the kid is the RFC 7638 thumbprint, and the JWKS has every key and no private member", async () => {
  for (const algorithm of SIGNATURE_ALGORITHMS) {
    const { tokens } = bench({ options: { algorithm } })
    const { keys } = JSON.parse(tokens.jwks()) as { keys: Record<string, string>[] }
    assert.equal(keys.length, 2)
    assert.equal(keys[0]?.kid, tokens.kid)
    for (const jwk of keys) {
      assert.equal(await calculateJwkThumbprint(jwk), jwk.kid)
      const members = Object.keys(jwk).sort()
      const expected = algorithm === "EdDSA" ? ["crv", "x"] : ["crv", "x", "y"]
      assert.deepEqual(members, ["alg", ...expected, "kid", "kty", "use"].sort())
      assert.equal(createPublicKey({ key: jwk, format: "jwk" }).type, "public")
    }
  }
})

test("keys follow from the seed alone, and each seed gives another", () => {
  for (const algorithm of SIGNATURE_ALGORITHMS) {
    const kids = SEEDS.map((seed) => makeSigningKey(algorithm, seed).kid)
    assert.deepEqual(
      kids,
      SEEDS.map((seed) => makeSigningKey(algorithm, seed).kid),
    )
    assert.notEqual(kids[0], kids[1])
  }
})

test("the first key signs and all verify, so secrets can be rotated", async () => {
  const [first, second] = SEEDS as [Buffer, Buffer]
  const before = bench({ seeds: [first] }).tokens.issue(INPUT).token
  assert.equal(await verdict(before, bench({ seeds: [second, first] })), "valid")
  assert.equal(await verdict(before, bench({ seeds: [second] })), "header")
  const after = bench({ seeds: [second, first] }).tokens.issue(INPUT).token
  assert.equal(await verdict(after, bench({ seeds: [first, second] })), "valid")
})

test("another algorithm, another installation, another audience: refused", async () => {
  const { token } = bench().tokens.issue(INPUT)
  assert.equal(await verdict(token, bench({ options: { algorithm: "ES256" } })), "header")
  assert.equal(await verdict(token, bench({ seeds: [randomBytes(32)] })), "header")
  assert.equal(await verdict(token, bench({ origin: "https://api.example.com:8443" })), "parties")
  assert.equal(await verdict(token, bench({ options: { audience: "https://other.example" } })), "parties")
  const forOther = bench({ options: { audience: "https://other.example" } })
  assert.equal(await verdict(forOther.tokens.issue(INPUT).token, forOther), "valid")
})

test("a token ends on the second, remembered or not, and a remembered one costs no signature", async () => {
  const at = bench()
  const { token, expiresAt } = at.tokens.issue(INPUT)
  at.now = expiresAt - 1
  assert.equal(await verdict(token, at), "valid")
  const fresh = bench()
  fresh.now = expiresAt - 1
  assert.equal(await verdict(token, fresh), "valid")
  for (const bench of [at, fresh]) {
    bench.now = expiresAt
    assert.equal(await verdict(token, bench), "expired")
  }
  const late = bench()
  late.now = expiresAt
  assert.equal(await verdict(token, late), "expired")
  assert.equal(late.tokens.size, 0)
})

test("other keys empty the cache, and a token of a key that is gone is none, even one that waits for its turn", async () => {
  const [one, two] = SEEDS as [Buffer, Buffer]
  const keys = { list: [one] as readonly Uint8Array[] }
  let elapsed = 0
  const tokens = createTokens({
    policy: readToken({}, new Faults()),
    keys,
    origin: ORIGIN,
    clock: () => NOW,
    // A turn takes one signature.
    stopwatch: () => (elapsed += 2),
  })
  const foreign = bench({ seeds: [one] })
  const old = Array.from({ length: 5 }, () => foreign.tokens.issue(INPUT).token)
  const { kid } = tokens
  const answers = old.slice(0, 3).map((token) => tokens.verify(token))
  assert.ok(answers[2] instanceof Promise, "it waits")
  assert.equal((await answers[0])?.kind, "valid")
  assert.equal(tokens.size, 1)
  keys.list = [two, one]
  assert.equal(tokens.size, 0)
  assert.notEqual(tokens.kid, kid)
  assert.equal(JSON.parse(tokens.jwks()).keys.length, 2)
  assert.equal((await tokens.verify(old[0] ?? "")).kind, "valid")
  const [, waiting] = [tokens.verify(old[3] ?? ""), tokens.verify(old[4] ?? "")]
  assert.ok(waiting instanceof Promise)
  keys.list = [two]
  assert.deepEqual(await waiting, { kind: "invalid", reason: "header" })
  assert.deepEqual(await tokens.verify(old[0] ?? ""), { kind: "invalid", reason: "header" })
  assert.equal(tokens.readSignedOut(old[0] ?? ""), undefined)
  assert.equal((await tokens.verify(tokens.issue(INPUT).token)).kind, "valid")
})

const WRONG: readonly (readonly [what: string, change: object, reason: string])[] = [
  ...Object.keys(CLAIMS).map((name) => [`no ${name}`, { [name]: undefined }, "claims"] as const),
  ...Object.keys(CLAIMS).map((name) => [`${name} null`, { [name]: null }, "claims"] as const),
  ...Object.keys(CLAIMS).map((name) => [`${name} an object`, { [name]: {} }, "claims"] as const),
  ...["iat", "exp", "auth_time", "epoch"].flatMap((name) =>
    [1.5, -1, 1e300, "1800000000", [1800000000], true].map(
      (value) => [`${name} = ${JSON.stringify(value)}`, { [name]: value }, "claims"] as const,
    ),
  ),
  ...["iss", "aud", "sub", "sid", "client_id", "jti"].flatMap((name) =>
    ["", 1, [CLAIMS[name]], "x".repeat(257)].map(
      (value) => [`${name} = ${JSON.stringify(value).slice(0, 20)}`, { [name]: value }, "claims"] as const,
    ),
  ),
  ["roles a text", { roles: "admin" }, "claims"],
  ["roles with a number", { roles: [1] }, "claims"],
  ["roles with an empty text", { roles: [""] }, "claims"],
  ["257 roles", { roles: Array.from({ length: 257 }, (_, index) => `r${index}`) }, "claims"],
  ["nbf a text", { nbf: "1" }, "claims"],
  ...[
    "https://api.example.com/",
    "https://api.example.co",
    "https://API.example.com",
    "http://api.example.com",
    "api.example.com",
    "https://api.example.com ",
  ].flatMap(
    (text) =>
      [
        [`iss ${text}`, { iss: text }, "parties"],
        [`aud ${text}`, { aud: text }, "parties"],
      ] as const,
  ),
  ["a foreign client_id", { client_id: "api.example.com:443" }, "parties"],
  ["a longer lifetime", { exp: NOW / 1000 + LIFETIME + 1 }, "lifetime"],
  ["an older iat with the same end", { iat: NOW / 1000 - 1 }, "lifetime"],
  ["an end before the beginning", { exp: NOW / 1000 - 1 }, "lifetime"],
  ["an end at the beginning", { exp: NOW / 1000 }, "lifetime"],
  ["iat 61 s in the future", { iat: NOW / 1000 + 61, exp: NOW / 1000 + 61 + LIFETIME }, "future"],
  [
    "iat 61 s in the future, nbf not",
    { nbf: NOW / 1000, iat: NOW / 1000 + 61, exp: NOW / 1000 + 61 + LIFETIME },
    "future",
  ],
  ["nbf 61 s in the future", { nbf: NOW / 1000 + 61 }, "future"],
]

test(`${WRONG.length} payloads that our own key signed and that are no access token of ours: refused`, async () => {
  for (const [what, change, reason] of WRONG) assert.equal(await verdict(withClaims(change)), reason, what)
})

test("what a clock may differ, and a member that is new, is taken", async () => {
  assert.equal(await verdict(withClaims({})), "valid")
  assert.equal(await verdict(withClaims({ iat: NOW / 1000 + 60, exp: NOW / 1000 + 60 + LIFETIME })), "valid")
  assert.equal(await verdict(withClaims({ nbf: NOW / 1000 + 60 })), "valid")
  assert.equal(await verdict(withClaims({ later: { anything: true } })), "valid")
  assert.equal(await verdict(withClaims({ roles: [] })), "valid")
})

test("payloads that two parsers could read in two ways: refused", async () => {
  const text = JSON.stringify(CLAIMS)
  const payloads: readonly (string | Uint8Array)[] = [
    text.replace('"roles":["admin"]', '"roles":["admin"],"roles":["root"]'),
    text.replace('"roles":["admin"]', '"roles":["admin"],"r\\u006fles":["root"]'),
    text.replace("{", '{"__proto__":{"roles":["root"]},'),
    `\ufeff${text}`,
    Buffer.concat([
      Buffer.from(text.slice(0, -1)),
      Buffer.from(',"x":"'),
      Buffer.of(0xff),
      Buffer.from('"}'),
    ]),
    `[${text}]`,
    `${text}{}`,
    text.slice(0, -1),
    text.replaceAll('"', "'"),
    JSON.stringify(text),
    "null",
    "{}",
  ]
  for (const payload of payloads) assert.equal(await verdict(signed(payload)), "claims", String(payload))
})

test("a header that our key signed and that is not ours to the byte: refused", async () => {
  const header = Buffer.from(KEY.head.slice(0, -1), "base64url").toString()
  const { kid } = KEY
  const headers = [
    header.replace("at+jwt", "AT+JWT"),
    header.replace("at+jwt", "JWT"),
    header.replace("at+jwt", "application/at+jwt"),
    header.replace("EdDSA", "none"),
    header.replace("EdDSA", "nOnE"),
    header.replace("EdDSA", "HS256"),
    header.replace("EdDSA", "Ed25519"),
    header.replace(",", ", "),
    `${header} `,
    header.replace("}", ',"crit":["exp"]}'),
    header.replace("}", ',"jku":"https://evil.example/jwks"}'),
    header.replace("}", `,"kid":"${kid}"}`),
    JSON.stringify({ typ: "at+jwt", alg: "EdDSA", kid }),
    JSON.stringify({ alg: "EdDSA", typ: "at+jwt" }),
    JSON.stringify({ alg: "EdDSA", kid }),
    JSON.stringify({ alg: "EdDSA", typ: "at+jwt", kid: `${kid}x` }),
    "",
    "{}",
  ]
  for (const text of headers) {
    const head = `${Buffer.from(text).toString("base64url")}.`
    assert.equal(await verdict(signed(JSON.stringify(CLAIMS), head)), "header", text)
  }
})

test("tokens of other purposes are refused", async () => {
  const secret = randomBytes(32).toString("base64url")
  for (const other of [
    "",
    `nl_refresh_${secret.repeat(3)}`,
    secret,
    `${secret}.${secret}`,
    `${secret}.${secret}.${secret}`,
  ]) {
    assert.equal(await verdict(other), "header")
  }
  assert.equal(await verdict("x".repeat(8193)), "size")
})

test("8 KiB is the most: a larger one is neither issued nor judged", async () => {
  const at = bench()
  const roles = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `role-${index}`.padEnd(200, "x"))
  const { token } = at.tokens.issue({ ...INPUT, roles: roles(25) })
  assert.equal(await verdict(token), "valid")
  assert.throws(() => at.tokens.issue({ ...INPUT, roles: roles(40) }), MisuseError)
  assert.equal(await verdict(withClaims({ roles: roles(40) })), "size")
})

test("nothing is issued that no verifier would take", () => {
  const { tokens } = bench()
  for (const change of [
    { userId: "" },
    { epoch: -1 },
    { epoch: 0.5 },
    { roles: [""] },
    { authenticatedAt: Number.NaN },
  ]) {
    assert.throws(() => tokens.issue({ ...INPUT, ...change }), MisuseError, JSON.stringify(change))
  }
})

test("for logout an expired token still names its session, a forged one does not", () => {
  const at = bench()
  const { token } = at.tokens.issue(INPUT)
  const named = { sessionId: INPUT.sessionId, userId: INPUT.userId }
  at.now = NOW + 90 * 86_400_000
  assert.deepEqual(at.tokens.readSignedOut(token), named)
  assert.deepEqual(bench({ options: { accessLifetimeSeconds: 60 } }).tokens.readSignedOut(token), named)
  const last = token.at(-2) === "A" ? "B" : "A"
  for (const bad of [
    "",
    `${token.slice(0, -2)}${last}${token.at(-1)}`,
    `${token}x`,
    withClaims({ aud: "https://x.example" }),
  ]) {
    assert.equal(at.tokens.readSignedOut(bad), undefined)
  }
})

test("options: defaults, bounds and hints", () => {
  assert.deepEqual(readToken(undefined, new Faults()), {
    accessLifetimeSeconds: 900,
    algorithm: "EdDSA",
    audience: undefined,
  })
  const bad: readonly (readonly [unknown, string])[] = [
    [{ accessLifetimeSeconds: 0 }, "option.invalid"],
    [{ accessLifetimeSeconds: 3601 }, "option.invalid"],
    [{ accessLifetimeSeconds: 1.5 }, "option.invalid"],
    [{ accessLifetimeSeconds: "900" }, "option.invalid"],
    [{ algorithm: "HS256" }, "option.invalid"],
    [{ algorithm: "none" }, "option.invalid"],
    [{ audience: "" }, "option.invalid"],
    [{ audience: "a b" }, "option.invalid"],
    [{ audience: ["a"] }, "option.invalid"],
    [{ lifetimeSeconds: 60 }, "option.unknown"],
    [[], "option.invalid"],
  ]
  for (const [input, code] of bad) {
    const faults = new Faults()
    const policy = readToken(input, faults)
    assert.deepEqual(
      faults.list.map((fault) => fault.code),
      [code],
      JSON.stringify(input),
    )
    assert.equal(policy.accessLifetimeSeconds, 900)
  }
})

test("the line holds for a quarter of an hour and is weakened beyond", () => {
  const judged = (token: object, clocksApartMs = 0): string =>
    state({ token, instances: { live: 2, clocksApartMs } } as unknown as Facts).state
  assert.equal(judged({ algorithm: "EdDSA", lifetimeSeconds: 900, keys: 1 }), "holds")
  assert.equal(judged({ algorithm: "EdDSA", lifetimeSeconds: 901, keys: 2 }), "weakened")
  assert.equal(judged({ algorithm: "EdDSA", lifetimeSeconds: 900, keys: 0 }), "fails")
  assert.equal(judged({ algorithm: "EdDSA", lifetimeSeconds: 900, keys: 1 }, 5_000), "holds")
  assert.equal(judged({ algorithm: "EdDSA", lifetimeSeconds: 900, keys: 1 }, 5_001), "fails")
})
