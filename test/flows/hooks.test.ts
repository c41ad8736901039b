/** An application's hooks: they hear of every change, whoever made it, and hold nobody up. */
import assert from "node:assert/strict"
import { join } from "node:path"
import { describe, it } from "node:test"
import { callHook } from "../../src/flows/answer.ts"
import { command, openFolder } from "../service/process.ts"
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

describe("a command beside the running service", () => {
  it("is told to all three hooks, each change once, and nothing of before", async (t) => {
    const folder = openFolder()
    t.after(() => folder.remove())
    const database = join(folder.path, "data", "nightlatch.db")
    const run = async (words: readonly string[], input = "") => {
      const ran = await command(folder.path, [...words, "--database", database], input)
      assert.equal(ran.code, 0, ran.error)
    }
    const create = (email: string) => run(["user", "create", email, "--password-stdin"], `${PASSWORD}\n`)
    await create("before@example.com")
    const told: string[] = []
    const tell = (what: string) => (account: { userId: string; email?: string }) =>
      void told.push(`${what} ${account.email ?? account.userId}`)
    const stage = await openStage({
      database,
      clock: Date.now,
      hooks: {
        accountCreated: tell("created"),
        accountChanged: tell("changed"),
        accountDeleted: tell("deleted"),
      },
    })
    t.after(() => stage.close())
    const email = "someone@example.com"
    await create(email)
    await until(() => told.includes(`created ${email}`), "the account")
    const browser = stage.browser()
    const { userId } = (await browser.post("/auth/login", { email, password: PASSWORD })).json
    for (const words of [["disable"], ["enable"]]) await run(["user", ...words, email])
    await run(["user", "roles", email, "--role", "admin"])
    await until(() => told.length === 4, "three changes")
    await run(["user", "delete", email])
    await until(() => told.length === 5, "the deletion")
    // Told by its own flow, and not a second time as an event.
    await signUp(stage, "last@example.com")
    await run(["user", "roles", "before@example.com", "--role", "reader"])
    await until(() => told.includes("changed before@example.com"), "the last change")
    assert.deepEqual(told, [
      `created ${email}`,
      `changed ${email}`,
      `changed ${email}`,
      `changed ${email}`,
      `deleted ${userId}`,
      "created last@example.com",
      "changed before@example.com",
    ])
  })
})
