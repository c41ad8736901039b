import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

const OTHER = "seven copper lanterns drift"

describe("the life of an account", () => {
  let stage: Stage
  let number = 0
  const email = () => `person${number++}@example.com`

  before(async () => {
    stage = await openStage()
  })
  after(() => stage.close())

  it("registers by mail, signed in at once, with two cookies and a remembered device", async () => {
    const address = email()
    const browser = stage.browser()
    const asked = await browser.post("/auth/register", { email: address.toUpperCase() })
    assert.deepEqual([asked.status, asked.json, asked.setCookies], [202, { sent: true }, []])
    const token = await stage.tokenFor(address)
    const weak = await browser.post("/auth/register/complete", { token, password: "short" })
    assert.deepEqual([weak.status, weak.json.code], [422, "password.too_short"])
    const done = await browser.post("/auth/register/complete", { token, password: PASSWORD })
    assert.equal(done.status, 201)
    assert.equal(done.setCookies.length, 3)
    for (const cookie of done.setCookies) assert.match(cookie, /; HttpOnly/)
    for (const cookie of done.setCookies) assert.match(cookie, /; SameSite=Strict/)
    assert.doesNotMatch(done.text, /eyJ|nlr/)
    assert.equal((await browser.ask("/auth/me")).status, 200)
    const again = await stage.browser().post("/auth/register/complete", { token, password: PASSWORD })
    assert.deepEqual([again.status, again.json.code], [400, "link.ended"])
  })

  it("tells a registered address that it has an account, by mail and not by the answer", async () => {
    const address = email()
    await signUp(stage, address)
    const asked = await stage.browser().post("/auth/register", { email: address })
    assert.deepEqual([asked.status, asked.json], [202, { sent: true }])
    for (let attempt = 0; attempt < 100; attempt++) {
      if (stage.latch.inbox?.list()[0]?.subject.startsWith("You already")) break
      await new Promise((later) => setTimeout(later, 5))
    }
    const mail = stage.latch.inbox?.list()[0]
    assert.match(mail?.subject ?? "", /^You already have an account/)
    assert.equal(mail?.link, undefined)
  })

  it("signs in, shows who it is from the token alone, and what the store has", async () => {
    const address = email()
    await signUp(stage, address)
    const browser = stage.browser()
    const answer = await browser.post("/auth/login", { email: address, password: PASSWORD })
    assert.equal(answer.status, 200)
    const me = await browser.ask("/auth/me")
    assert.deepEqual(Object.keys(me.json).sort(), [
      "authenticatedAt",
      "expiresAt",
      "methods",
      "roles",
      "sessionId",
      "userId",
    ])
    assert.equal(me.json.userId, answer.json.userId)
    assert.equal(me.headers["cache-control"], "no-store")
    assert.equal((await browser.ask("/auth/account")).json.email, address)
    assert.equal((await browser.ask("/auth/me", { method: "HEAD" })).status, 200)
  })

  it("signing in again ends the session that came with it", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const before = browser.copy()
    await browser.post("/auth/login", { email: address, password: PASSWORD })
    assert.equal((await before.ask("/auth/me")).status, 401)
    assert.equal((await browser.ask("/auth/me")).status, 200)
    assert.equal((await before.post("/auth/refresh")).json.code, "session.ended")
  })

  it("refreshes, repeats a lost answer, ends at reuse and says so in an event", async () => {
    const browser = await signUp(stage, email())
    const first = browser.copy()
    const refreshed = await browser.post("/auth/refresh")
    assert.deepEqual([refreshed.status, refreshed.setCookies.length], [200, 2])
    const lost = first.copy()
    assert.equal((await lost.post("/auth/refresh")).status, 200)
    assert.equal(lost.cookie("refresh"), browser.cookie("refresh"), "a repeated answer is the same token")
    const soon = await browser.post("/auth/refresh")
    assert.deepEqual(
      [soon.status, soon.setCookies.length],
      [200, 1],
      "too soon: an access token and no refresh cookie",
    )
    await stage.tick(17_000)
    assert.equal((await browser.post("/auth/refresh")).setCookies.length, 2)
    const thief = await first.post("/auth/refresh")
    assert.deepEqual([thief.status, thief.json.code, thief.setCookies], [401, "session.ended", []])
    assert.equal((await browser.ask("/auth/me")).json.code, "session.refresh_needed")
    assert.equal((await browser.post("/auth/refresh")).json.code, "session.ended")
    assert.ok(stage.logged.some((line) => line.includes('"verdict":"reuse"')))
    assert.ok(
      stage.latch.inbox?.list().some(({ subject }) => subject.includes("signed out")) ||
        (await arrived("signed out")),
    )
  })

  async function arrived(words: string): Promise<boolean> {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (stage.latch.inbox?.list().some(({ subject }) => subject.includes(words))) return true
      await new Promise((later) => setTimeout(later, 5))
    }
    return false
  }

  it("64 refreshes of one token at once have one successor", async () => {
    const browser = await signUp(stage, email())
    const answers = await Promise.all(Array.from({ length: 64 }, () => browser.copy().post("/auth/refresh")))
    assert.ok(answers.every(({ status }) => status === 200))
    const tokens = new Set(
      answers
        .flatMap(({ setCookies }) => setCookies.filter((line) => line.includes("refresh")))
        .map((line) => line.split(";")[0]),
    )
    assert.equal(tokens.size, 1)
  })

  it("signs out with either cookie, with an expired access token, and with none", async () => {
    for (const keep of ["access", "refresh", "both"] as const) {
      const browser = await signUp(stage, email())
      const whole = browser.copy()
      for (const name of [...browser.jar.keys()])
        if (keep !== "both" && !name.includes(keep)) browser.jar.delete(name)
      const answer = await browser.post("/auth/logout", {})
      assert.equal(answer.status, 204)
      assert.match(String(answer.headers["clear-site-data"]), /^"cache", "storage"$/)
      assert.ok(answer.setCookies.every((line) => /max-age=0/i.test(line)) && answer.setCookies.length === 2)
      assert.equal((await whole.ask("/auth/me")).status, 401, keep)
      assert.equal((await whole.post("/auth/refresh")).json.code, "session.ended", keep)
    }
    const late = await signUp(stage, email())
    const copy = late.copy()
    for (const name of [...late.jar.keys()]) if (name.includes("refresh")) late.jar.delete(name)
    await stage.tick(16 * 60_000)
    assert.equal((await late.post("/auth/logout", {})).status, 204)
    assert.equal((await copy.post("/auth/refresh")).json.code, "session.ended")
    assert.equal((await stage.browser().post("/auth/logout", {})).status, 204)
  })

  it("lists its sessions, ends one, ends all others", async () => {
    const address = email()
    const first = await signUp(stage, address)
    const second = stage.browser()
    const third = stage.browser()
    for (const browser of [second, third])
      await browser.post("/auth/login", { email: address, password: PASSWORD })
    const { sessions } = (await first.ask("/auth/sessions")).json as {
      sessions: { id: string; current: boolean }[]
    }
    assert.deepEqual([sessions.length, sessions.filter(({ current }) => current).length], [3, 1])
    const secondId = String((await second.ask("/auth/me")).json.sessionId)
    assert.equal((await first.ask(`/auth/sessions/${secondId}`, { method: "DELETE" })).status, 204)
    assert.equal((await second.ask("/auth/me")).status, 401)
    assert.equal(
      (await first.ask(`/auth/sessions/${secondId}`, { method: "DELETE" })).json.code,
      "session.unknown",
    )
    const stranger = await signUp(stage, email())
    const thirdId = String((await third.ask("/auth/me")).json.sessionId)
    assert.equal((await stranger.ask(`/auth/sessions/${thirdId}`, { method: "DELETE" })).status, 404)
    assert.equal((await third.ask("/auth/me")).status, 200)
    assert.equal((await first.ask("/auth/sessions", { method: "DELETE" })).status, 204)
    assert.equal((await third.ask("/auth/me")).status, 401)
    assert.equal((await first.ask("/auth/me")).status, 200)
  })

  it("changes the password: asks for the current one, ends all sessions, starts a new one", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const other = stage.browser()
    await other.post("/auth/login", { email: address, password: PASSWORD })
    const wrong = await browser.post("/auth/password/change", { currentPassword: OTHER, newPassword: OTHER })
    assert.deepEqual([wrong.status, wrong.json.code], [403, "password.wrong"])
    const before = browser.copy()
    const done = await browser.post("/auth/password/change", {
      currentPassword: PASSWORD,
      newPassword: OTHER,
    })
    assert.equal(done.status, 200)
    assert.equal((await browser.ask("/auth/me")).status, 200)
    for (const ended of [before, other]) assert.equal((await ended.ask("/auth/me")).status, 401)
    assert.equal(
      (await stage.browser().post("/auth/login", { email: address, password: PASSWORD })).status,
      401,
    )
    assert.equal((await stage.browser().post("/auth/login", { email: address, password: OTHER })).status, 200)
    assert.ok(await arrived("was changed"))
  })

  it("resets a forgotten password by mail, ends all sessions and signs nobody in", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const asked = await stage.browser().post("/auth/password/forgot", { email: address })
    const unknown = await stage.browser().post("/auth/password/forgot", { email: email() })
    assert.deepEqual([asked.status, asked.text], [unknown.status, unknown.text])
    const visitor = stage.browser()
    let token = ""
    for (let attempt = 0; attempt < 200 && token === ""; attempt++) {
      token =
        stage.latch.inbox
          ?.list()
          .find(({ to, link }) => to === address && link?.includes("/reset#"))
          ?.link?.split("=")[1] ?? ""
      await new Promise((later) => setTimeout(later, 5))
    }
    const done = await visitor.post("/auth/password/reset", { token, password: OTHER })
    assert.deepEqual([done.status, done.setCookies], [204, []])
    assert.equal((await browser.ask("/auth/me")).status, 401)
    assert.equal(
      (await visitor.post("/auth/password/reset", { token, password: PASSWORD })).json.code,
      "link.ended",
    )
    assert.equal((await visitor.post("/auth/login", { email: address, password: OTHER })).status, 200)
    assert.ok(await arrived("was reset"))
    assert.ok(
      !stage.latch.inbox?.list().some(({ to }) => to.startsWith(`person${number - 1}`)),
      "the unknown address got a mail",
    )
  })

  it("forgets with the browser unless it is to be remembered", async () => {
    const address = email()
    await signUp(stage, address)
    const answer = await stage
      .browser()
      .post("/auth/login", { email: address, password: PASSWORD, remember: false })
    for (const cookie of answer.setCookies.filter((line) => /access|refresh/.test(line)))
      assert.doesNotMatch(cookie, /max-age/i)
    const kept = await stage.browser().post("/auth/login", { email: address, password: PASSWORD })
    for (const cookie of kept.setCookies) assert.match(cookie, /max-age=\d+/i)
  })

  it("is data for scripts only: as a page, an image or a script it is refused", async () => {
    const browser = await signUp(stage, email())
    for (const path of ["/auth/me", "/auth/account", "/auth/sessions"]) {
      for (const destination of ["document", "script", "image", "iframe"]) {
        assert.equal((await browser.ask(path, { headers: { "sec-fetch-dest": destination } })).status, 403)
      }
      assert.equal((await browser.ask(path, { headers: { "sec-fetch-dest": "empty" } })).status, 200)
    }
  })
})

