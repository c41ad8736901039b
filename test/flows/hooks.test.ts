/** An application's hooks: they hear of every change, whoever made it, and hold nobody up. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { callHook } from "../../src/flows/answer.ts"
import { openStage, PASSWORD, signUp } from "./stage.ts"

const OTHER = "seven copper lanterns drift"

async function until(holds: () => boolean, what: string): Promise<void> {
  const patience = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > patience) throw new Error(`${what} did not come`)
    await new Promise((later) => setTimeout(later, 10))
  }
}

describe("a hook", () => {
  it("that never ends withholds no answer", async (t) => {
    const called: string[] = []
    const hang = (what: string) => () => {
      called.push(what)
      return new Promise<void>(() => {})
    }
    const stage = await openStage({
      hooks: { accountCreated: hang("created"), accountChanged: hang("changed") },
    })
    t.after(() => stage.close())
    const email = "person@example.com"
    const browser = await signUp(stage, email)
    const change = { currentPassword: PASSWORD, newPassword: OTHER }
    assert.equal((await browser.post("/auth/password/change", change)).status, 200)
    await stage.ask("/auth/password/forgot", { json: { email } })
    const reset = { token: await stage.tokenFor(email, "reset"), password: PASSWORD }
    assert.equal((await stage.ask("/auth/password/reset", { json: reset })).status, 204)
    await browser.post("/auth/login", { email, password: PASSWORD })
    await browser.post("/auth/account/email", { newEmail: "next@example.com" })
    const codes = { oldCode: await stage.codeFor(email), newCode: await stage.codeFor("next@example.com") }
    assert.equal((await browser.post("/auth/account/email/complete", codes)).status, 200)
    const visitor = stage.browser()
    await visitor.post("/auth/email-link", { email: "linked@example.com" })
    const code = await stage.codeFor("linked@example.com")
    assert.equal((await visitor.post("/auth/email-link/complete", { code })).status, 200)
    await until(() => called.length === 5, "the last hook")
    assert.deepEqual(called, ["created", "changed", "changed", "changed", "created"])
  })

  it("that is late is told of in the log, and one that is not is not", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] })
    const logged: object[] = []
    const logger = { info() {}, error() {}, warn: (fields: object) => void logged.push(fields) }
    let calls = 0
    const hooks = {
      accountCreated: () => {
        calls++
        return new Promise<void>(() => {})
      },
      accountDeleted: () => void calls++,
    }
    for (const name of ["accountCreated", "accountChanged", "accountDeleted"] as const)
      callHook({ hooks, logger }, name, { userId: "x", email: "a@example.com" })
    assert.equal(calls, 0)
    await new Promise((later) => setImmediate(later))
    assert.equal(calls, 2)
    t.mock.timers.tick(9_999)
    assert.deepEqual(logged, [])
    t.mock.timers.tick(1)
    assert.deepEqual(logged, [{ hook: "accountCreated" }])
  })
})
