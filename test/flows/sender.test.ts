/** The store fails at each step of the sender: the mail comes all the same, later, and its token works once. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { UnavailableError } from "../../src/index.ts"
import type { Store } from "../../src/store/store.ts"
import { openStage, PASSWORD } from "./stage.ts"

const STEPS = ["claimMail", "issueToken", "issueFlow", "finishMail", "retryMail"] as const
type Step = (typeof STEPS)[number]

/** Fails the first call of a verb, before or after it has done its work. */
function failing(step: Step, done: boolean, failed: Set<string>): (store: Store) => Store {
  return (store) =>
    new Proxy(store, {
      get(target, name: keyof Store) {
        const verb = target[name] as (...values: unknown[]) => Promise<unknown>
        // A mail is put back only when something before failed.
        const breaks = name === step || (step === "retryMail" && name === "issueToken")
        if (!breaks) return verb
        return async (...values: unknown[]) => {
          if (failed.has(name)) return verb.apply(target, values)
          failed.add(name)
          if (done) await verb.apply(target, values)
          throw new UnavailableError("planted")
        }
      },
    })
}

// They wait for the sender's next look, so they wait together; all ten would take most of a PostgreSQL's connections.
describe("a store that fails while a mail is sent", { concurrency: 5 }, () => {
  for (const step of STEPS) {
    for (const done of [false, true]) {
      it(`${step} ${done ? "done, and not answered" : "refused"}: the mail comes and its token works`, async () => {
        const failed = new Set<string>()
        const stage = await openStage({}, failing(step, done, failed))
        try {
          const email = "person@example.com"
          const flow = step === "issueFlow"
          const browser = stage.browser()
          const asked = await browser.post(flow ? "/auth/email-link" : "/auth/register", { email })
          assert.equal(asked.status, 202, "an answer does not depend on the sender")
          const credential = await untilMailed(stage, flow)
          const answer = flow
            ? await browser.post("/auth/email-link/complete", { code: credential })
            : await browser.post("/auth/register/complete", { token: credential, password: PASSWORD })
          assert.ok(answer.status === 200 || answer.status === 201, answer.text)
          assert.ok(failed.has(step), "the step was never reached")
        } finally {
          await stage.close()
        }
      })
    }
  }
})

/** Moves the clock until the sender has tried again; the newest credential counts. */
async function untilMailed(stage: Awaited<ReturnType<typeof openStage>>, flow: boolean): Promise<string> {
  const patience = performance.now() + 60_000
  let ticked = Number.NEGATIVE_INFINITY
  for (;;) {
    const mail = stage.latch.inbox?.list()[0]
    const credential = flow ? mail?.code : mail?.link?.split("token=")[1]
    if (credential !== undefined) return credential
    assert.ok(performance.now() < patience, "the mail never came")
    await new Promise((later) => setTimeout(later, 100))
    // The sender looks every five seconds; a clock that runs ahead of it would end the flow before its mail is sent.
    if (performance.now() - ticked < 7_000) continue
    await stage.tick(70_000)
    ticked = performance.now()
  }
}
