/** Sign-in by a provider over a real socket: who becomes whom, and what each wrong answer comes to. */
import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { after, before, describe, it } from "node:test"
import { apple, oidc } from "../../src/index.ts"
import { type Hostile, json, openHostile } from "../oauth/hostile-provider.ts"
import { type Answer, type Browser, openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

const CLIENT = "a client of the tests"
const NOW = 1_800_000_000_000

describe("sign-in by a provider", () => {
  let provider: Hostile
  let stage: Stage
  let number = 0
  const unique = () => `person${number++}`

  before(async () => {
    provider = await openHostile(CLIENT)
    const common = { issuer: provider.issuer, clientId: CLIENT }
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    stage = await openStage({
      oauth: {
        providers: [
          oidc({ ...common, name: "acme", emailProof: "verified-claim", keepTokens: true }),
          oidc({ ...common, name: "other", title: "Other Inc." }),
          apple({
            clientId: "com.example.service",
            teamId: "ABCDE12345",
            keyId: "12345ABCDE",
            privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
          }),
        ],
      },
    })
  })
  after(async () => {
    await stage.close()
    await provider.close()
  })

  /** The provider will say this about whoever comes next. */
  function says(nonce: string, claims: object): void {
    provider.answers.set("/token", (_request, response) =>
      json(response, 200, {
        access_token: "provider-access-token-canary",
        token_type: "Bearer",
        id_token: provider.mint({ claims: { ...provider.claims(nonce, NOW), ...claims } }),
      }),
    )
  }

  async function begin(browser: Browser, name = "acme", query = "") {
    const answer = await browser.ask(`/auth/oauth/${name}${query}`)
    assert.equal(answer.status, 303, answer.text)
    const location = new URL(String(answer.headers.location))
    const state = location.searchParams.get("state") ?? ""
    const nonce = location.searchParams.get("nonce") ?? ""
    return { location, state, nonce, callback: `/auth/oauth/${name}/callback?code=c&state=${state}` }
  }

  /** The whole way; the answer is the page after the callback. */
  async function arrive(browser: Browser, claims: object, name = "acme", query = ""): Promise<Answer> {
    const { nonce, callback } = await begin(browser, name, query)
    says(nonce, claims)
    return browser.ask(callback)
  }

  const emailOf = async (browser: Browser) => (await browser.ask("/auth/account")).json.email
  const isIn = async (browser: Browser) => (await browser.ask("/auth/me")).status === 200

  it("binds a flow to its browser by a Lax cookie of its own, and keeps state, nonce and verifier to itself", async () => {
    const browser = stage.browser()
    const first = await browser.ask("/auth/oauth/acme")
    const second = await browser.ask("/auth/oauth/acme")
    const names = [first, second].map((answer) => /^([^=]+)=/.exec(answer.setCookies[0] ?? "")?.[1])
    assert.match(names[0] ?? "", /^__Host-Http-oauth_[\w-]{8}_\d+$/)
    assert.notEqual(names[0], names[1])
    assert.match(first.setCookies[0] ?? "", /; HttpOnly; SameSite=Lax$/)
    const location = new URL(String(first.headers.location))
    assert.equal(location.searchParams.get("code_challenge_method"), "S256")
    assert.equal(location.searchParams.get("redirect_uri"), `${stage.base}/auth/oauth/acme/callback`)
    assert.ok(!first.setCookies[0]?.includes(location.searchParams.get("nonce") ?? "?"))
  })

  it("makes an account of a proved address, answers with a page of ours, and knows the person again", async () => {
    const [subject, email] = [unique(), `${unique()}@example.com`]
    const browser = stage.browser()
    const page = await arrive(browser, { sub: subject, email }, "acme", "?return=/orders")
    assert.equal(page.status, 200)
    assert.match(String(page.headers["content-type"]), /^text\/html/)
    assert.match(page.text, /http-equiv="refresh"[^>]*\/orders/)
    assert.equal(await emailOf(browser), email)
    assert.deepEqual((await browser.ask("/auth/me")).json.methods, ["oauth"])
    assert.ok(![...browser.jar.keys()].some((name) => name.includes("oauth_")))
    // Another day, with another address: the subject says who it is.
    const again = stage.browser()
    await arrive(again, { sub: subject, email: `${unique()}@example.com`, email_verified: false })
    assert.equal(await emailOf(again), email)
  })

  it("returns to own paths and nowhere else", async () => {
    for (const evil of [
      "https://evil.example.com/",
      "//evil.example.com",
      "/\\evil.example.com",
      "javascript:1",
    ]) {
      const page = await arrive(
        stage.browser(),
        { sub: unique(), email: `${unique()}@example.com` },
        "acme",
        `?return=${encodeURIComponent(evil)}`,
      )
      assert.equal(page.status, 200)
      assert.doesNotMatch(page.text, /evil|javascript:/, evil)
    }
  })

  it("joins an account when both sides have proved the address, and tells its owner", async () => {
    const email = `${unique()}@example.com`
    await signUp(stage, email)
    const browser = stage.browser()
    const subject = unique()
    await arrive(browser, { sub: subject, email: email.toUpperCase() })
    assert.equal(await emailOf(browser), email)
    const identities = (await browser.ask("/auth/account/identities")).json.identities as {
      provider: string
    }[]
    assert.deepEqual(
      identities.map((identity) => identity.provider),
      ["acme"],
    )
    const patience = performance.now() + 10_000
    const told = () =>
      stage.latch.inbox
        ?.list()
        .some(({ to, subject: line }) => to === email && line.startsWith("Acme can now"))
    while (told() !== true && performance.now() < patience)
      await new Promise((later) => setTimeout(later, 10))
    assert.equal(told(), true)
  })

  it("asks for the credential the account has when the provider proves nothing, and then links", async () => {
    const email = `${unique()}@example.com`
    await signUp(stage, email)
    const subject = unique()
    const browser = stage.browser()
    const page = await arrive(browser, { sub: subject, email }, "other", "?return=/orders")
    assert.equal(page.status, 200)
    assert.match(page.text, /\/auth\/sign-in\?linking=other/)
    assert.equal(await isIn(browser), false)
    assert.equal((await browser.post("/auth/account/identities/pending", {})).status, 401)
    await browser.post("/auth/login", { email, password: PASSWORD })
    const linked = await browser.post("/auth/account/identities/pending", {})
    assert.deepEqual([linked.status, linked.json], [200, { provider: "other" }])
    const again = await browser.post("/auth/account/identities/pending", {})
    assert.equal(again.json.code, "identity.none_pending")
    const other = stage.browser()
    await arrive(other, { sub: subject, email: "elsewhere@example.com" }, "other")
    assert.equal(await emailOf(other), email)
  })

  it("makes no account of an address that nobody proved", async () => {
    const email = `${unique()}@example.com`
    for (const claims of [{ email }, { email, email_verified: false }, { email: undefined }]) {
      const browser = stage.browser()
      const page = await arrive(browser, { sub: unique(), ...claims }, "other")
      assert.match(page.text, /\/auth\/sign-in\?linking=other/)
      assert.equal(await isIn(browser), false)
    }
    assert.equal(await stage.store.findAccountByEmail(email), undefined)
  })

  it("keeps out whoever registered the victim's address first", async () => {
    const victim = `${unique()}@example.com`
    const attacker = stage.browser()
    await attacker.post("/auth/register", { email: victim })
    const token = await stage.tokenFor(victim)
    const owner = stage.browser()
    await arrive(owner, { sub: unique(), email: victim })
    assert.equal(await emailOf(owner), victim)
    // Even with the link from her mailbox nobody plants a password in the account she has now.
    const planted = await attacker.post("/auth/register/complete", { token, password: PASSWORD })
    assert.equal(planted.json.code, "link.ended")
    assert.equal((await attacker.post("/auth/login", { email: victim, password: PASSWORD })).status, 401)
  })

  describe("refuses with a page that helps, and writes it down", () => {
    const refusals = async () =>
      (await stage.store.listEvents({ limit: 1000 }))
        .filter(({ type }) => type === "oauth.refused")
        .reduce((sum, { count }) => sum + count, 0)

    const cases: readonly [string, (own: Browser) => Promise<Answer>][] = [
      [
        "a callback in another browser",
        async (own) => {
          const { nonce, callback } = await begin(own)
          says(nonce, { sub: unique() })
          return stage.browser().ask(callback)
        },
      ],
      [
        "another one's state in this browser",
        async (own) => {
          await begin(own)
          const { nonce, callback } = await begin(stage.browser())
          says(nonce, { sub: unique() })
          return own.ask(callback)
        },
      ],
      [
        "no state",
        async (own) => {
          await begin(own)
          return own.ask("/auth/oauth/acme/callback?code=c")
        },
      ],
      ["no parameter at all", (own) => own.ask("/auth/oauth/acme/callback")],
      [
        "the callback of another provider",
        async (own) => {
          const { nonce, state } = await begin(own)
          says(nonce, { sub: unique() })
          return own.ask(`/auth/oauth/other/callback?code=c&state=${state}`)
        },
      ],
      [
        "the same answer for a second time",
        async (own) => {
          const { nonce, callback } = await begin(own)
          const jar = own.copy()
          says(nonce, { sub: unique(), email: `${unique()}@example.com` })
          assert.equal((await own.ask(callback)).status, 200)
          return jar.ask(callback)
        },
      ],
      [
        "a nonce of another flow",
        async (own) => {
          const { callback } = await begin(own)
          says("another nonce", { sub: unique() })
          return own.ask(callback)
        },
      ],
      [
        "a no of the person",
        async (own) => {
          const { state } = await begin(own)
          return own.ask(`/auth/oauth/acme/callback?error=access_denied&state=${state}`)
        },
      ],
    ]
    for (const [what, act] of cases) {
      it(what, async () => {
        const before = await refusals()
        const own = stage.browser()
        const page = await act(own)
        assert.ok(page.status >= 400 && page.status < 500, `${page.status}`)
        assert.match(String(page.headers["content-type"]), /^text\/html/)
        assert.match(page.text, /\/auth\/sign-in/)
        assert.ok(!page.setCookies.some((line) => /(?:access|refresh)_token/.test(line)))
        assert.equal(await refusals(), before + 1)
      })
    }
  })

  it("does not sign in to a disabled account", async () => {
    const [subject, email] = [unique(), `${unique()}@example.com`]
    await arrive(stage.browser(), { sub: subject, email })
    const account = await stage.store.findAccountByEmail(email)
    await stage.store.setDisabled({ accountId: account?.id ?? "", disabled: true, events: [] })
    const browser = stage.browser()
    const page = await arrive(browser, { sub: subject, email })
    assert.equal(page.status, 403)
    assert.equal(await isIn(browser), false)
  })

  it("answers 503 when the provider is down, and keeps the flow", async () => {
    const browser = stage.browser()
    const { nonce, callback } = await begin(browser)
    provider.answers.set("/token", (_request, response) => json(response, 503, {}))
    const page = await browser.ask(callback)
    assert.equal(page.status, 503)
    assert.match(String(page.headers["content-type"]), /^text\/html/)
    assert.match(String(page.headers["retry-after"]), /^\d+$/)
    says(nonce, { sub: unique(), email: `${unique()}@example.com` })
    assert.equal((await browser.ask(callback)).status, 200)
  })

  describe("linking", () => {
    async function beginLink(browser: Browser, name = "other") {
      const answer = await browser.post(`/auth/oauth/${name}/link`, { returnTo: "/settings" })
      if (answer.status !== 200) return { answer, callback: "", nonce: "" }
      const location = new URL(String(answer.json.location))
      const { searchParams } = location
      const callback = `/auth/oauth/${name}/callback?code=c&state=${searchParams.get("state")}`
      return { answer, callback, nonce: searchParams.get("nonce") ?? "" }
    }

    it("starts by POST with a recent sign-in, and needs no proof of an address", async () => {
      const browser = await signUp(stage, `${unique()}@example.com`)
      const subject = unique()
      const { callback, nonce } = await beginLink(browser)
      says(nonce, { sub: subject, email: undefined })
      const page = await browser.ask(callback, { headers: { cookie: flowCookies(browser) } })
      assert.match(page.text, /http-equiv="refresh"[^>]*\/settings/)
      const other = stage.browser()
      await arrive(other, { sub: subject }, "other")
      assert.equal(await emailOf(other), await emailOf(browser))
      assert.equal((await beginLink(stage.browser())).answer.status, 401)
      assert.equal((await browser.ask("/auth/oauth/other/link")).status, 405)
    })

    it("ends with the session that began it", async () => {
      const browser = await signUp(stage, `${unique()}@example.com`)
      const subject = unique()
      const { callback, nonce } = await beginLink(browser)
      says(nonce, { sub: subject })
      await browser.copy().post("/auth/logout", {})
      assert.equal((await browser.ask(callback)).status, 403)
      assert.equal(await stage.store.findIdentity({ issuer: provider.issuer, subject }), undefined)
    })

    it("takes nobody's identity away from another account", async () => {
      const subject = unique()
      await arrive(stage.browser(), { sub: subject, email: `${unique()}@example.com` })
      const browser = await signUp(stage, `${unique()}@example.com`)
      const { callback, nonce } = await beginLink(browser, "acme")
      says(nonce, { sub: subject })
      assert.equal((await browser.ask(callback)).status, 409)
      assert.deepEqual((await browser.ask("/auth/account/identities")).json.identities, [])
    })

    it("is undone by its owner, but never the last way in", async (t) => {
      const browser = stage.browser()
      await arrive(browser, { sub: unique(), email: `${unique()}@example.com` })
      const [identity] = (await browser.ask("/auth/account/identities")).json.identities as { id: string }[]
      const remove = (id: string) =>
        browser.ask(`/auth/account/identities/${id}`, { method: "DELETE", headers: { "x-nightlatch": "1" } })
      assert.equal((await remove("AAAAAAAAAAAAAAAAAAAAAA")).json.code, "identity.unknown")
      assert.equal((await remove(identity?.id ?? "")).status, 204)
      const noMail = await openStage({
        emailLink: { enabled: false },
        oauth: {
          providers: [
            oidc({ name: "acme", issuer: provider.issuer, clientId: CLIENT, emailProof: "verified-claim" }),
          ],
        },
      })
      t.after(() => noMail.close())
      const lone = noMail.browser()
      const begun = await lone.ask("/auth/oauth/acme")
      const { searchParams } = new URL(String(begun.headers.location))
      says(searchParams.get("nonce") ?? "", { sub: unique(), email: `${unique()}@example.com` })
      await lone.ask(`/auth/oauth/acme/callback?code=c&state=${searchParams.get("state")}`)
      const [last] = (await lone.ask("/auth/account/identities")).json.identities as { id: string }[]
      const kept = await lone.ask(`/auth/account/identities/${last?.id}`, { method: "DELETE" })
      assert.equal(kept.json.code, "identity.last")
    })
  })

  it("takes a provider's form_post from its one origin, and sends the browser on with nothing but the answer", async () => {
    const path = "/auth/oauth/apple/form-post"
    const body = "code=c&state=s&user=%7B%22name%22%3A%22Ada%22%7D&id_token=secret"
    const type = { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site" }
    const good = await stage.ask(path, { body, headers: { ...type, origin: "https://appleid.apple.com" } })
    assert.equal(good.status, 303)
    assert.equal(good.headers.location, `${stage.base}/auth/oauth/apple/callback?code=c&state=s`)
    assert.deepEqual(good.setCookies, [])
    for (const origin of [
      "https://evil.example.com",
      "https://appleid.apple.com.evil.example.com",
      "null",
      "http://appleid.apple.com",
    ]) {
      const refused = await stage.ask(path, { body, headers: { ...type, origin } })
      assert.equal(refused.status, 403, origin)
    }
    // The one origin may do this and nothing else.
    for (const other of ["/auth/logout", "/auth/oauth/other/link"]) {
      const refused = await stage.ask(other, {
        body,
        headers: { ...type, origin: "https://appleid.apple.com" },
      })
      assert.equal(refused.status, 403, other)
    }
  })

  it("keeps the provider's tokens only where they were asked for, and sealed", async () => {
    const canary = Buffer.from("provider-access-token-canary")
    const browser = stage.browser()
    const subject = unique()
    await arrive(browser, { sub: subject, email: `${unique()}@example.com` })
    const userId = String((await browser.ask("/auth/me")).json.userId)
    const identity = await stage.store.findIdentity({ issuer: provider.issuer, subject })
    const sealed = Buffer.from((await stage.store.findTokens(identity?.id ?? "")) ?? [])
    assert.ok(sealed.length > 40 && !sealed.includes(canary))
    const opened = await stage.latch.providerTokens({ userId, provider: "acme" })
    assert.equal(opened?.accessToken, canary.toString())
    assert.equal(await stage.latch.providerTokens({ userId, provider: "other" }), undefined)
    assert.ok(stage.logged.every((line) => !line.includes(canary.toString())))
  })

  it("tells scripts how people can sign in", async () => {
    const answer = await stage.ask("/auth/methods")
    assert.deepEqual(answer.json, {
      password: true,
      emailLink: true,
      providers: [
        { name: "acme", title: "Acme" },
        { name: "other", title: "Other Inc." },
        { name: "apple", title: "Apple" },
      ],
    })
  })

  /** After a provider's redirect only the Lax cookies come along. */
  function flowCookies(browser: Browser): string {
    return [...browser.jar]
      .filter(([name]) => name.includes("oauth_"))
      .map(([name, value]) => `${name}=${value}`)
      .join("; ")
  }
})
