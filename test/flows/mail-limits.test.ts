/** What counts against the limits of mail, and what nobody can hold back by using them up. */
import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import type { NightlatchOptions } from "../../src/index.ts"
import type { Store } from "../../src/store/store.ts"
import { openStage, type Stage, signUp } from "./stage.ts"

async function open(
  t: TestContext,
  options: Partial<NightlatchOptions> = {},
): Promise<{ stage: Stage; store: Store }> {
  let store: Store | undefined
  const stage = await openStage(options, (opened) => {
    store = opened
    return opened
  })
  t.after(() => stage.close())
  assert.ok(store !== undefined)
  return { stage, store }
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
    const { stage } = await open(t)
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
