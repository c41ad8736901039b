/** Google, Microsoft and Apple as stand-ins on this machine: each one's own rules and oddities. */
import assert from "node:assert/strict"
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto"
import { after, before, beforeEach, describe, it } from "node:test"
import { ENDPOINTS } from "../../src/checklist/oauth/connection.ts"
import {
  apple,
  formPostTarget,
  google,
  microsoft,
  type Provider,
  readOauth,
} from "../../src/checklist/oauth/index.ts"
import { Faults } from "../../src/core/misuse.ts"
import { type Hostile, json, openHostile, says } from "./hostile-provider.ts"
import { assertFinished, assertRefused, begin, callback, ORIGIN, openStandIn, type Stage } from "./stage.ts"

const CLIENT = "nightlatch"
const CREDENTIALS = { clientId: CLIENT, clientSecret: "canary-client-secret" }
const TENANT = "aaaaaaaa-2222-3333-4444-bbbbbbbbbbbb"
const OTHER = "99999999-8888-7777-6666-555555555555"
const CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"

let stand: Hostile
before(async () => {
  stand = await openHostile(CLIENT)
})
after(() => stand.close())
beforeEach(() => {
  stand.answers.clear()
  stand.metadata = {}
  stand.received.length = 0
})

const open = (provider: Provider): Stage => openStandIn(stand.issuer, provider)

/** One flow; the ID token is honest but for the changed claims. */
async function play(
  stage: Stage,
  name: string,
  claims: object,
  query: Readonly<Record<string, string>> = {},
) {
  const { begun, state, nonce } = await begin(stage, name)
  stand.answers.set("/token", (_request, response) =>
    json(response, 200, {
      access_token: "the-access-token",
      token_type: "Bearer",
      id_token: stand.mint({ claims: { ...stand.claims(nonce, stage.now), ...claims } }),
    }),
  )
  return stage.oauth.finish(name, callback(state, query), begun.cookie.value)
}

it("the well-known providers are asked where they live", () => {
  assert.deepEqual(ENDPOINTS, {
    google: "https://accounts.google.com",
    github: "https://github.com",
    githubApi: "https://api.github.com",
    microsoft: "https://login.microsoftonline.com",
    apple: "https://appleid.apple.com",
  })
})

describe("Google", () => {
  for (const [email, verified, hd, proved] of [
    ["ada@gmail.com", true, undefined, true],
    ["Ada@GMAIL.com", true, undefined, true],
    ["ada@example.com", true, "example.com", true],
    ["ada@example.com", true, undefined, false],
    ["ada@example.com", true, "", false],
    ["ada@example.com", true, 1, false],
    ["ada@gmail.com", false, undefined, false],
    ["ada@gmail.com", "true", undefined, false],
    ["ada@example.com", undefined, "example.com", false],
    ["ada@gmail.com.evil.example", true, undefined, false],
    ["ada@notgmail.com", true, undefined, false],
    ["ada@sub.gmail.com", true, undefined, false],
    [undefined, true, "example.com", false],
  ] as const) {
    const words = `${email}, email_verified ${JSON.stringify(verified)}, hd ${JSON.stringify(hd)}`
    it(`${proved ? "proves" : "does not prove"} ${words}`, async () => {
      const { identity } = assertFinished(
        await play(open(google(CREDENTIALS)), "google", { email, email_verified: verified, hd }),
      )
      assert.deepEqual([identity.email, identity.emailProved], [email, proved])
      assert.equal(identity.issuer, stand.issuer)
    })
  }

  it("names itself in its callbacks", async () => {
    assertFinished(await play(open(google(CREDENTIALS)), "google", {}, { iss: stand.issuer }))
    const foreign = await play(open(google(CREDENTIALS)), "google", {}, { iss: "https://evil.example" })
    assertRefused(foreign, "oauth.issuer")
  })
})

