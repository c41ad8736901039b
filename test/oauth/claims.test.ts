/** Each claim, header and signature of an ID token, removed or changed in turn. */
import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { after, before, beforeEach, describe, it } from "node:test"
import { oidc } from "../../src/checklist/oauth/index.ts"
import {
  type Hostile,
  json,
  jwk,
  ONE,
  openHostile,
  PEM,
  part,
  STRANGER,
  signHs256,
  signRs256,
  TWO,
} from "./hostile-provider.ts"
import { assertFinished, assertRefused, begin, callback, openStage, type Stage } from "./stage.ts"

const CLIENT = "nightlatch"
const SECRET = "canary-client-secret"

type Claims = Readonly<Record<string, unknown>>
/** What is changed in an honest token. */
type Change = (claims: Claims, hostile: Hostile, now: number) => Claims | string

const HEADER = { alg: "RS256", kid: "one", typ: "JWT" }
const without =
  (name: string): Change =>
  ({ [name]: _, ...rest }) =>
    rest
const having =
  (more: Claims): Change =>
  (claims) => ({ ...claims, ...more })
const seconds = (now: number) => Math.floor(now / 1000)
const signed =
  (header: object, key = ONE.privateKey): Change =>
  (claims) =>
    signRs256({ ...HEADER, ...header }, claims, key)
const { kid: _, ...NO_KID } = HEADER

const BAD: readonly (readonly [title: string, change: Change])[] = [
  ["without an issuer", without("iss")],
  ["of another issuer, with a good signature", having({ iss: "https://evil.example" })],
  ["of an issuer with a slash more", (claims) => ({ ...claims, iss: `${claims.iss}/` })],
  ["of an issuer in capitals", (claims) => ({ ...claims, iss: String(claims.iss).toUpperCase() })],
  ["of a list of issuers", (claims) => ({ ...claims, iss: [claims.iss] })],
  ["without an audience", without("aud")],
  ["for another audience", having({ aud: "another-client" })],
  ["for no audience", having({ aud: [] })],
  ["for an audience that begins like ours", having({ aud: `${CLIENT}-2` })],
  ["for an audience in capitals", having({ aud: CLIENT.toUpperCase() })],
  ["for several audiences without us", having({ aud: ["a", "b"], azp: CLIENT })],
  ["for several audiences and no party", having({ aud: [CLIENT, "another-client"] })],
  ["for several audiences and another party", having({ aud: [CLIENT, "x"], azp: "x" })],
  ["for us, made for another party", having({ azp: "another-client" })],
  ["for us, made for an empty party", having({ azp: "" })],
  ["without a nonce", without("nonce")],
  ["with another nonce", having({ nonce: "another-nonce" })],
  ["with an empty nonce", having({ nonce: "" })],
  ["with a list of nonces", (claims) => ({ ...claims, nonce: [claims.nonce] })],
  ["without an end", without("exp")],
  ["that ended a minute and a second ago", (claims, _, now) => ({ ...claims, exp: seconds(now) - 61 })],
  ["that ends in words", having({ exp: "tomorrow" })],
  [
    "that never ends",
    (claims, hostile) => {
      const text = JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e999')
      return hostile.mint({ claims: text })
    },
  ],
  ["without a time of issue", without("iat")],
  ["issued in words", having({ iat: "now" })],
  ["issued in the future", (claims, _, now) => ({ ...claims, iat: seconds(now) + 62 })],
  ["issued before the flow began", (claims, _, now) => ({ ...claims, iat: seconds(now) - 62 })],
  ["not valid yet", (claims, _, now) => ({ ...claims, nbf: seconds(now) + 62 })],
  ["without a subject", without("sub")],
  ["of an empty subject", having({ sub: "" })],
  ["of a number as subject", having({ sub: 248289761001 })],
  ["of a subject that is too long", having({ sub: "x".repeat(256) })],
  ["of a subject with letters that only look like others", having({ sub: "аdmin" })],
  ["of a subject with a line break", having({ sub: "a\nb" })],
  ["with alg none and no signature", (claims) => `${part({ alg: "none" })}.${part(claims)}.`],
  ["with alg None and our signature", (claims) => signRs256({ ...HEADER, alg: "None" }, claims)],
  [
    "with HS256 and the public key as secret",
    (claims) => signHs256({ ...HEADER, alg: "HS256" }, claims, PEM),
  ],
  [
    "with HS256 and the public key's JWK as secret",
    (claims) => signHs256({ ...HEADER, alg: "HS256" }, claims, JSON.stringify(jwk(ONE, "one"))),
  ],
  ["with HS256 and the client secret", (claims) => signHs256({ ...HEADER, alg: "HS256" }, claims, SECRET)],
  ["with the name of another algorithm", signed({ alg: "RS384" })],
  ["with the algorithm of another kind of key", signed({ alg: "ES256" })],
  ["without an algorithm", signed({ alg: undefined })],
  ["of a key that is not in the set", signed({ kid: "three" })],
  ["of no named key where there are two", (claims) => signRs256(NO_KID, claims)],
  ["that names the other key", signed({ kid: "two" })],
  ["signed by a stranger", signed({}, STRANGER.privateKey)],
  ["signed by a stranger who brings the key along", signed({ jwk: jwk(STRANGER) }, STRANGER.privateKey)],
  [
    "signed by a stranger who says where the key is",
    (claims, hostile) =>
      signRs256({ ...HEADER, jku: `${hostile.issuer}/strange-keys` }, claims, STRANGER.privateKey),
  ],
  ["with a critical extension", signed({ crit: ["b64"], b64: true })],
  ["that is an access token by its type", signed({ typ: "at+jwt" })],
  ["that is a logout token by its type", signed({ typ: "logout+jwt" })],
  [
    "with one bit of the signature changed",
    (claims) => {
      const token = signRs256(HEADER, claims)
      const at = token.lastIndexOf(".") + 10
      return `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`
    },
  ],
  ["with an empty signature", (claims) => `${part(HEADER)}.${part(claims)}.`],
  ["without the third part", (claims) => `${part(HEADER)}.${part(claims)}`],
  ["with a fourth part", (claims) => `${signRs256(HEADER, claims)}.x`],
  ["that is encrypted", (claims) => `${signRs256(HEADER, claims)}.x.x`],
  ["with padding", (claims) => `${signRs256(HEADER, claims)}==`],
  [
    "with a subject twice",
    (claims, hostile) =>
      hostile.mint({ claims: JSON.stringify(claims).replace("{", '{"sub":"somebody-else",') }),
  ],
  ["whose claims are a list", (claims, hostile) => hostile.mint({ claims: JSON.stringify([claims]) })],
  ["whose claims are a text", (_, hostile) => hostile.mint({ claims: '"claims"' })],
  [
    "of claims changed after signing",
    (claims) => {
      const [header, , signature] = signRs256(HEADER, claims).split(".")
      return `${header}.${part({ ...claims, sub: "somebody-else" })}.${signature}`
    },
  ],
  ["that is longer than any", having({ padding: "x".repeat(16_384) })],
]

