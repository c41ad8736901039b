/** What a flow is begun with: the address at the provider, and the cookie that has to come back. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Hostile, openHostile } from "./hostile-provider.ts"
import { assertRefused, begin, openStage } from "./stage.ts"

const CLIENT = "nightlatch"

describe("the beginning of a flow", () => {
  let honest: Hostile
  before(async () => {
    honest = await openHostile(CLIENT)
    honest.metadata = { authorization_endpoint: `${honest.issuer}/authorize?tenant=7&state=x` }
  })
  after(() => honest.close())
  const open = () => openStage({ oidc: [{ name: "honest", issuer: honest.issuer, clientId: CLIENT }] })

  it("asks for a code with everything that binds the answer, and for no more than is needed", async () => {
    const { location, begun, state, nonce } = await begin(open(), "honest")
    const { code_challenge: challenge, ...rest } = Object.fromEntries(location.searchParams)
    assert.deepEqual(rest, {
      tenant: "7",
      client_id: CLIENT,
      redirect_uri: "http://localhost:3000/auth/oauth/honest/callback",
      response_type: "code",
      scope: "openid email profile",
      state,
      nonce,
      code_challenge_method: "S256",
    })
    for (const text of [state, nonce, challenge]) assert.match(text ?? "", /^[A-Za-z0-9_-]{43}$/)
    assert.equal(new Set([state, nonce, challenge]).size, 3)
    assert.deepEqual([begun.cookie.tag, begun.cookie.maxAgeSeconds], [state.slice(0, 8), 600])
    assert.match(begun.cookie.value, /^[A-Za-z0-9._~-]+$/)
    const told = Buffer.from(begun.cookie.value, "base64url").toString("latin1")
    for (const text of [state, nonce, "/orders"]) assert.ok(!told.includes(text))
  })

  it("is another each time", async () => {
    const stage = open()
    const flows = await Promise.all(Array.from({ length: 20 }, () => begin(stage, "honest")))
    for (const name of ["state", "nonce"] as const)
      assert.equal(new Set(flows.map((flow) => flow[name])).size, 20)
    assert.equal(new Set(flows.map(({ begun }) => begun.cookie.value)).size, 20)
  })

  it("fits a cookie, or is refused", async () => {
    const stage = open()
    const returnTo = (length: number) => ({ purpose: "sign-in", returnTo: `/${"x".repeat(length)}` }) as const
    const { begun } = await begin(stage, "honest", returnTo(2_400))
    assert.ok(begun.cookie.value.length + 256 <= 4_096)
    assertRefused(await stage.oauth.begin("honest", returnTo(3_000)), "oauth.return_path")
    assertRefused(await stage.oauth.begin("honest", returnTo(1_000_000)), "oauth.return_path")
  })

  it("of a link carries who is linked, and refuses to carry nobody", async () => {
    const stage = open()
    const link = { purpose: "link", returnTo: "/account", accountId: "a", sessionId: "s" } as const
    assert.equal((await stage.oauth.begin("honest", link)).kind, "begun")
    for (const intent of [
      { purpose: "link", returnTo: "/" },
      { purpose: "link", returnTo: "/", accountId: "a" },
      { purpose: "link", returnTo: "/", sessionId: "s" },
    ] as const) {
      await assert.rejects(stage.oauth.begin("honest", intent), { name: "MisuseError" })
    }
  })

  it("at an unknown provider is refused", async () => {
    assertRefused(await open().oauth.begin("acme", { purpose: "sign-in", returnTo: "/" }), "oauth.provider")
  })
})
