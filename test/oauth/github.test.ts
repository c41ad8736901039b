/** GitHub as a stand-in on this machine: OAuth without OpenID Connect, errors with status 200, addresses in a list. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { github } from "../../src/checklist/oauth/index.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { type Answer, type Hostile, openHostile, says } from "./hostile-provider.ts"
import { assertFinished, assertRefused, begin, callback, openStandIn } from "./stage.ts"

const CREDENTIALS = { clientId: "nightlatch", clientSecret: "canary-client-secret" }

let stand: Hostile
before(async () => {
  stand = await openHostile(CREDENTIALS.clientId)
})
after(() => stand.close())
beforeEach(() => {
  stand.answers.clear()
  stand.received.length = 0
})

describe("GitHub", () => {
  const PRIMARY = { email: "ada@example.com", primary: true, verified: true, visibility: "private" }
  const SECOND = { email: "ada@second.example", primary: false, verified: true, visibility: null }
  const ADA = { id: 583231, login: "ada", name: "Ada Lovelace", email: "public@example.com" }

  async function enter(input: {
    token?: Answer
    user?: Answer
    emails?: Answer
    query?: Record<string, string>
  }) {
    const stage = openStandIn(stand.issuer, github(CREDENTIALS))
    const { begun, state, location } = await begin(stage, "github")
    const token = { access_token: "the-access-token", token_type: "bearer", scope: "read:user,user:email" }
    stand.answers.set("/login/oauth/access_token", input.token ?? says(token))
    stand.answers.set("/user", input.user ?? says(ADA))
    stand.answers.set("/user/emails", input.emails ?? says([SECOND, PRIMARY]))
    const work = stage.oauth.finish("github", callback(state, input.query), begun.cookie.value)
    return { stage, location, work }
  }

  it("is asked for no more than name and addresses, with PKCE, and without a word about its metadata", async () => {
    const { location, work } = await enter({})
    assert.equal(location.pathname, "/login/oauth/authorize")
    assert.equal(location.searchParams.get("scope"), "read:user user:email")
    assert.equal(location.searchParams.get("code_challenge_method"), "S256")
    assert.deepEqual(assertFinished(await work).identity, {
      provider: "github",
      issuer: stand.issuer,
      subject: "583231",
      email: "ada@example.com",
      emailProved: true,
      name: "Ada Lovelace",
    })
    assert.deepEqual(
      stand.received.map(({ path }) => path),
      ["/login/oauth/access_token", "/user", "/user/emails"],
    )
    const [code, user] = stand.received
    assert.equal(code?.body.get("client_secret"), CREDENTIALS.clientSecret)
    assert.equal(code?.body.get("code_verifier")?.length, 43)
    assert.equal(user?.headers.authorization, "Bearer the-access-token")
  })

  for (const [title, emails, email, proved] of [
    [
      "an unverified primary address",
      says([{ ...PRIMARY, verified: false }, SECOND]),
      "ada@example.com",
      false,
    ],
    [
      "a primary address verified in words",
      says([{ ...PRIMARY, verified: "true" }]),
      "ada@example.com",
      false,
    ],
    ["a verified address that is not the primary one", says([SECOND]), undefined, false],
    ["two primary addresses", says([PRIMARY, { ...PRIMARY, email: "b@example.com" }]), undefined, false],
    ["no addresses", says([]), undefined, false],
    ["addresses that are not shared", says({ message: "Not Found" }, 404), undefined, false],
    ["addresses that are forbidden", says({ message: "Resource not accessible" }, 403), undefined, false],
    ["an address that is no text", says([{ ...PRIMARY, email: null }]), undefined, false],
    ["a list of nothing", says([null, 1, "x"]), undefined, false],
    ["no list", says({ email: "ada@example.com", primary: true, verified: true }), undefined, false],
  ] as const) {
    it(`with ${title}: ${email ?? "no address"}, ${proved ? "proved" : "not proved"}`, async () => {
      const { identity } = assertFinished(await (await enter({ emails })).work)
      assert.deepEqual([identity.email, identity.emailProved], [email, proved])
    })
  }

  for (const [title, user] of [
    ["no number", says({ ...ADA, id: undefined })],
    ["a number in words", says({ ...ADA, id: "583231" })],
    ["the number zero", says({ ...ADA, id: 0 })],
    ["a fraction", says({ ...ADA, id: 1.5 })],
    ["a number too large to be exact", says(`{"id":9007199254740993,"login":"ada"}`)],
    ["no user", says([])],
    ["a user that is not shared", says({}, 403)],
  ] as const) {
    it(`with ${title} is nobody`, async () => {
      assertRefused(await (await enter({ user })).work, "oauth.identity")
    })
  }

  for (const [title, token] of [
    ["a code that was used before", says({ error: "bad_verification_code", error_description: "canary" })],
    ["an answer without a token", says({ token_type: "bearer" })],
  ] as const) {
    it(`refuses ${title}, with status 200`, async () => {
      const { work, stage } = await enter({ token })
      const refusal = assertRefused(await work, "oauth.response")
      assert.ok(!JSON.stringify([refusal, stage.logged]).includes("canary"))
    })
  }

  for (const [title, parts] of [
    ["refuses our credentials", { token: says({ error: "incorrect_client_credentials" }) }],
    ["answers the code with a page", { token: says("<h1>Unicorn!</h1>") }],
    [
      "answers the code with a member twice",
      { token: says(`{"access_token":"a","access_token":"b","token_type":"bearer"}`) },
    ],
    ["refuses its own token", { user: says({ message: "Bad credentials" }, 401) }],
    [
      "refuses its own token as HTTP does",
      {
        user: (_request, response) => {
          response.writeHead(401, { "www-authenticate": "Bearer", "content-type": "application/json" })
          response.end("{}")
        },
      },
    ],
    ["does not answer for the user", { user: says({}, 502) }],
    ["does not answer for the addresses", { emails: says({}, 500) }],
    ["answers a page for the addresses", { emails: says("<h1>Unicorn!</h1>") }],
  ] as readonly (readonly [string, { token?: Answer; user?: Answer; emails?: Answer }])[]) {
    it(`that ${title} signs nobody in`, async () => {
      const { work } = await enter(parts)
      await assert.rejects(work, (error: unknown) => {
        assert.ok(error instanceof UnavailableError, String(error))
        return !/canary|the-access-token/.test(`${error.message} ${error.stack}`)
      })
    })
  }

  it("calls a person by the login where there is no name", async () => {
    const { identity } = assertFinished(await (await enter({ user: says({ ...ADA, name: null }) })).work)
    assert.equal(identity.name, "ada")
  })

  it("names the issuer of its callbacks, which is not the one of its identities", async () => {
    assertFinished(await (await enter({ query: { iss: `${stand.issuer}/login/oauth` } })).work)
    assertRefused(await (await enter({ query: { iss: stand.issuer } })).work, "oauth.issuer")
  })
})
