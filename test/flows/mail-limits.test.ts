/** What counts against the limits of mail, and what nobody can hold back by using them up. */
import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import type { NightlatchOptions } from "../../src/index.ts"
import { openStage, type Stage, signUp } from "./stage.ts"

async function open(t: TestContext, options: Partial<NightlatchOptions> = {}): Promise<Stage> {
  const stage = await openStage(options)
  t.after(() => stage.close())
  return stage
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const patience = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > patience) throw new Error(`${what} did not come`)
    await new Promise((later) => setTimeout(later, 10))
  }
}

describe("mail about safety", () => {
  it("comes although strangers have used up every mail to the address", async (t) => {
    const stage = await open(t)
    const email = "victim@example.com"
    const browser = await signUp(stage, email)
    for (let time = 0; time < 12; time++) await stage.ask("/auth/register", { json: { email } })
    const thief = browser.copy()
    assert.equal((await browser.post("/auth/refresh")).status, 200)
    await stage.tick(17_000)
    assert.equal((await browser.post("/auth/refresh")).status, 200)
    assert.equal((await thief.post("/auth/refresh")).json.code, "session.ended")
    const mails = () => stage.latch.inbox?.list().filter(({ to }) => to === email) ?? []
    await until(() => mails().some(({ subject }) => subject.includes("signed out")), "the mail")
  })
})

describe("the limits of mail", () => {
  const to = (stage: Stage, email: string) =>
    stage.latch.inbox?.list().filter((mail) => mail.to === email).length ?? 0
  const register = (stage: Stage, email: string) => stage.ask("/auth/register", { json: { email } })

  it("are three an hour and ten a day for an address", async (t) => {
    const stage = await open(t)
    const counts: number[] = []
    for (let hours = 0; hours < 5; hours++) {
      for (let time = 0; time < 5; time++) await register(stage, "flooded@example.com")
      await register(stage, `marker${hours}@example.com`)
      await until(() => to(stage, `marker${hours}@example.com`) === 1, "the marker")
      counts.push(to(stage, "flooded@example.com"))
      await stage.tick(3_600_001)
    }
    assert.deepEqual(counts, [3, 6, 9, 10, 10])
  })

  it("are a number an hour for all, which asking about strangers does not use up", async (t) => {
    const stage = await open(t, { mail: { limits: { totalHour: 5 } } })
    await signUp(stage, "someone@example.com")
    for (let number = 0; number < 12; number++)
      await stage.ask("/auth/password/forgot", { json: { email: `stranger${number}@example.com` } })
    await stage.ask("/auth/password/forgot", { json: { email: "someone@example.com" } })
    await stage.tokenFor("someone@example.com", "reset")
    for (let number = 0; number < 6; number++) await register(stage, `new${number}@example.com`)
    await until(() => to(stage, "new2@example.com") === 1, "the last mail")
    assert.equal(stage.latch.inbox?.list().length, 5)
    const limited = (await stage.store.listEvents({ limit: 50 })).filter(
      ({ type }) => type === "mail.limited",
    )
    assert.deepEqual(
      limited.map(({ count }) => count),
      [10],
    )
  })
})
