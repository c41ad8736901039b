/** A robot that registers, guesses and has mails sent as often as it can, with the budgets that are the default. */
import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import { UnavailableError } from "../../src/index.ts"
import type { Store } from "../../src/store/store.ts"
import { challengeOf, HEADER, SMALL, solved } from "../bot-check/solve.ts"
import { type Answer, openStage, type Stage } from "../flows/stage.ts"

/** What a robot has: as many addresses as it likes, told by the proxy in front. */
async function open(t: TestContext, wrap?: (store: Store) => Store): Promise<Stage> {
  const stage = await openStage({ botCheck: { maxNumber: SMALL }, proxy: { trusted: 1 } }, wrap)
  t.after(() => stage.close())
  return stage
}

const from = (address: string) => ({ "x-forwarded-for": address })

async function mailsOf(stage: Stage, least: number): Promise<number> {
  const patience = performance.now() + 20_000
  const count = () => stage.latch.inbox?.list().length ?? 0
  while (count() < least) {
    assert.ok(performance.now() < patience, `${count()} of ${least} mails`)
    await new Promise((later) => setTimeout(later, 10))
  }
  // One too many would come now.
  await new Promise((later) => setTimeout(later, 100))
  return count()
}

describe("a robot", () => {
  it("that floods registration gets the free mails of its network, and then pays for each", async (t) => {
    const stage = await open(t)
    let sent = 0
    const register = (headers = {}) =>
      stage.ask("/auth/register", {
        json: { email: `victim${sent++}@example.com` },
        headers: { ...from("192.0.2.1"), ...headers },
      })
    const answers = await Promise.all(Array.from({ length: 100 }, () => register()))
    assert.equal(answers.filter(({ status }) => status === 202).length, 20)
    for (const { status, json } of answers) assert.ok(status === 202 || json.code === "bot_check.required")
    assert.equal(await mailsOf(stage, 20), 20)
    let last = answers.find(({ status }) => status === 403) as Answer
    const paid = solved(last)
    assert.equal((await register(paid)).status, 202)
    for (let time = 0; time < 10; time++) {
      last = await register(paid)
      assert.equal(last.json.code, "bot_check.used")
    }
    assert.equal(await mailsOf(stage, 21), 21)
    const elsewhere = await stage.ask("/auth/register", {
      json: { email: "person@example.com" },
      headers: from("198.51.100.7"),
    })
    assert.equal(elsewhere.status, 202, "a person in another network is not asked")
  })

  it("with many networks gets what is free for all together", async (t) => {
    const stage = await open(t)
    const statuses = new Map<number, number>()
    for (let network = 0; network < 40; network++) {
      const round = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          stage.ask("/auth/password/forgot", {
            json: { email: `victim${network}-${at}@example.com` },
            headers: from(`203.0.${network}.1`),
          }),
        ),
      )
      for (const { status } of round) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    assert.deepEqual([...statuses].sort(), [
      [202, 300],
      [403, 100],
    ])
  })

  it("that guesses is asked at the account after three tries, from wherever it comes", async (t) => {
    const stage = await open(t)
    const guess = (at: number, headers = {}) =>
      stage.ask("/auth/login", {
        json: { email: "victim@example.com", password: `guess number ${at}, wrong` },
        headers: { ...from(`203.0.113.${at}`), ...headers },
      })
    const codes: unknown[] = []
    for (let at = 1; at <= 30; at++) codes.push((await guess(at)).json.code)
    assert.deepEqual(codes.slice(0, 3), ["login.refused", "login.refused", "login.refused"])
    assert.ok(codes.slice(3).every((code) => code === "bot_check.required"))
    const hashes = stage.latch.facts().password.hashes
    assert.ok(hashes <= 3, `${hashes} hashes: what was asked for cost none`)
  })

  it("gains one burst and no more by guessing many accounts at one moment", async (t) => {
    const stage = await openStage({
      botCheck: { maxNumber: SMALL },
      proxy: { trusted: 1 },
      rateLimit: {},
    })
    t.after(() => stage.close())
    let at = 0
    let free = 0
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          stage.ask("/auth/login", {
            json: { email: `victim${at++}@example.com`, password: "guess, and wrong" },
            headers: from("192.0.2.1"),
          }),
        ),
      )
      free += answers.filter(({ status }) => status === 401).length
      await stage.tick(120_000)
    }
    // 10 are free at first and 30 an hour; the 20 a minute of the sign-in's own limit bound the burst.
    assert.ok(free <= 20, `${free} free guesses in 4 minutes`)
  })

  it("gains nothing by headers of its own: a doubled answer, somebody else's address in front", async (t) => {
    const stage = await open(t)
    const json = { email: "a@example.com" }
    for (let time = 0; time < 20; time++)
      await stage.ask("/auth/register", { json, headers: from("192.0.2.9") })
    for (const forged of ["10.0.0.1, 192.0.2.9", "::1, 192.0.2.9", "198.51.100.1, 192.0.2.9"]) {
      const answer = await stage.ask("/auth/register", { json, headers: from(forged) })
      assert.equal(answer.json.code, "bot_check.required", forged)
    }
  })
})

describe("a store that does not redeem", () => {
  for (const failure of ["fails", "fails after it was done", "hangs"] as const) {
    it(`${failure}: 503, and no mail`, async (t) => {
      let broken = false
      const stage = await openStage({ botCheck: { maxNumber: SMALL, when: "always" } }, (store) => ({
        ...store,
        redeemState(input) {
          if (!broken) return store.redeemState(input)
          if (failure === "hangs") return new Promise(() => {})
          const planted = () => Promise.reject(new UnavailableError("planted"))
          return failure === "fails" ? planted() : store.redeemState(input).then(planted)
        },
      }))
      t.after(() => stage.close())
      const register = (headers = {}) =>
        stage.ask("/auth/register", { json: { email: "a@example.com" }, headers })
      const headers = solved(await register())
      broken = true
      const answer = await register(headers)
      assert.deepEqual([answer.status, answer.json.code], [503, "service.unavailable"])
      assert.equal(stage.latch.inbox?.list().length, 0)
      broken = false
      const again = await register(headers)
      const done = failure === "fails after it was done"
      assert.equal(again.status, done ? 403 : 202)
      if (done) assert.equal((await register({ [HEADER]: solved(again)[HEADER] })).status, 202)
      if (done) assert.equal(challengeOf(again).provider, "altcha")
    })
  }
})