describe("options of sign-in", () => {
  it("closed: nobody registers; invited: only who has an invitation, and nobody can tell", async () => {
    const closed = await openStage({ registration: "closed" })
    assert.equal(
      (await closed.browser().post("/auth/register", { email: "a@example.com" })).json.code,
      "registration.closed",
    )
    await closed.close()
    const invited = await openStage({ registration: "invited" })
    const answer = await invited.browser().post("/auth/register", { email: "a@example.com" })
    assert.deepEqual([answer.status, answer.json], [202, { sent: true }])
    await new Promise((later) => setTimeout(later, 50))
    assert.deepEqual(invited.latch.inbox?.list(), [])
    await invited.close()
  })

  it("bearer: tokens in the body for programs, never for what looks like a browser", async () => {
    const stage = await openStage({ bearer: true })
    await signUp(stage, "program@example.com")
    const json = { email: "program@example.com", password: PASSWORD, transport: "bearer" }
    for (const headers of [
      { origin: stage.base },
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-mode": "cors" },
    ]) {
      const refused = await stage.ask("/auth/login", { json, headers })
      assert.deepEqual([refused.status, refused.json.code], [403, "bearer.browser"])
    }
    const answer = await stage.ask("/auth/login", { json })
    assert.deepEqual([answer.status, answer.setCookies], [200, []])
    const { accessToken, refreshToken } = answer.json as { accessToken: string; refreshToken: string }
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
    assert.equal((await stage.ask("/auth/me", bearer(accessToken))).status, 200)
    const next = await stage.ask("/auth/refresh", { json: { refreshToken } })
    assert.deepEqual([next.status, typeof next.json.refreshToken, next.setCookies], [200, "string", []])
    assert.equal((await stage.ask("/auth/logout", { method: "POST", ...bearer(accessToken) })).status, 204)
    assert.equal((await stage.ask("/auth/me", bearer(accessToken))).status, 401)
    await stage.close()
    const off = await openStage()
    await signUp(off, "program@example.com")
    assert.equal((await off.ask("/auth/login", { json })).json.code, "bearer.off")
    await off.close()
  })

  it("hooks run after the commit, and their faults change nothing", async () => {
    const called: string[] = []
    const stage = await openStage({
      hooks: {
        accountCreated: ({ email }) => {
          called.push(`created ${email}`)
          throw new Error("planted")
        },
        accountChanged: ({ email }) => void called.push(`changed ${email}`),
      },
    })
    const browser = await signUp(stage, "hook@example.com")
    await browser.post("/auth/password/change", { currentPassword: PASSWORD, newPassword: OTHER })
    const patience = performance.now() + 10_000
    while (called.length < 2 && performance.now() < patience)
      await new Promise((later) => setTimeout(later, 5))
    assert.deepEqual(called, ["created hook@example.com", "changed hook@example.com"])
    assert.ok(stage.logged.some((line) => line.startsWith("a hook failed")))
    await stage.close()
  })

  it("limits: five at once per account for strangers, a known browser has its own, another account is not touched", async () => {
    const stage = await openStage({ rateLimit: {} })
    const owner = await signUp(stage, "owner@example.com")
    await signUp(stage, "other@example.com")
    const attack = (email: string) => stage.browser().post("/auth/login", { email, password: OTHER })
    const statuses: number[] = []
    for (let attempt = 0; attempt < 7; attempt++) statuses.push((await attack("owner@example.com")).status)
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429])
    const limited = await attack("owner@example.com")
    assert.ok(Number(limited.headers["retry-after"]) >= 1)
    assert.equal(limited.json.type, "https://iana.org/assignments/http-problem-types#quota-exceeded")
    for (const name of [...owner.jar.keys()]) if (!name.includes("device")) owner.jar.delete(name)
    assert.equal(
      (await owner.post("/auth/login", { email: "owner@example.com", password: PASSWORD })).status,
      200,
    )
    assert.equal((await attack("other@example.com")).status, 401)
    await stage.close()
  })

  it("100 failures in a row close the password for strangers, not for a known browser", async () => {
    const stage = await openStage({ password: { memoryKib: 19_456 } })
    const owner = await signUp(stage, "owner@example.com")
    const attack = (password: string) =>
      stage.browser().post("/auth/login", { email: "owner@example.com", password })
    for (let batch = 0; batch < 100; batch += 4)
      await Promise.all(Array.from({ length: 4 }, () => attack(OTHER)))
    assert.equal((await attack(PASSWORD)).json.code, "login.refused")
    for (const name of [...owner.jar.keys()]) if (!name.includes("device")) owner.jar.delete(name)
    assert.equal(
      (await owner.post("/auth/login", { email: "owner@example.com", password: PASSWORD })).status,
      200,
    )
    assert.equal((await attack(PASSWORD)).status, 200, "a sign-in opens it again")
    await stage.close()
  })
})
