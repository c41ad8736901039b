/** What a provider says about a person beside the proof of who it is, and what is kept of its tokens. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { oidc } from "../../src/checklist/oauth/index.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { type Answer, type Hostile, json, openHostile, says } from "./hostile-provider.ts"
import { assertFinished, assertRefused, begin, callback, openStage } from "./stage.ts"

const CLIENT = "nightlatch"

describe("a person", () => {
  let hostile: Hostile
  before(async () => {
    hostile = await openHostile(CLIENT)
  })
  after(() => hostile.close())
  beforeEach(() => {
    hostile.metadata = { userinfo_endpoint: `${hostile.issuer}/userinfo` }
    hostile.received.length = 0
    hostile.answers.clear()
  })

  async function play(claims: object, options: object = {}, userinfo?: Answer) {
    const stage = openStage([oidc({ name: "acme", issuer: hostile.issuer, clientId: CLIENT, ...options })])
    const { begun, state, nonce } = await begin(stage, "acme")
    if (userinfo !== undefined) hostile.answers.set("/userinfo", userinfo)
    hostile.answers.set("/token", (_request, response) =>
      json(response, 200, {
        access_token: "the-access-token",
        refresh_token: "the-refresh-token",
        token_type: "bearer",
        expires_in: "90",
        scope: "openid email",
        id_token: hostile.mint({ claims: { ...hostile.claims(nonce, stage.now), ...claims } }),
      }),
    )
    return { stage, result: await stage.oauth.finish("acme", callback(state), begun.cookie.value) }
  }
  const asked = () => hostile.received.filter(({ path }) => path === "/userinfo")

  const SUB = "248289761001"
  const NONE = { email: undefined, email_verified: undefined, name: undefined }
  const TRUSTED = { emailProof: "verified-claim" }

  for (const [title, claims, options, email, proved] of [
    ["whose provider is not believed", {}, {}, "ada@example.com", false],
    ["whose provider is told never to be believed", {}, { emailProof: "never" }, "ada@example.com", false],
    ["whose provider is believed", {}, TRUSTED, "ada@example.com", true],
    ["whose address is not verified", { email_verified: false }, TRUSTED, "ada@example.com", false],
    ["whose address is verified in words", { email_verified: "true" }, TRUSTED, "ada@example.com", false],
    ["whose address is verified by a number", { email_verified: 1 }, TRUSTED, "ada@example.com", false],
    ["of whose address nothing is said", { email_verified: undefined }, TRUSTED, "ada@example.com", false],
    ["with an address in capitals", { email: "ADA@Example.com" }, TRUSTED, "ADA@Example.com", true],
    ["with an empty address", { email: "" }, TRUSTED, undefined, false],
    ["with several addresses", { email: ["ada@example.com"] }, TRUSTED, undefined, false],
    ["with an address that is too long", { email: `${"a".repeat(320)}@x` }, TRUSTED, undefined, false],
  ] as const) {
    it(`${title}: ${email ?? "no address"}, ${proved ? "proved" : "not proved"}`, async () => {
      const { identity } = assertFinished((await play(claims, options)).result)
      assert.deepEqual([identity.email, identity.emailProved], [email, proved])
      assert.equal(asked().length, 0)
    })
  }

  for (const [title, name, expected] of [
    ["a name", "Ada Lovelace", "Ada Lovelace"],
    ["no name", undefined, undefined],
    ["a blank name", "  ", undefined],
    ["a name with a line break", "Ada\r\nBcc: x", undefined],
    ["an endless name", "x".repeat(201), undefined],
    ["an object as name", { first: "Ada" }, undefined],
  ] as const) {
    it(`with ${title} is called ${expected ?? "nothing"}`, async () => {
      assert.equal(assertFinished((await play({ name })).result).identity.name, expected)
    })
  }

  it("whom the ID token does not describe is asked for with the access token", async () => {
    const info = { sub: SUB, email: "ada@example.com", email_verified: true, name: "Ada" }
    const { identity } = assertFinished((await play(NONE, TRUSTED, says(info))).result)
    assert.deepEqual([identity.email, identity.emailProved, identity.name], ["ada@example.com", true, "Ada"])
    assert.equal(asked()[0]?.headers.authorization, "Bearer the-access-token")
  })

  for (const [title, answer] of [
    ["of somebody else", says({ sub: "somebody-else", email: "ada@example.com", email_verified: true })],
    ["of nobody", says({ email: "ada@example.com", email_verified: true })],
  ] as const) {
    it(`is refused when the description is ${title}`, async () => {
      assertRefused((await play(NONE, TRUSTED, answer)).result, "oauth.identity")
    })
  }

  for (const [title, answer] of [
    ["may not be described", says({}, 403)],
    [
      "is described in a token that nobody verifies",
      (_request, response) => {
        response.writeHead(200, { "content-type": "application/jwt" })
        response.end(hostile.mint({ claims: { sub: SUB, email: "eve@example.com", email_verified: true } }))
      },
    ],
  ] as readonly (readonly [string, Answer])[]) {
    it(`who ${title} signs in without an address`, async () => {
      const { identity } = assertFinished((await play(NONE, TRUSTED, answer)).result)
      assert.deepEqual([identity.subject, identity.email, identity.emailProved], [SUB, undefined, false])
    })
  }

  it("waits when the description does not come", async () => {
    await assert.rejects(play(NONE, TRUSTED, says({}, 500)), UnavailableError)
  })

  it("without an address at a provider that describes nobody signs in without one", async () => {
    hostile.metadata = {}
    const { identity } = assertFinished((await play(NONE)).result)
    assert.equal(identity.email, undefined)
    assert.equal(asked().length, 0)
  })

  it("leaves no token behind, unless the configuration keeps them", async () => {
    const forgotten = assertFinished((await play({})).result)
    assert.ok(!("tokens" in forgotten))
    assert.ok(!JSON.stringify(forgotten).includes("-token"))
    const { stage, result } = await play({}, { keepTokens: true })
    assert.deepEqual(assertFinished(result).tokens, {
      accessToken: "the-access-token",
      refreshToken: "the-refresh-token",
      expiresAt: stage.now + 90_000,
      scope: "openid email",
    })
  })
})
