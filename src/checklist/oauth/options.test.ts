import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { describe, it } from "node:test"
import { inspect } from "node:util"
import { Faults } from "../../core/misuse.ts"
import { apple, github, google, microsoft, type OauthPolicy, oidc, readOauth } from "./index.ts"

const pem = (key: ReturnType<typeof generateKeyPairSync>["privateKey"]) =>
  key.export({ type: "pkcs8", format: "pem" }).toString()
const APPLE_KEY = pem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey)
const WRONG_CURVE = pem(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)
const RSA = pem(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)
const PUBLIC = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .publicKey.export({ type: "spki", format: "pem" })
  .toString()

const TENANT = "aaaaaaaa-2222-3333-4444-bbbbbbbbbbbb"
const GOOGLE = { clientId: "id", clientSecret: "canary-secret" }
const MICROSOFT = { ...GOOGLE, tenant: TENANT }
const APPLE = { clientId: "id", teamId: "TEAM123456", keyId: "KEY1234567", privateKey: APPLE_KEY }
const ACME = {
  name: "acme",
  issuer: "https://login.example.com",
  clientId: "id",
  clientSecret: "canary-secret",
}

const SERVICE = { origin: new URL("https://api.example.com"), basePath: "/auth", loopback: false }
const LOCAL = { origin: new URL("http://localhost:3000"), basePath: "/auth", loopback: true }

function read(input: unknown, own = SERVICE): { policy: OauthPolicy; faults: Faults } {
  const faults = new Faults()
  return { policy: readOauth(input, own, faults), faults }
}

const issuer = (text: unknown) => ({ oidc: [{ ...ACME, issuer: text }] })
const ISSUER = "oauth.oidc.0.issuer"

