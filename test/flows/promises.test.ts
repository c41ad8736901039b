/** Small promises of the flows that only show over time or from outside: what is remembered, how long, and what is checked. */
import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import type { Store } from "../../src/store/store.ts"
import { type Answer, openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

const OTHER = "seven copper lanterns drift"
const MINUTE = 60_000

describe("promises of the flows", () => {
  let stage: Stage
  let number = 0
  const email = () => `person${number++}@example.com`

  before(async () => {
    stage = await openStage()
  })
  after(() => stage.close())

  const lifetimes = (answer: Answer): boolean[] =>
    answer.setCookies
      .filter((line) => /access|refresh/.test(line))
      .map((line) => /; max-age=\d{3,}/i.test(line))

  for (const remember of [true, false]) {
    it(`a session ${remember ? "outlives" : "ends with"} the browser, after a refresh and a new password too`, async () => {
      const address = email()
      const browser = await signUp(stage, address)
      const both = [remember, remember]
      const login = { email: address, password: PASSWORD, remember }
      assert.deepEqual(lifetimes(await browser.post("/auth/login", login)), both)
      assert.deepEqual(lifetimes(await browser.post("/auth/refresh")), both)
      const change = { currentPassword: PASSWORD, newPassword: OTHER }
      const changed = await browser.post("/auth/password/change", change)
      assert.equal(changed.status, 200)
      assert.deepEqual(lifetimes(changed), both)
      assert.deepEqual(lifetimes(await browser.post("/auth/refresh")), both)
      const linked = stage.browser()
      await linked.post("/auth/email-link", { email: address, remember })
      const code = await stage.codeFor(address)
      assert.deepEqual(lifetimes(await linked.post("/auth/email-link/complete", { code })), both)
      const next = email()
      await stage.ask("/auth/register", { json: { email: next } })
      const complete = { token: await stage.tokenFor(next), password: PASSWORD, remember }
      assert.deepEqual(lifetimes(await stage.browser().post("/auth/register/complete", complete)), both)
    })
  }

  for (const [what, minutes] of [
    ["register", 60],
    ["reset", 10],
    ["email-link", 10],
  ] as const) {
    it(`a link to ${what} works for ${minutes} minutes and no longer`, async () => {
      for (const late of [false, true]) {
        const address = email()
        const browser = what === "register" ? stage.browser() : await signUp(stage, address)
        const asks = { register: "register", reset: "password/forgot", "email-link": "email-link" }
        await browser.post(`/auth/${asks[what]}`, { email: address })
        const token = await stage.tokenFor(address, what)
        await stage.tick(minutes * MINUTE + (late ? 0 : -1_000))
        const answer =
          what === "register"
            ? await browser.post("/auth/register/complete", { token, password: PASSWORD })
            : what === "reset"
              ? await browser.post("/auth/password/reset", { token, password: OTHER })
              : await browser.post("/auth/email-link/complete", { token })
        assert.equal(answer.status >= 400, late, `${answer.status} ${answer.text}`)
      }
    })
  }

  it("a registration ends the session that came with it", async () => {
    const browser = await signUp(stage, email())
    const before = browser.copy()
    const next = email()
    await browser.post("/auth/register", { email: next })
    const complete = { token: await stage.tokenFor(next), password: PASSWORD }
    assert.equal((await browser.post("/auth/register/complete", complete)).status, 201)
    assert.equal((await before.ask("/auth/me")).status, 401)
    assert.equal((await before.post("/auth/refresh")).json.code, "session.ended")
    assert.equal((await browser.ask("/auth/me")).status, 200)
  })

  it("a new password is judged wherever it is chosen, and a bad one does not use up the link", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    await browser.post("/auth/password/forgot", { email: address })
    const token = await stage.tokenFor(address, "reset")
    for (const [weak, code] of [
      ["short", "password.too_short"],
      ["passwordpassword", "password.common"],
    ]) {
      const change = { currentPassword: PASSWORD, newPassword: weak }
      assert.equal((await browser.post("/auth/password/change", change)).json.code, code)
      assert.equal(
        (await stage.ask("/auth/password/reset", { json: { token, password: weak } })).json.code,
        code,
      )
    }
    assert.equal((await browser.ask("/auth/me")).status, 200)
    assert.equal((await stage.ask("/auth/password/reset", { json: { token, password: OTHER } })).status, 204)
  })

  it("a disabled account gets no mail, whatever is asked for its address", async (t) => {
    const address = email()
    let opened: Store | undefined
    const own = await openStage({}, (store) => {
      opened = store
      return store
    })
    let closed: Promise<void> | undefined
    const close = () => (closed ??= own.close())
    t.after(close)
    await signUp(own, address)
    const account = await opened?.findAccountByEmail(address)
    await opened?.setDisabled({ accountId: account?.id ?? "", disabled: true, events: [] })
    for (const path of ["/auth/register", "/auth/password/forgot", "/auth/email-link"])
      assert.equal((await own.ask(path, { json: { email: address } })).status, 202)
    // Whatever was due before this one is under way when it arrives, and has been sent when the service has stopped.
    await own.ask("/auth/register", { json: { email: "marker@example.com" } })
    await own.tokenFor("marker@example.com")
    await close()
    assert.equal(own.latch.inbox?.list().filter(({ to }) => to === address).length, 1)
  })

  it("upkeep runs at the start, not ten minutes later", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nightlatch-upkeep-"))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const database = join(folder, "data", "nightlatch.db")
    const first = await openStage({ database })
    await signUp(first, "someone@example.com")
    await first.close()
    let later: Store | undefined
    const year = 366 * 86_400_000
    const second = await openStage({ database, clock: () => 1_800_000_000_000 + year }, (opened) => {
      later = opened
      return opened
    })
    t.after(() => second.close())
    const patience = performance.now() + 10_000
    // Its port is another one, so are its origin and its keys: that is an event of today.
    const left = async () =>
      (await later?.listEvents({ limit: 10 }))?.filter(({ type }) => !type.startsWith("secret.")).length
    while ((await left()) !== 0 && performance.now() < patience)
      await new Promise((resume) => setTimeout(resume, 10))
    assert.equal(await left(), 0)
  })
})