const GOOD: readonly (readonly [title: string, change: Change])[] = [
  ["as it should be", (claims) => claims],
  ["for a list of us alone", having({ aud: [CLIENT] })],
  ["for us and others, made for us", having({ aud: [CLIENT, "another-client"], azp: CLIENT })],
  ["that ended less than the skew ago", (claims, _, now) => ({ ...claims, exp: seconds(now) - 20 })],
  [
    "issued by a clock that is ahead within the skew",
    (claims, _, now) => ({ ...claims, iat: seconds(now) + 59 }),
  ],
  ["of no type", signed({ typ: undefined })],
  ["of the long type", signed({ typ: "application/JWT" })],
  ["signed by the other key", signed({ kid: "two" }, TWO.privateKey)],
]

const ENVELOPES: readonly (readonly [title: string, change: Claims, code: string])[] = [
  ["no ID token", { id_token: undefined }, "oauth.identity"],
  ["an ID token that is a number", { id_token: 5 }, "oauth.identity"],
  ["an access token in the ID token's place", { id_token: "2YotnFZFEjr1zCsicMWpAA" }, "oauth.identity"],
  ["no access token", { access_token: undefined }, "oauth.response"],
  ["an empty access token", { access_token: "" }, "oauth.identity"],
  ["no token type", { token_type: undefined }, "oauth.identity"],
  ["a token type nobody knows", { token_type: "mac" }, "oauth.identity"],
  ["an end in words", { expires_in: "soon" }, "oauth.identity"],
]