describe("Microsoft", () => {
  const template = () => `${stand.issuer}/{tenantid}/v2.0`
  const issuer = (tenant: string) => `${stand.issuer}/${tenant}/v2.0`
  function open365(tenant: string): Stage {
    const several = tenant === "common" || tenant === "organizations"
    const where = tenant === "consumers" ? CONSUMERS : tenant
    stand.answers.set(
      `/${where}/v2.0/.well-known/openid-configuration`,
      says({
        issuer: several ? template() : issuer(where),
        authorization_endpoint: `${stand.issuer}/authorize`,
        token_endpoint: `${stand.issuer}/token`,
        jwks_uri: `${stand.issuer}/jwks`,
        id_token_signing_alg_values_supported: ["RS256"],
        token_endpoint_auth_methods_supported: ["client_secret_post"],
      }),
    )
    return open(microsoft({ ...CREDENTIALS, tenant }))
  }

  for (const [tenant, tid, iss, expected] of [
    ["common", TENANT, TENANT, TENANT],
    ["common", CONSUMERS, CONSUMERS, CONSUMERS],
    ["organizations", TENANT, TENANT, TENANT],
    ["organizations", CONSUMERS, CONSUMERS, undefined],
    ["common", OTHER, TENANT, undefined],
    ["common", undefined, TENANT, undefined],
    ["common", "", "", undefined],
    ["common", "{tenantid}", "{tenantid}", undefined],
    ["common", `${TENANT}/../x`, `${TENANT}/../x`, undefined],
    ["common", TENANT.toUpperCase(), TENANT, undefined],
    ["common", 7, TENANT, undefined],
    ["common", TENANT, "common", undefined],
    [TENANT, TENANT, TENANT, TENANT],
    [TENANT, OTHER, OTHER, undefined],
    ["consumers", CONSUMERS, CONSUMERS, CONSUMERS],
    ["consumers", TENANT, TENANT, undefined],
  ] as const) {
    const words = `${tenant}: a token of tenant ${JSON.stringify(tid)} by issuer ${JSON.stringify(iss)}`
    it(`${words} is ${expected === undefined ? "refused" : "believed"}`, async () => {
      const result = await play(open365(tenant), "microsoft", { tid, iss: issuer(iss) })
      if (expected === undefined) assertRefused(result, "oauth.identity")
      else assert.equal(assertFinished(result).identity.issuer, issuer(expected))
    })
  }

  it("is not believed by another host, whatever tenant it names", async () => {
    const claims = { tid: TENANT, iss: `https://evil.example/${TENANT}/v2.0` }
    assertRefused(await play(open365("common"), "microsoft", claims), "oauth.identity")
  })

  it("proves no address, whatever it claims of it", async () => {
    const claims = {
      tid: TENANT,
      iss: issuer(TENANT),
      email: "victim@gmail.com",
      email_verified: true,
      xms_edov: true,
    }
    const { identity } = assertFinished(await play(open365("common"), "microsoft", claims))
    assert.deepEqual([identity.email, identity.emailProved], ["victim@gmail.com", false])
  })

  it("may name the tenant in its callback, which has to be that of the token", async () => {
    const claims = { tid: TENANT, iss: issuer(TENANT) }
    const name = (iss: string) => play(open365("common"), "microsoft", claims, { iss })
    assertFinished(await name(issuer(TENANT)))
    assertFinished(await name(template()))
    for (const iss of [
      issuer(OTHER),
      issuer("common"),
      `https://evil.example/${TENANT}/v2.0`,
      `${issuer(TENANT)}/`,
      stand.issuer,
    ]) {
      assertRefused(await name(iss), "oauth.issuer")
    }
  })
})

describe("Apple", () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const options = {
    clientId: CLIENT,
    teamId: "TEAM123456",
    keyId: "KEY1234567",
    privateKey: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  }
  const policy = () => {
    const own = { origin: ORIGIN, basePath: "/auth", loopback: true }
    const [first] = readOauth([apple(options)], own, new Faults()).providers
    assert.ok(first !== undefined)
    return first
  }
  beforeEach(() => {
    stand.metadata = { token_endpoint_auth_methods_supported: ["client_secret_post"] }
  })

  it("answers by a form that its own origin posts, which leads on to the callback", async () => {
    const stage = open(apple(options))
    const { location, begun, state, nonce } = await begin(stage, "apple")
    assert.equal(location.searchParams.get("response_mode"), "form_post")
    assert.equal(location.searchParams.get("scope"), "openid email")
    assert.equal(
      location.searchParams.get("redirect_uri"),
      "http://localhost:3000/auth/oauth/apple/form-post",
    )
    assert.deepEqual(policy().formPost, {
      path: "/auth/oauth/apple/form-post",
      foreignOrigin: "https://appleid.apple.com",
    })
    const posted = new URLSearchParams({
      state,
      code: "the-code",
      id_token: "canary-token",
      user: '{"name":{"firstName":"Ada"}}',
    })
    const target = formPostTarget(policy(), posted)
    assert.equal(target, `http://localhost:3000/auth/oauth/apple/callback?code=the-code&state=${state}`)
    stand.answers.set("/token", (_request, response) =>
      json(response, 200, {
        access_token: "a",
        token_type: "Bearer",
        id_token: stand.mint({ claims: stand.claims(nonce, stage.now) }),
      }),
    )
    const result = await stage.oauth.finish("apple", new URL(target ?? "").searchParams, begun.cookie.value)
    assertFinished(result)
    const request = stand.received.find(({ path }) => path === "/token")
    assert.equal(request?.body.get("redirect_uri"), "http://localhost:3000/auth/oauth/apple/form-post")
    const [header = "", claims = "", signature = ""] = (request?.body.get("client_secret") ?? "").split(".")
    const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as unknown
    const now = Math.floor(stage.now / 1000)
    assert.deepEqual(read(header), { alg: "ES256", kid: "KEY1234567" })
    assert.deepEqual(read(claims), {
      iss: "TEAM123456",
      iat: now,
      exp: now + 300,
      aud: "https://appleid.apple.com",
      sub: CLIENT,
    })
    const key = {
      key: createPublicKey(pair.publicKey.export({ type: "spki", format: "pem" })),
      dsaEncoding: "ieee-p1363",
    } as const
    assert.ok(verify("sha256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url")))
  })

  for (const [verified, proved] of [
    [true, true],
    ["true", true],
    [false, false],
    ["false", false],
    [undefined, false],
    [1, false],
  ] as const) {
    it(`${proved ? "proves" : "does not prove"} a relay address by email_verified ${JSON.stringify(verified)}`, async () => {
      const email = "x7q@privaterelay.appleid.com"
      const claims = { email, email_verified: verified, is_private_email: "true", name: undefined }
      const { identity } = assertFinished(await play(open(apple(options)), "apple", claims))
      assert.deepEqual([identity.email, identity.emailProved, identity.name], [email, proved, undefined])
    })
  }

  it("says in its own words that the person cancelled", async () => {
    const stage = open(apple(options))
    const { begun, state } = await begin(stage, "apple")
    const target = formPostTarget(policy(), new URLSearchParams({ error: "user_cancelled_authorize", state }))
    const query = new URL(target ?? "").searchParams
    assertRefused(await stage.oauth.finish("apple", query, begun.cookie.value), "oauth.denied")
  })
})
