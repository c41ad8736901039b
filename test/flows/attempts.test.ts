/** Guessing, flooding and what each is counted against, over real sockets and with the limits that are the default. */
import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import type { NightlatchOptions } from "../../src/index.ts"
import { openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

const WRONG = "seven copper lanterns drift"

async function open(t: TestContext, options: Partial<NightlatchOptions> = {}): Promise<Stage> {
  const stage = await openStage(options)
  t.after(() => stage.close())
  return stage
}

describe("failures in a row", () => {
  async function failing(t: TestContext, email: string, times: number): Promise<Stage> {
    const stage = await open(t)
    await signUp(stage, email)
    const account = await stage.store.findAccountByEmail(email)
    const event = { type: "login.failed", accountId: account?.id ?? "" } as const
    for (let time = 1; time < times; time++)
      await stage.store.countFailure({ accountId: account?.id, event, closesAt: 1_000, closedEvent: event })
    assert.equal((await stage.browser().post("/auth/login", { email, password: WRONG })).status, 401)
    return stage
  }

  it("99 leave the password open to strangers", async (t) => {
    const stage = await failing(t, "owner@example.com", 99)
    const login = { email: "owner@example.com", password: PASSWORD }
    assert.equal((await stage.browser().post("/auth/login", login)).status, 200)
  })

  it("100 close it to strangers, who may still sign in or reset it by mail", async (t) => {
    const email = "owner@example.com"
    for (const way of ["link", "reset"] as const) {
      const stage = await failing(t, email, 100)
      const login = (password: string) => stage.browser().post("/auth/login", { email, password })
      assert.equal((await login(PASSWORD)).status, 401)
      const browser = stage.browser()
      if (way === "link") {
        await browser.post("/auth/email-link", { email })
        const code = await stage.codeFor(email)
        assert.equal((await browser.post("/auth/email-link/complete", { code })).status, 200)
        assert.equal((await login(PASSWORD)).status, 200, "a sign-in opens it again")
      } else {
        await browser.post("/auth/password/forgot", { email })
        const reset = { token: await stage.tokenFor(email, "reset"), password: WRONG }
        assert.equal((await browser.post("/auth/password/reset", reset)).status, 204)
        assert.equal((await login(WRONG)).status, 200)
      }
    }
  })
})

describe("limits of sign-in", () => {
  it("give a bucket of its own to a device that signed in to this account, and to no other", async (t) => {
    const stage = await open(t, { rateLimit: {} })
    const owner = await signUp(stage, "owner@example.com")
    const other = await signUp(stage, "other@example.com")
    const [name = ""] = [...owner.jar.keys()].filter((each) => each.includes("device"))
    const mine = owner.cookie("device") ?? ""
    const foreign = other.cookie("device") ?? ""
    const forged = [foreign, ...Array.from({ length: 6 }, (_, index) => `${mine.slice(0, -1)}${index}`)]
    const attack = (device: string) =>
      stage.ask("/auth/login", {
        json: { email: "owner@example.com", password: WRONG },
        headers: { cookie: `${name}=${device}`, origin: stage.base },
      })
    const statuses: number[] = []
    for (const device of forged) if (device !== mine) statuses.push((await attack(device)).status)
    assert.deepEqual(statuses.slice(0, 6), [401, 401, 401, 401, 401, 429])
    assert.equal((await attack(mine)).status, 401)
  })
})

describe("turns of hashing", () => {
  it("are taken by networks, so that one that floods waits for itself", async (t) => {
    const stage = await open(t, {
      password: { concurrency: 1, queueSeconds: 10 },
      proxy: { trusted: 1 },
    })
    let hashed = 0
    const login = async (network: string, number: number): Promise<number> => {
      const json = { email: `nobody${number}@example.com`, password: WRONG }
      const { status } = await stage.ask("/auth/login", { json, headers: { "x-forwarded-for": network } })
      if (status === 401) hashed++
      return status
    }
    const flood = Array.from({ length: 20 }, (_, number) => login("192.0.2.7", number))
    await Promise.race(flood)
    assert.equal(await login("198.51.100.1", 100), 401)
    assert.ok(hashed < 15, `${hashed} were hashed by then`)
    await Promise.all(flood)
  })
})

describe("the limits that are the default", () => {
  const UNLIMITED = "1000000/minute"

  it("600 a minute for an address, whatever it asks", async (t) => {
    const stage = await open(t, { rateLimit: {} })
    const ask = () => stage.ask("/auth/me")
    for (let batch = 0; batch < 600; batch += 50)
      for (const { status } of await Promise.all(Array.from({ length: 50 }, ask))) assert.equal(status, 401)
    assert.equal((await ask()).status, 429)
  })

  it("600 a minute for a user, from wherever", async (t) => {
    const stage = await open(t, { rateLimit: { perAddress: UNLIMITED } })
    const browser = await signUp(stage, "busy@example.com")
    const other = await signUp(stage, "other@example.com")
    for (let batch = 0; batch < 600; batch += 50)
      for (const { status } of await Promise.all(Array.from({ length: 50 }, () => browser.ask("/auth/me"))))
        assert.equal(status, 200)
    assert.equal((await browser.ask("/auth/me")).status, 429)
    assert.equal((await other.ask("/auth/me")).status, 200)
  })

  it("20 sign-ins a minute for an address, at whatever accounts", async (t) => {
    const stage = await open(t, { rateLimit: {} })
    const login = (number: number) =>
      stage.ask("/auth/login", { json: { email: `nobody${number}@example.com`, password: WRONG } })
    for (let number = 0; number < 20; number++) assert.equal((await login(number)).status, 401)
    assert.equal((await login(20)).status, 429)
  })

  it("300 refreshes a minute for an address", async (t) => {
    const stage = await open(t, { rateLimit: {} })
    const refresh = () => stage.ask("/auth/refresh", { method: "POST" })
    for (let batch = 0; batch < 300; batch += 50)
      for (const { status } of await Promise.all(Array.from({ length: 50 }, refresh)))
        assert.equal(status, 401)
    assert.equal((await refresh()).status, 429)
  })

  it("are others where the options say so", async (t) => {
    const two = "2/minute"
    const stage = await open(t, {
      rateLimit: { refresh: { perAddress: two }, mail: { perAddress: two }, login: { perAddress: two } },
    })
    const email = "nobody@example.com"
    for (const [path, json] of [
      ["/auth/refresh", { refreshToken: "x" }],
      ["/auth/register", { email }],
      ["/auth/login", { email, password: WRONG }],
    ] as const) {
      const statuses: number[] = []
      for (let time = 0; time < 3; time++) statuses.push((await stage.ask(path, { json })).status)
      assert.deepEqual([statuses.indexOf(429), statuses.lastIndexOf(429)], [2, 2], path)
    }
  })

  for (const path of [
    "/auth/register",
    "/auth/register/complete",
    "/auth/password/forgot",
    "/auth/password/reset",
    "/auth/email-link",
    "/auth/email-link/complete",
    "/auth/email-link/deny",
  ]) {
    it(`10 a minute for an address at ${path}`, async (t) => {
      const stage = await open(t, { rateLimit: {} })
      const ask = () => stage.ask(path, { json: {} })
      for (let time = 0; time < 10; time++) assert.equal((await ask()).status, 422)
      const limited = await ask()
      assert.deepEqual([limited.status, limited.json.code], [429, "rate-limit.exceeded"])
      assert.ok(Number(limited.headers["retry-after"]) >= 1)
    })
  }

  for (const path of ["/auth/password/change", "/auth/account/email", "/auth/account/email/complete"]) {
    it(`10 a minute for an address at ${path}`, async (t) => {
      const stage = await open(t, { rateLimit: {} })
      const browser = await signUp(stage, "person@example.com")
      for (let time = 0; time < 10; time++) assert.equal((await browser.post(path, {})).status, 422)
      assert.equal((await browser.post(path, {})).status, 429)
    })
  }
})
