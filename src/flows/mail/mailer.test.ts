import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import { openSqlite } from "../../store/sqlite/index.ts"
import type { Store } from "../../store/store.ts"
import { createMailer, type Mailer } from "./mailer.ts"
import type { SendMail } from "./policy.ts"

const LIMITS = { perRecipientHour: 100, perRecipientDay: 100, totalHour: 100_000 }

interface Post {
  readonly store: Store
  readonly mailer: Mailer
  readonly logged: string[]
  /** Puts a mail into the outbox and wakes the sender. */
  post(email: string): Promise<void>
  /** Moves the store's clock and every timer. */
  pass(milliseconds: number): void
}

async function open(t: TestContext, send: SendMail): Promise<Post> {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] })
  let now = 1_800_000_000_000
  const logged: string[] = []
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const store = await openSqlite({ path: ":memory:", clock: () => now })
  t.after(() => {
    t.mock.timers.reset()
    return store.close()
  })
  const mailer = createMailer({
    store,
    send,
    emailLinks: { newCode: () => ({ code: "123456", mac: new Uint8Array(32) }) },
    flowLifetimeMs: 600_000,
    origin: new URL("https://example.com"),
    basePath: "/auth",
    logger: { info: log, warn: log, error: log },
  })
  return {
    store,
    mailer,
    logged,
    async post(email) {
      const mail = { purpose: "register", email, accountId: null, decoy: false, language: "en" } as const
      await store.enqueueMail({ ...mail, limits: LIMITS, limitedEvent: { type: "mail.limited" } })
      mailer.wake()
    },
    pass(milliseconds) {
      now += milliseconds
      t.mock.timers.tick(milliseconds)
    },
  }
}

/** Turns of the event loop, since time itself stands still. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000; turn++) {
    if (holds()) return
    await new Promise((next) => setImmediate(next))
  }
  assert.fail("it did not happen")
}

const hang = () => new Promise<void>(() => {})

describe("a way out that hangs", () => {
  it("holds up its own mail and no other", async (t) => {
    const sent: string[] = []
    const { post } = await open(t, async ({ to }) => {
      if (to.startsWith("hung")) return hang()
      sent.push(to)
    })
    for (let count = 0; count < 9; count++) await post(`hung${count}@example.com`)
    for (let count = 0; count < 40; count++) await post(`other${count}@example.com`)
    await until(() => sent.length === 40)
  })

  it("is given up before another sender may take the mail, and tried again later", async (t) => {
    let attempts = 0
    const { post, pass, logged, store, mailer } = await open(t, () => {
      attempts++
      return attempts === 1 ? hang() : Promise.resolve()
    })
    await post("late@example.com")
    await until(() => attempts === 1)
    pass(30_000)
    await until(() => logged.length === 1)
    assert.match(logged[0] ?? "", /^mail failed .*it took too long/)
    assert.deepEqual(await store.claimMail({ limit: 10, leaseMs: 1 }), [])
    pass(10_000)
    mailer.wake()
    await until(() => attempts === 2)
  })

  it("does not keep the service from stopping, nor its mail from being sent by the next start", async (t) => {
    let attempts = 0
    const { post, pass, mailer, store } = await open(t, () => {
      attempts++
      return hang()
    })
    await post("late@example.com")
    await until(() => attempts === 1)
    let stopped = false
    void mailer.stop().then(() => {
      stopped = true
    })
    await new Promise((next) => setImmediate(next))
    assert.equal(stopped, false)
    pass(5_000)
    await until(() => stopped)
    pass(60_000)
    assert.equal((await store.claimMail({ limit: 10, leaseMs: 1 })).length, 1)
  })
})

describe("stopping", () => {
  it("waits for the mail under way", async (t) => {
    let arrive = () => {}
    let begun = false
    const { post, mailer, store, pass } = await open(t, () => {
      begun = true
      return new Promise<void>((resolve) => {
        arrive = resolve
      })
    })
    await post("last@example.com")
    await until(() => begun)
    const stopped = mailer.stop()
    arrive()
    await stopped
    pass(120_000)
    assert.deepEqual(await store.claimMail({ limit: 10, leaseMs: 1 }), [])
  })
})
