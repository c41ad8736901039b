/** The store fails, is late or hangs at its n-th call, for each n of each flow: closed, never a pass, nothing half done. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { UnavailableError } from "../../src/index.ts"
import type { Store } from "../../src/store/store.ts"
import { type Answer, type Browser, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"

const NEW_PASSWORD = "seven copper lanterns drift"
type Failure = "fails" | "fails after it was done" | "hangs" | "every call is late"

/** Well within the deadline of one call; two of them are beyond that of a request. */
const LATE_MS = 1_200

interface Fault {
  failure: Failure
  /** The call that fails, counted from 1; calls of the sender, the feed and the upkeep are not counted. */
  at: number
  calls: number
}

describe("a store that fails", () => {
  let stage: Stage
  let fault: Fault | undefined
  let people = 0

  before(async () => {
    const broken = (store: Store): Store =>
      new Proxy(store, {
        get(target, name: keyof Store) {
          const verb = target[name] as (...values: unknown[]) => Promise<unknown>
          if (
            /^(?:claimMail|issueToken|finishMail|retryMail|readRevocations|purge|listDueDeletions|countForeignHashes|describe|close|ping)$/.test(
              name,
            )
          )
            return verb
          return (...values: unknown[]) => {
            if (fault?.failure === "every call is late") {
              fault.calls++
              return verb
                .apply(target, values)
                .finally(() => new Promise((later) => setTimeout(later, LATE_MS)))
            }
            if (fault === undefined || ++fault.calls !== fault.at) return verb.apply(target, values)
            if (fault.failure === "fails") return Promise.reject(new UnavailableError("planted"))
            if (fault.failure === "hangs") return new Promise(() => {})
            return verb
              .apply(target, values)
              .then(() => Promise.reject(new UnavailableError("planted, after it was done")))
          }
        },
      })
    stage = await openStage({}, broken)
  })
  after(() => stage.close())

  interface Act {
    readonly name: string
    prepare(): Promise<() => Promise<Answer>>
    readonly good: number
  }

  const person = async (): Promise<[Browser, string]> => {
    const email = `person${people++}@example.com`
    return [await signUp(stage, email), email]
  }

  async function resetToken(email: string): Promise<string> {
    await stage.ask("/auth/password/forgot", { json: { email } })
    return stage.tokenFor(email, "reset")
  }

  const acts: readonly Act[] = [
    {
      name: "register",
      good: 202,
      prepare: async () => () =>
        stage.ask("/auth/register", { json: { email: `person${people++}@example.com` } }),
    },
    {
      name: "register/complete",
      good: 201,
      async prepare() {
        const email = `person${people++}@example.com`
        await stage.ask("/auth/register", { json: { email } })
        const token = await stage.tokenFor(email)
        return () => stage.ask("/auth/register/complete", { json: { token, password: PASSWORD } })
      },
    },
    {
      name: "login",
      good: 200,
      async prepare() {
        const [, email] = await person()
        return () => stage.ask("/auth/login", { json: { email, password: PASSWORD } })
      },
    },
    {
      name: "login of a stranger",
      good: 401,
      prepare: async () => () =>
        stage.ask("/auth/login", { json: { email: "nobody@example.com", password: PASSWORD } }),
    },
    {
      name: "refresh",
      good: 200,
      async prepare() {
        const [browser] = await person()
        return () => browser.post("/auth/refresh")
      },
    },
    {
      name: "account",
      good: 200,
      async prepare() {
        const [browser] = await person()
        return () => browser.ask("/auth/account")
      },
    },
    {
      name: "logout",
      good: 204,
      async prepare() {
        const [browser] = await person()
        return () => browser.post("/auth/logout", {})
      },
    },
    {
      name: "sessions",
      good: 204,
      async prepare() {
        const [browser] = await person()
        return () => browser.ask("/auth/sessions", { method: "DELETE" })
      },
    },
    {
      name: "password/change",
      good: 200,
      async prepare() {
        const [browser] = await person()
        return () =>
          browser.post("/auth/password/change", { currentPassword: PASSWORD, newPassword: NEW_PASSWORD })
      },
    },
    {
      name: "password/forgot",
      good: 202,
      prepare: async () => () =>
        stage.ask("/auth/password/forgot", { json: { email: "nobody@example.com" } }),
    },
    {
      name: "password/reset",
      good: 204,
      async prepare() {
        const [, email] = await person()
        const token = await resetToken(email)
        return () => stage.ask("/auth/password/reset", { json: { token, password: NEW_PASSWORD } })
      },
    },
  ]

  for (const act of acts) {
    it(`closes ${act.name} at each of its calls`, async (t) => {
      const run = await act.prepare()
      fault = { failure: "fails", at: 0, calls: 0 }
      assert.equal((await run()).status, act.good)
      const calls = fault.calls
      fault = undefined
      assert.ok(calls >= 1)
      for (const failure of ["fails", "fails after it was done", "hangs"] as const) {
        for (let at = 1; at <= calls; at++) {
          const again = await act.prepare()
          fault = { failure, at, calls: 0 }
          const began = performance.now()
          const answer = await again()
          const took = performance.now() - began
          fault = undefined
          assert.equal(answer.status, 503, `call ${at} ${failure}: ${answer.status} ${answer.text}`)
          assert.deepEqual(answer.setCookies, [], `call ${at} ${failure}`)
          assert.ok(Number(answer.headers["retry-after"]) > 0)
          // The deadline is 1.75 s; the rest is hashing on a machine that does other things as well.
          assert.ok(took < 6_000, `${took} ms`)
          assert.equal(answer.headers["clear-site-data"], undefined)
        }
      }
      const again = await act.prepare()
      fault = { failure: "every call is late", at: 0, calls: 0 }
      const answer = await again()
      const asked = fault.calls
      fault = undefined
      assert.equal(answer.status, calls === 1 ? act.good : 503, `late: ${answer.status} ${answer.text}`)
      assert.ok(asked <= 2, `${asked} calls of a late store`)
      if (calls > 1) assert.deepEqual(answer.setCookies, [])
      t.diagnostic(`${act.name}: ${calls} calls`)
    })
  }
})