describe("an ID token", () => {
  let hostile: Hostile
  let stage: Stage
  before(async () => {
    hostile = await openHostile(CLIENT)
  })
  after(() => hostile.close())
  beforeEach(() => {
    hostile.received.length = 0
    hostile.keys = [jwk(ONE, "one"), jwk(TWO, "two")]
    const { issuer } = hostile
    stage = openStage([
      oidc({ name: "acme", issuer, clientId: CLIENT, clientSecret: SECRET, emailProof: "verified-claim" }),
    ])
  })

  async function play(change: Change, envelope: Claims = {}) {
    const { begun, state, nonce } = await begin(stage, "acme")
    const changed = change(hostile.claims(nonce, stage.now), hostile, stage.now)
    const token = typeof changed === "string" ? changed : hostile.mint({ claims: changed })
    hostile.answers.set("/token", (_request, response) =>
      json(response, 200, {
        access_token: "canary-access",
        refresh_token: "canary-refresh",
        token_type: "Bearer",
        expires_in: 60,
        id_token: token,
        ...envelope,
      }),
    )
    const result = await stage.oauth.finish("acme", callback(state), begun.cookie.value)
    return { result, secrets: [SECRET, "canary-", "the-code", state, nonce, begun.cookie.value, token] }
  }

  for (const [title, change] of GOOD) {
    it(`is believed ${title}`, async () => {
      const { identity, tokens } = assertFinished((await play(change)).result)
      assert.deepEqual(identity, {
        provider: "acme",
        issuer: hostile.issuer,
        subject: "248289761001",
        email: "ada@example.com",
        emailProved: true,
        name: "Ada",
      })
      assert.equal(tokens, undefined)
    })
  }

  for (const [title, change] of BAD) {
    it(`is refused ${title}`, async () => {
      const { result, secrets } = await play(change)
      const refusal = assertRefused(result, "oauth.identity")
      assert.ok(refusal.reason.length > 10)
      const told = JSON.stringify([refusal, stage.logged])
      for (const secret of secrets) assert.ok(secret === "" || !told.includes(secret), told)
      assert.ok(!hostile.received.some(({ path }) => path === "/strange-keys"))
    })
  }

  for (const [title, envelope, code] of ENVELOPES) {
    it(`is refused with ${title} around it`, async () => {
      const { result, secrets } = await play((claims) => claims, envelope)
      const told = JSON.stringify([assertRefused(result, code), stage.logged])
      for (const secret of secrets) assert.ok(!told.includes(secret), told)
    })
  }

  it("needs to name no key where there is only one", async () => {
    hostile.keys = [jwk(ONE, "one")]
    assertFinished((await play((claims) => signRs256(NO_KID, claims))).result)
  })

  it("is not verified with a key of 1024 bits, a shared secret, or one for encryption", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", {
      modulusLength: 1024,
    })
    hostile.keys = [jwk({ publicKey }, "one")]
    assertRefused((await play((claims) => signRs256(HEADER, claims, privateKey))).result, "oauth.identity")
    for (const keys of [
      [{ kty: "oct", kid: "one", k: part("secret") }],
      [{ ...jwk(ONE, "one"), use: "enc" }],
      [],
    ]) {
      stage = openStage([oidc({ name: "acme", issuer: hostile.issuer, clientId: CLIENT })])
      hostile.keys = keys
      assertRefused((await play((claims) => claims)).result, "oauth.identity")
    }
  })

  it("stays refused when the metadata themselves allow none and HS256", async () => {
    hostile.metadata = { id_token_signing_alg_values_supported: ["none", "HS256", "RS256"] }
    stage = openStage([
      oidc({ name: "acme", issuer: hostile.issuer, clientId: CLIENT, clientSecret: SECRET }),
    ])
    for (const [title, change] of BAD.filter(([title]) => /none|None|HS256/.test(title))) {
      assert.equal((await play(change)).result.kind, "refusal", title)
    }
    hostile.metadata = {}
  })

  it("was changed in at least 60 ways", (t) => {
    const count = BAD.length + ENVELOPES.length
    t.diagnostic(`${count} bad ID tokens and answers, ${GOOD.length} good ones`)
    assert.ok(count >= 60)
    assert.equal(new Set(BAD.map(([title]) => title)).size, BAD.length)
  })
})
