/** Sign-in by mail over a real socket: whoever asked, whoever opens, whoever types. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Browser, openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

describe("sign-in by mail", () => {
  let stage: Stage
  let number = 0
  const email = () => `person${number++}@example.com`

  before(async () => {
    stage = await openStage()
  })
  after(() => stage.close())

  const ask = (browser: Browser, address: string) => browser.post("/auth/email-link", { email: address })
  const complete = (browser: Browser, body: object) => browser.post("/auth/email-link/complete", body)
  const sessionsOf = async (address: string): Promise<number> => {
    const account = await stage.store.findAccountByEmail(address)
    return account === undefined ? 0 : (await stage.store.listSessions(account.id)).length
  }

  it("answers every address alike, with a Lax cookie that holds no authority", async () => {
    const known = email()
    await signUp(stage, known)
    for (const address of [known, email()]) {
      const browser = stage.browser()
      const answer = await ask(browser, address)
      assert.deepEqual([answer.status, answer.json], [202, { sent: true }])
      assert.equal(answer.setCookies.length, 1)
      assert.match(
        answer.setCookies[0] ?? "",
        /^__Host-Http-sign_in_\d+=[\w-]{64}; Max-Age=600; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
      )
      assert.deepEqual((await browser.ask("/auth/me")).json.code, "session.none")
    }
  })

  for (const by of ["token", "code"] as const) {
    it(`signs in the browser that asked, by the ${by}, once`, async () => {
      const address = email()
      await signUp(stage, address)
      const browser = stage.browser()
      await ask(browser, address)
      const proof = {
        [by]: by === "token" ? await stage.tokenFor(address, "email-link") : await stage.codeFor(address),
      }
      const done = await complete(browser, proof)
      assert.equal(done.status, 200, done.text)
      assert.deepEqual((await browser.ask("/auth/me")).json.methods, ["mail"])
      assert.equal([...browser.jar.keys()].filter((name) => name.includes("sign_in")).length, 0)
      assert.notEqual((await complete(browser, proof)).status, 200)
    })
  }

  it("registers an unknown address, verified and without a password", async () => {
    const address = email()
    const browser = stage.browser()
    await ask(browser, address)
    assert.equal((await complete(browser, { code: await stage.codeFor(address) })).status, 200)
    const account = await browser.ask("/auth/account")
    assert.deepEqual([account.json.email, account.json.hasPassword], [address, false])
    assert.equal(
      (await stage.browser().post("/auth/login", { email: address, password: PASSWORD })).status,
      401,
    )
  })

  it("gives a stranger who asked nothing, whatever the owner of the mailbox does on her side", async () => {
    const victim = email()
    await signUp(stage, victim)
    const before = await sessionsOf(victim)
    const [attacker, owner] = [stage.browser(), stage.browser()]
    await ask(attacker, victim)
    const token = await stage.tokenFor(victim, "email-link")
    const code = await stage.codeFor(victim)
    // The scanner looks, the owner presses and types; she may even have asked for a mail of her own before.
    await owner.ask(`/auth/email-link?token=${token}`)
    for (const asked of [false, true]) {
      if (asked) await ask(owner, email())
      for (const body of [{ token }, { code }]) {
        const answer = await complete(owner, body)
        assert.equal(answer.status, 400)
        assert.deepEqual(answer.setCookies, [])
      }
    }
    assert.equal(await sessionsOf(victim), before)
    assert.equal((await attacker.ask("/auth/me")).status, 401)
    assert.equal((await owner.ask("/auth/me")).status, 401)
  })

  it("ends when its recipient says that she did not ask, and writes it down", async () => {
    const victim = email()
    await signUp(stage, victim)
    const [attacker, owner] = [stage.browser(), stage.browser()]
    await ask(attacker, victim)
    const token = await stage.tokenFor(victim, "email-link")
    const code = await stage.codeFor(victim)
    for (let time = 0; time < 2; time++)
      assert.equal((await owner.post("/auth/email-link/deny", { token })).status, 204)
    assert.equal((await complete(attacker, { code })).status, 400)
    const account = await stage.store.findAccountByEmail(victim)
    const events = await stage.store.listEvents({ accountId: account?.id ?? "", limit: 50 })
    assert.equal(events.filter(({ type }) => type === "email_link.denied").length, 1)
  })

  it("says how it stands with a wrong code: three tries, then ask again", async () => {
    const address = email()
    const browser = stage.browser()
    await ask(browser, address)
    const code = await stage.codeFor(address)
    const wrong = code === "000000" ? "111111" : "000000"
    const codes: unknown[] = []
    for (let time = 0; time < 4; time++) codes.push((await complete(browser, { code: wrong })).json.code)
    assert.deepEqual(codes, ["email_link.code_wrong", "email_link.code_wrong", "link.ended", "link.ended"])
    assert.equal((await complete(browser, { code })).status, 400)
  })

  it("is not a token of another purpose, nor they one of its", async () => {
    const address = email()
    await signUp(stage, address)
    const browser = stage.browser()
    await ask(browser, address)
    await stage.ask("/auth/password/forgot", { json: { email: address } })
    const link = await stage.tokenFor(address, "email-link")
    const reset = await stage.tokenFor(address, "reset")
    assert.equal((await complete(browser, { token: reset })).status, 400)
    for (const path of ["/auth/password/reset", "/auth/register/complete"])
      assert.equal((await browser.post(path, { token: link, password: PASSWORD })).json.code, "link.ended")
    assert.equal((await complete(browser, { token: link })).status, 200)
  })

  it("leaves a known browser its budget when a stranger has used up the strangers'", async () => {
    const address = email()
    const owner = await signUp(stage, address)
    for (let time = 0; time < 7; time++) await ask(stage.browser(), address)
    const count = () =>
      stage.latch.inbox?.list().filter(({ to, code }) => to === address && code !== undefined).length
    await ask(owner, address)
    const patience = performance.now() + 10_000
    while (count() !== 6 && performance.now() < patience) await new Promise((later) => setTimeout(later, 10))
    assert.equal(count(), 6)
    assert.equal((await complete(owner, { code: await stage.codeFor(address) })).status, 200)
  })

  it("keeps the link on the configured origin and the language of the asker", async () => {
    const address = email()
    const headers = { "x-forwarded-host": "evil.example.com", "accept-language": "de-AT,de;q=0.9,en;q=0.5" }
    await stage.ask("/auth/email-link", { json: { email: address }, headers })
    const token = await stage.tokenFor(address, "email-link")
    const mail = stage.latch.inbox?.list().find(({ to }) => to === address)
    assert.equal(mail?.link, `${stage.base}/auth/email-link?token=${token}`)
    assert.match(mail?.subject ?? "", /^\d{6} ist Ihr Code für /)
    assert.match(mail?.text ?? "", /Netz 127\.0\.0\.0\/24/)
    assert.doesNotMatch(mail?.text ?? "", /evil/)
    const forged = await stage.ask("/auth/email-link", {
      json: { email: address },
      headers: { host: "evil.example.com" },
    })
    assert.equal(forged.status, 421)
  })

  it("can be switched off, or kept for known addresses", async (t) => {
    const off = await openStage({ emailLink: { enabled: false } })
    t.after(() => off.close())
    const refused = await off.ask("/auth/email-link", { json: { email: "a@example.com" } })
    assert.ok(refused.status === 404 || refused.status === 405, String(refused.status))
    const closed = await openStage({ emailLink: { registers: false } })
    t.after(() => closed.close())
    await signUp(closed, "known@example.com")
    await closed.ask("/auth/email-link", { json: { email: "stranger@example.com" } })
    await closed.ask("/auth/email-link", { json: { email: "known@example.com" } })
    await closed.codeFor("known@example.com")
    assert.ok(!closed.latch.inbox?.list().some(({ to }) => to === "stranger@example.com"))
  })
})