describe("a feed that falls silent", () => {
  it("me answers until it is 10 s stale, then 503; public routes go on", async (t) => {
    let now = 1_800_000_000_000
    let silent = false
    const stage = await openStage({ clock: () => now, publicRoutes: ["GET /open"] }, (store) => {
      const read = store.readRevocations
      return { ...store, readRevocations: (input) => (silent ? new Promise(() => {}) : read(input)) }
    })
    t.after(() => stage.close())
    const browser = await signUp(stage, "someone@example.com")
    silent = true
    now += 9_000
    assert.equal((await browser.ask("/auth/me")).status, 200)
    now += 4_000
    const closed = await browser.ask("/auth/me")
    assert.deepEqual([closed.status, closed.json.code], [503, "service.unavailable"])
    assert.equal((await browser.ask("/open")).status, 404)
    assert.equal(await stage.latch.ready(), false)
  })

  it("accepting until expiry is a written weakening, and red on the checklist while it matters", async (t) => {
    let now = 1_800_000_000_000
    let silent = false
    const unsafe = { acceptRevokedUntilExpiry: "a test of what this does" }
    const stage = await openStage({ clock: () => now, unsafe }, (store) => {
      const read = store.readRevocations
      return { ...store, readRevocations: (input) => (silent ? new Promise(() => {}) : read(input)) }
    })
    t.after(() => stage.close())
    const browser = await signUp(stage, "someone@example.com")
    const line = () => stage.latch.checklist().find((row) => row.line.id === "session")?.state
    assert.equal(line()?.state, "weakened")
    assert.match(line()?.why ?? "", /a test of what this does/)
    silent = true
    now += 60_000
    assert.equal((await browser.ask("/auth/me")).status, 200)
    assert.equal(line()?.state, "fails")
    assert.match(line()?.why ?? "", /work until they expire/)
  })
})

describe("another process writes beside the service", () => {
  it("a role and a disabled account reach a running service within 2 s", async (t) => {
    const { mkdtempSync, rmSync } = await import("node:fs")
    const { tmpdir } = await import("node:os")
    const { join } = await import("node:path")
    const { openSqlite } = await import("../../src/store/sqlite/index.ts")
    const folder = mkdtempSync(join(tmpdir(), "nightlatch-beside-"))
    const path = join(folder, "data", "nightlatch.db")
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const stage = await openStage({ database: path, clock: Date.now })
    t.after(() => stage.close())
    const browser = await signUp(stage, "someone@example.com")
    const accountId = String((await browser.ask("/auth/me")).json.userId)
    const command = await openSqlite({ path })
    const within = async (path: string, status: number): Promise<number> => {
      const began = performance.now()
      while ((await browser.ask(path)).status !== status && performance.now() - began < 5_000) {
        await new Promise((later) => setTimeout(later, 20))
      }
      return performance.now() - began
    }
    await command.setRoles({ accountId, roles: ["admin"], events: [] })
    assert.ok((await within("/auth/me", 401)) < 2_000)
    assert.equal((await browser.post("/auth/refresh")).status, 200)
    assert.deepEqual((await browser.ask("/auth/me")).json.roles, ["admin"])
    await command.setDisabled({ accountId, disabled: true, events: [] })
    assert.ok((await within("/auth/me", 401)) < 2_000)
    assert.equal((await browser.post("/auth/refresh")).json.code, "session.ended")
    await command.close()
  })
})