const BAD: readonly (readonly [what: string, input: unknown, path: string, code: string, fix?: RegExp])[] = [
  ["a text instead of providers", "google", "oauth", "option.invalid"],
  ["a misspelt provider", { gogle: GOOGLE }, "oauth.gogle", "option.unknown", /"google"/],
  [
    "a misspelt provider below providers",
    { providers: { githb: GOOGLE } },
    "oauth.providers.githb",
    "option.unknown",
    /"github"/,
  ],
  ["something beside providers", { providers: [], google: GOOGLE }, "oauth.google", "option.unknown"],
  [
    "providers below providers",
    { providers: { providers: [] } },
    "oauth.providers.providers",
    "option.unknown",
  ],
  ["a list of kinds", ["google"], "oauth.0.kind", "oauth.kind", /google, github/],
  ["a misspelt kind", [{ ...GOOGLE, kind: "gooogle" }], "oauth.0.kind", "oauth.kind", /"google"/],
  ["a kind with the name of a member", [{ kind: "constructor" }], "oauth.0.kind", "oauth.kind"],
  ["one OpenID provider that is no list", { oidc: ACME }, "oauth.oidc", "option.invalid"],
  [
    "a misspelt member",
    { google: { ...GOOGLE, clientSecrt: "x" } },
    "oauth.google.clientSecrt",
    "option.unknown",
    /"clientSecret"/,
  ],
  [
    "a misspelt member of a list",
    { oidc: [ACME, { ...ACME, isuer: "x" }] },
    "oauth.oidc.1.isuer",
    "option.unknown",
    /"issuer"/,
  ],
  [
    "a member of another kind",
    { google: { ...GOOGLE, tenant: TENANT } },
    "oauth.google.tenant",
    "option.unknown",
  ],
  [
    "kept tokens where nobody asks for any",
    { github: { ...GOOGLE, keepTokens: true } },
    "oauth.github.keepTokens",
    "option.unknown",
  ],
  ["no client id", { google: { clientSecret: "x" } }, "oauth.google.clientId", "oauth.client_id"],
  ["an empty client id", { google: { ...GOOGLE, clientId: "" } }, "oauth.google.clientId", "oauth.client_id"],
  [
    "a client id in a number",
    { google: { ...GOOGLE, clientId: 5 } },
    "oauth.google.clientId",
    "option.invalid",
  ],
  [
    "no secret for Google",
    { google: { clientId: "id" } },
    "oauth.google.clientSecret",
    "oauth.client_secret",
  ],
  [
    "no secret for GitHub",
    { github: { clientId: "id" } },
    "oauth.github.clientSecret",
    "oauth.client_secret",
  ],
  [
    "no secret for Microsoft",
    { microsoft: { clientId: "id", tenant: TENANT } },
    "oauth.microsoft.clientSecret",
    "oauth.client_secret",
  ],
  [
    "an empty secret",
    { github: { ...GOOGLE, clientSecret: "" } },
    "oauth.github.clientSecret",
    "oauth.client_secret",
  ],
  [
    "an empty secret of a public client",
    { oidc: [{ ...ACME, clientSecret: "" }] },
    "oauth.oidc.0.clientSecret",
    "oauth.client_secret",
  ],
  [
    "a secret with a line end",
    { github: { ...GOOGLE, clientSecret: "canary\n" } },
    "oauth.github.clientSecret",
    "oauth.client_secret",
  ],
  [
    "a secret with a blank",
    { github: { ...GOOGLE, clientSecret: " canary" } },
    "oauth.github.clientSecret",
    "oauth.client_secret",
  ],
  ["the same provider twice", [google(GOOGLE), google(GOOGLE)], "oauth.1", "oauth.duplicate"],
  [
    "a name twice",
    { google: GOOGLE, oidc: [{ ...ACME, name: "google" }] },
    "oauth.oidc.0",
    "oauth.duplicate",
  ],
  ["no name", { oidc: [{ ...ACME, name: undefined }] }, "oauth.oidc.0.name", "oauth.name"],
  ["an empty name", { oidc: [{ ...ACME, name: "" }] }, "oauth.oidc.0.name", "oauth.name"],
  ["a name in capitals", { oidc: [{ ...ACME, name: "Acme" }] }, "oauth.oidc.0.name", "oauth.name"],
  [
    "a name that begins with a digit",
    { oidc: [{ ...ACME, name: "1acme" }] },
    "oauth.oidc.0.name",
    "oauth.name",
  ],
  ["a name with a slash", { oidc: [{ ...ACME, name: "a/../b" }] }, "oauth.oidc.0.name", "oauth.name"],
  ["a name with a line end", { oidc: [{ ...ACME, name: "acme\n" }] }, "oauth.oidc.0.name", "oauth.name"],
  [
    "a name of 33 characters",
    { oidc: [{ ...ACME, name: "a".repeat(33) }] },
    "oauth.oidc.0.name",
    "oauth.name",
  ],
  ["an empty title", { oidc: [{ ...ACME, title: " " }] }, "oauth.oidc.0.title", "oauth.title"],
  ["a title of two lines", { oidc: [{ ...ACME, title: "a\nb" }] }, "oauth.oidc.0.title", "oauth.title"],
  ["an endless title", { oidc: [{ ...ACME, title: "a".repeat(41) }] }, "oauth.oidc.0.title", "oauth.title"],
  ["no issuer", issuer(undefined), ISSUER, "oauth.issuer"],
  ["an issuer without its scheme", issuer("login.example.com"), ISSUER, "oauth.issuer"],
  ["an issuer of another scheme", issuer("ftp://login.example.com"), ISSUER, "oauth.issuer"],
  ["an http issuer", issuer("http://login.example.com"), ISSUER, "oauth.issuer", /https/],
  ["a loopback issuer of a public service", issuer("http://localhost:8080"), ISSUER, "oauth.issuer"],
  ["an issuer with a query", issuer("https://login.example.com/?tenant=1"), ISSUER, "oauth.issuer"],
  ["an issuer with an empty query", issuer("https://login.example.com/?"), ISSUER, "oauth.issuer"],
  ["an issuer with a fragment", issuer("https://login.example.com/#x"), ISSUER, "oauth.issuer"],
  [
    "an issuer with a user",
    issuer("https://me:canary@login.example.com/"),
    ISSUER,
    "oauth.issuer",
    /login\.example\.com\//,
  ],
  ["an issuer in capitals", issuer("https://Login.example.com"), ISSUER, "oauth.issuer", /https:\/\/login\./],
  ["an issuer with the default port", issuer("https://login.example.com:443"), ISSUER, "oauth.issuer"],
  ["an issuer with dots", issuer("https://login.example.com/a/../b"), ISSUER, "oauth.issuer", /\/b"/],
  [
    "scopes without openid",
    { oidc: [{ ...ACME, scopes: ["email"] }] },
    "oauth.oidc.0.scopes",
    "oauth.scopes",
  ],
  ["no scopes", { oidc: [{ ...ACME, scopes: [] }] }, "oauth.oidc.0.scopes", "oauth.scopes"],
  [
    "two scopes in one",
    { oidc: [{ ...ACME, scopes: ["openid email"] }] },
    "oauth.oidc.0.scopes",
    "oauth.scopes",
  ],
  ["an empty scope", { oidc: [{ ...ACME, scopes: ["openid", ""] }] }, "oauth.oidc.0.scopes", "oauth.scopes"],
  ["scopes in a text", { oidc: [{ ...ACME, scopes: "openid" }] }, "oauth.oidc.0.scopes", "option.invalid"],
  [
    "another proof of addresses",
    { oidc: [{ ...ACME, emailProof: "always" }] },
    "oauth.oidc.0.emailProof",
    "option.invalid",
  ],
  [
    "belief in Google's claim alone",
    { oidc: [{ ...ACME, issuer: "https://accounts.google.com", emailProof: "verified-claim" }] },
    "oauth.oidc.0.emailProof",
    "oauth.email_proof",
    /google\(\)/,
  ],
  [
    "belief in Microsoft's claim",
    {
      oidc: [
        { ...ACME, issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`, emailProof: "verified-claim" },
      ],
    },
    "oauth.oidc.0.emailProof",
    "oauth.email_proof",
  ],
  [
    "tokens that are kept in words",
    { oidc: [{ ...ACME, keepTokens: "yes" }] },
    "oauth.oidc.0.keepTokens",
    "option.invalid",
  ],
  ["no tenant", { microsoft: GOOGLE }, "oauth.microsoft.tenant", "oauth.tenant", /"common"/],
  [
    "a tenant's domain",
    { microsoft: { ...MICROSOFT, tenant: "example.com" } },
    "oauth.microsoft.tenant",
    "oauth.tenant",
  ],
  [
    "a tenant that leads elsewhere",
    { microsoft: { ...MICROSOFT, tenant: "../x" } },
    "oauth.microsoft.tenant",
    "oauth.tenant",
  ],
  [
    "no key for Apple",
    { apple: { ...APPLE, privateKey: undefined } },
    "oauth.apple.privateKey",
    "oauth.apple_key",
  ],
  [
    "a key that lost its line breaks",
    { apple: { ...APPLE, privateKey: APPLE_KEY.replaceAll("\n", "") } },
    "oauth.apple.privateKey",
    "oauth.apple_key",
  ],
  [
    "a key on another curve",
    { apple: { ...APPLE, privateKey: WRONG_CURVE } },
    "oauth.apple.privateKey",
    "oauth.apple_key",
  ],
  ["an RSA key", { apple: { ...APPLE, privateKey: RSA } }, "oauth.apple.privateKey", "oauth.apple_key"],
  ["a public key", { apple: { ...APPLE, privateKey: PUBLIC } }, "oauth.apple.privateKey", "oauth.apple_key"],
  [
    "a path instead of a key",
    { apple: { ...APPLE, privateKey: "./key.p8" } },
    "oauth.apple.privateKey",
    "oauth.apple_key",
  ],
  ["no team", { apple: { ...APPLE, teamId: undefined } }, "oauth.apple.teamId", "oauth.apple_id"],
  [
    "a key id in small letters",
    { apple: { ...APPLE, keyId: "key1234567" } },
    "oauth.apple.keyId",
    "oauth.apple_id",
  ],
  [
    "a secret for Apple",
    { apple: { ...APPLE, clientSecret: "x" } },
    "oauth.apple.clientSecret",
    "option.unknown",
  ],
]

describe("oauth: configuration", () => {
  for (const [what, input, path, code, fix] of BAD) {
    it(`refuses to start with ${what}`, () => {
      const { faults } = read(input)
      const fault = faults.list.find((each) => each.code === code && each.path === path)
      assert.ok(fault !== undefined, JSON.stringify(faults.list))
      assert.match(fault.fix, fix ?? /.{10}[.?]$/)
      assert.ok(!JSON.stringify(faults.list).includes("canary"), "a fault shows a secret")
    })
  }

  it("tells all faults at once, and never throws, whatever it is given", (t) => {
    const { faults, policy } = read({ google: {}, apple: {}, oidc: [{ name: "A" }, {}], x: 1 })
    assert.deepEqual(
      faults.list.map(({ code }) => code),
      ["option.unknown"],
    )
    assert.deepEqual(policy.providers, [])
    const { faults: many } = read({ google: {}, apple: {}, oidc: [{ name: "A" }, {}] })
    assert.ok(many.list.length >= 10, JSON.stringify(many.list))
    for (const odd of [
      null,
      5,
      true,
      [[]],
      [null],
      { oidc: [null] },
      { google: null },
      { providers: null },
    ]) {
      assert.ok(read(odd).faults.list.length > 0, JSON.stringify(odd))
    }
    t.diagnostic(`${BAD.length} bad configurations`)
    assert.ok(BAD.length >= 60)
  })

  it("makes the same of functions, of a JSON file, and of either below providers", () => {
    const list = [google(GOOGLE), github(GOOGLE), microsoft(MICROSOFT), apple(APPLE), oidc(ACME)]
    const named = { google: GOOGLE, github: GOOGLE, microsoft: MICROSOFT, apple: APPLE, oidc: [ACME] }
    const seen = [
      list,
      named,
      { providers: list },
      { providers: named },
      JSON.parse(JSON.stringify(list)) as unknown,
    ].map((input) => {
      const { policy, faults } = read(input)
      assert.deepEqual(faults.list, [])
      return policy.providers.map(({ clientSecret: _, ...rest }) => rest)
    })
    for (const each of seen) assert.deepEqual(each, seen[0])
    assert.deepEqual(
      seen[0]?.map(({ name, title, scopes }) => [name, title, scopes.join(" ")]),
      [
        ["google", "Google", "openid email profile"],
        ["github", "GitHub", "read:user user:email"],
        ["microsoft", "Microsoft", "openid email profile"],
        ["apple", "Apple", "openid email"],
        ["acme", "Acme", "openid email profile"],
      ],
    )
  })

  it("gives each provider an exact redirect URI of its own, and Apple one for its form", () => {
    const { policy } = read([google(GOOGLE), apple(APPLE), oidc({ ...ACME, title: "Acme Ltd" })])
    assert.deepEqual(
      policy.providers.map(({ redirectUri, callbackUri }) => [redirectUri, callbackUri]),
      [
        [
          "https://api.example.com/auth/oauth/google/callback",
          "https://api.example.com/auth/oauth/google/callback",
        ],
        [
          "https://api.example.com/auth/oauth/apple/form-post",
          "https://api.example.com/auth/oauth/apple/callback",
        ],
        [
          "https://api.example.com/auth/oauth/acme/callback",
          "https://api.example.com/auth/oauth/acme/callback",
        ],
      ],
    )
    assert.deepEqual(
      policy.providers.map(({ formPost }) => formPost),
      [
        undefined,
        { path: "/auth/oauth/apple/form-post", foreignOrigin: "https://appleid.apple.com" },
        undefined,
      ],
    )
  })

  it("believes no address by default and keeps no token", () => {
    const [policy] = read([oidc(ACME)]).policy.providers
    assert.deepEqual([policy?.emailProof, policy?.keepTokens], ["never", false])
  })

  it("lets two tenants stand beside each other under names of their own", () => {
    const { policy, faults } = read([
      microsoft(MICROSOFT),
      { ...microsoft(MICROSOFT), name: "partner", title: "Partner" },
    ])
    assert.deepEqual(faults.list, [])
    assert.deepEqual(
      policy.providers.map(({ name }) => name),
      ["microsoft", "partner"],
    )
  })

  for (const [tenant, expected] of [
    [TENANT.toUpperCase(), TENANT],
    ["common", "common"],
    ["Organizations", "organizations"],
    ["consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"],
  ] as const) {
    it(`takes ${tenant} as ${expected}`, () => {
      assert.equal(read([microsoft({ ...MICROSOFT, tenant })]).policy.providers[0]?.tenant, expected)
    })
  }

  for (const text of [
    "https://login.example.com",
    "https://login.example.com/",
    "https://login.example.com/realms/main",
    "https://login.example.com:8443/realms/main/",
  ]) {
    it(`takes the issuer ${text} to the character`, () => {
      const { policy, faults } = read(issuer(text))
      assert.deepEqual(faults.list, [])
      assert.equal(policy.providers[0]?.issuer, text)
    })
  }

  it("takes an http issuer on this machine for a service on this machine", () => {
    for (const text of ["http://localhost:8080", "http://127.0.0.1:8080/realms/x", "http://[::1]:8080"]) {
      assert.deepEqual(read(issuer(text), LOCAL).faults.list, [])
    }
    assert.equal(read(issuer("http://192.168.0.2:8080"), LOCAL).faults.list.length, 1)
  })

  it("shows no secret when it is printed, and cannot be changed", () => {
    const { policy } = read({ google: GOOGLE, apple: APPLE, oidc: [ACME] })
    const printed = `${JSON.stringify(policy)} ${inspect(policy, { depth: 9, showHidden: true })}`
    assert.doesNotMatch(printed, /canary|PRIVATE KEY/)
    assert.equal(policy.providers[0]?.clientSecret?.(0), "canary-secret")
    for (const each of [policy, policy.providers, ...policy.providers, policy.providers[2]?.scopes]) {
      assert.ok(Object.isFrozen(each))
    }
    for (const provider of [google(GOOGLE), apple(APPLE), oidc(ACME)]) assert.ok(Object.isFrozen(provider))
  })

  it("is no provider at all when nothing is configured", () => {
    for (const nothing of [undefined, [], {}, { providers: [] }]) {
      const { policy, faults } = read(nothing)
      assert.deepEqual([policy.providers, faults.list], [[], []])
    }
  })
})
