/** The bot check as clients meet it: when it is asked for, what answers it, what does not, and on how many instances. */
import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import type { NightlatchOptions } from "../../src/index.ts"
import { challengeOf, HEADER, SMALL, solutionOf, solved } from "../bot-check/solve.ts"
import { openStandIn, type StandIn } from "../bot-check/stand-in.ts"
import { ENGINE, openStores } from "./engine.ts"
import { type Answer, openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

const WRONG = "seven copper lanterns drift"
/** For those who are asked at once. */
const NONE_FREE = { mail: { perNetwork: "1/day", inAll: "1/day", perDevice: "1/day" } } as const

async function open(t: TestContext, botCheck: NightlatchOptions["botCheck"]): Promise<Stage> {
  const stage = await openStage({
    botCheck: { maxNumber: SMALL, ...botCheck } as NonNullable<typeof botCheck>,
  })
  t.after(() => stage.close())
  return stage
}

const mailsTo = (stage: Stage, email: string) =>
  stage.latch.inbox?.list().filter(({ to }) => to === email).length ?? 0

async function mailed(stage: Stage, email: string, count: number): Promise<void> {
  const patience = performance.now() + 10_000
  while (mailsTo(stage, email) < count) {
    assert.ok(performance.now() < patience, `${mailsTo(stage, email)} mails`)
    await new Promise((later) => setTimeout(later, 10))
  }
}

describe("before a mail", () => {
  it("is asked for once the network's free ones are used up, and one solution is one mail", async (t) => {
    const stage = await open(t, { free: { mail: { perNetwork: "2/hour" } } })
    const register = (email: string, headers = {}) =>
      stage.ask("/auth/register", { json: { email }, headers })
    for (const name of ["a", "b"]) assert.equal((await register(`${name}@example.com`)).status, 202)
    const asked = await register("c@example.com")
    assert.deepEqual([asked.status, asked.json.code], [403, "bot_check.required"])
    assert.equal(asked.headers["content-type"], "application/problem+json")
    assert.equal(asked.headers["cache-control"], "no-store")
    const challenge = challengeOf(asked)
    assert.ok(challenge.provider === "altcha" && challenge.challenge.maxnumber === SMALL)
    const headers = solved(asked)
    assert.equal((await register("c@example.com", headers)).status, 202)
    await mailed(stage, "c@example.com", 1)
    const again = await register("d@example.com", headers)
    assert.deepEqual([again.status, again.json.code], [403, "bot_check.used"])
    assert.equal((await register("d@example.com", solved(again))).status, 202)
    await stage.tick(1_800_000)
    assert.equal((await register("e@example.com")).status, 202, "after a while one is free again")
    const { asked: times, passed } = stage.latch.facts().botCheck
    // Of several instances, which take turns, each counts its own.
    if (ENGINE !== "fleet") assert.deepEqual([times, passed], [1, 2])
  })

  it("is asked for by everything that sends one, each for itself", async (t) => {
    const stage = await open(t, {
      free: { mail: { ...NONE_FREE.mail, perNetwork: "2/day", inAll: "2/day" } },
    })
    const email = "someone@example.com"
    const browser = await signUp(stage, email)
    await stage.ask("/auth/password/forgot", { json: { email } })
    const requests: Readonly<Record<string, object>> = {
      "/auth/register": { email: "new@example.com" },
      "/auth/password/forgot": { email },
      "/auth/email-link": { email },
      "/auth/account/email": { newEmail: "next@example.com" },
    }
    const ask = (path: string, headers = {}) => browser.ask(path, { json: requests[path], headers })
    const asking = stage.latch.routes.filter((route) => "botCheck" in route && route.name !== "login")
    assert.deepEqual(asking.map(({ path }) => path).sort(), Object.keys(requests).sort())
    // A browser that is known at the account has a free one of its own.
    assert.equal((await ask("/auth/password/forgot")).status, 202)
    const answers = new Map<string, string>()
    for (const path of Object.keys(requests)) {
      const asked = await ask(path)
      assert.deepEqual([asked.status, asked.json.code], [403, "bot_check.required"], path)
      answers.set(path, solutionOf(challengeOf(asked)))
    }
    for (const path of Object.keys(requests)) {
      for (const [other, solution] of answers) {
        if (other === path) continue
        const stolen = await ask(path, { [HEADER]: solution })
        assert.deepEqual([stolen.status, stolen.json.code], [403, "bot_check.invalid"], `${other} at ${path}`)
      }
    }
    for (const [path, solution] of answers)
      assert.equal((await ask(path, { [HEADER]: solution })).status, 202, `its own at ${path}`)
  })

  it("is asked for on the whole service's account too, and refused or broken requests are free", async (t) => {
    const stage = await open(t, { free: { mail: { perNetwork: "100/hour", inAll: "3/hour" } } })
    const register = (json: unknown) => stage.ask("/auth/register", { json })
    for (const bad of [{ email: "no address" }, { email: 5 }, {}, [], { email: ["a@example.com"] }])
      for (let time = 0; time < 3; time++) assert.equal((await register(bad)).status, 422)
    assert.equal((await stage.ask("/auth/register", { body: "email=a@example.com" })).status, 415)
    for (const name of ["a", "b", "c"])
      assert.equal((await register({ email: `${name}@example.com` })).status, 202)
    assert.equal((await register({ email: "d@example.com" })).json.code, "bot_check.required")
  })

  it("is not asked for where nobody can register", async (t) => {
    const stage = await openStage({ registration: "closed", botCheck: { when: "always" } })
    t.after(() => stage.close())
    const answer = await stage.ask("/auth/register", { json: { email: "a@example.com" } })
    assert.equal(answer.json.code, "registration.closed")
  })

  it("takes no answer that is late, too long, twice, of another service, or anything else", async (t) => {
    const stage = await open(t, { when: "always" })
    const stranger = await open(t, { when: "always" })
    const register = (value: string) =>
      stage.ask("/auth/register", { json: { email: "a@example.com" }, headers: { [HEADER]: value } })
    const ask = (from: Stage) => from.ask("/auth/register", { json: { email: "a@example.com" } })
    const late = solutionOf(challengeOf(await ask(stage)))
    const codes: [string, string][] = [
      ["", "bot_check.invalid"],
      ["x", "bot_check.invalid"],
      ["A".repeat(8_196), "bot_check.invalid"],
      [solutionOf(challengeOf(await ask(stranger))), "bot_check.invalid"],
      [
        `${solutionOf(challengeOf(await ask(stage)))}, ${solutionOf(challengeOf(await ask(stage)))}`,
        "bot_check.invalid",
      ],
    ]
    for (const [value, code] of codes) {
      const answer = await register(value)
      assert.deepEqual([answer.status, answer.json.code], [403, code], value.slice(0, 40))
      assert.notEqual(challengeOf(answer), undefined)
    }
    await stage.tick(600_000)
    assert.equal((await register(late)).json.code, "bot_check.expired")
    assert.equal(mailsTo(stage, "a@example.com"), 0)
    for (const line of stage.logged) assert.doesNotMatch(line, /eyJhbGdvcml0aG0/)
  })
})

describe("before a sign-in", () => {
  const free = { signIn: { perAccount: "3/hour", perNetwork: "100/hour", perDevice: "2/hour" } }
  const login = (stage: Stage, email: string, password: string, headers = {}) =>
    stage.ask("/auth/login", { json: { email, password }, headers })

  it("is asked for after failures at an account, and the failure that uses up the last free one says so", async (t) => {
    const stage = await open(t, { free })
    const known = "known@example.com"
    await signUp(stage, known)
    const seen: Record<string, unknown[]> = {}
    for (const email of [known, "nobody@example.com"]) {
      const rows: unknown[] = []
      const note = (answer: Answer) => {
        rows.push([answer.status, answer.json.code, Object.keys(answer.json), Object.keys(answer.headers)])
        return answer
      }
      for (let time = 0; time < 2; time++) note(await login(stage, email, WRONG))
      const last = note(await login(stage, email, WRONG))
      assert.deepEqual([last.status, last.json.code], [401, "login.refused"])
      const asked = note(await login(stage, email, WRONG))
      assert.deepEqual([asked.status, asked.json.code], [403, "bot_check.required"])
      const paid = note(await login(stage, email, WRONG, solved(last)))
      assert.deepEqual([paid.status, paid.json.code], [401, "login.refused"])
      note(await login(stage, email, WRONG, solved(asked)))
      seen[email] = rows
    }
    assert.deepEqual(seen[known], seen["nobody@example.com"])
    const asked = await login(stage, known, PASSWORD)
    assert.equal(asked.status, 403)
    assert.equal((await login(stage, known, PASSWORD, solved(asked))).status, 200)
  })

  it("is not asked for however often somebody signs in", async (t) => {
    const stage = await open(t, { free: { signIn: { perAccount: "1/day", perNetwork: "1/day" } } })
    await signUp(stage, "known@example.com")
    for (let time = 0; time < 5; time++)
      assert.equal((await login(stage, "known@example.com", PASSWORD)).status, 200)
  })

  it("costs a person's own browser nothing when strangers fail, and something when it fails itself", async (t) => {
    const stage = await open(t, { free })
    const email = "owner@example.com"
    const browser = await signUp(stage, email)
    const other = await signUp(stage, "other@example.com")
    for (let time = 0; time < 5; time++) await login(stage, email, WRONG)
    assert.equal((await login(stage, email, PASSWORD)).status, 403, "a stranger with the right password")
    const asOther = await other.post("/auth/login", { email, password: PASSWORD })
    assert.equal(asOther.status, 403, "a browser that is known at another account")
    assert.equal((await browser.post("/auth/login", { email, password: PASSWORD })).status, 200)
    assert.equal((await browser.post("/auth/login", { email, password: WRONG })).json.botCheck, undefined)
    const second = await browser.post("/auth/login", { email, password: WRONG })
    assert.deepEqual([second.status, challengeOf(second).provider], [401, "altcha"])
    assert.equal((await browser.post("/auth/login", { email, password: PASSWORD })).status, 403)
    const paid = await browser.ask("/auth/login", {
      json: { email, password: PASSWORD },
      headers: solved(second),
    })
    assert.equal(paid.status, 200)
  })

  it("is asked for from a network that failed at many accounts", async (t) => {
    const stage = await open(t, { free: { signIn: { perAccount: "100/hour", perNetwork: "4/hour" } } })
    for (let at = 0; at < 4; at++)
      assert.equal((await login(stage, `person${at}@example.com`, WRONG)).status, 401)
    assert.equal((await login(stage, "person9@example.com", WRONG)).json.code, "bot_check.required")
    const page = await stage.ask("/auth/sign-in")
    assert.match(page.text, /data-bot-check=/, "who only looks is told at once")
  })
})

describe("one solution", () => {
  it("is redeemed once, by however many and wherever at the same moment", async (t) => {
    const clock = () => 1_800_000_000_000
    const stores = await openStores(clock, ":memory:")
    const [first, second = first] = stores.all
    const secret = generateSecret()
    const options = {
      origin: "http://localhost:3000",
      secret,
      clock,
      botCheck: { maxNumber: SMALL, when: "always" },
    } as const
    const instances: Stage[] = []
    for (const store of [first, second]) {
      assert.ok(store !== undefined)
      // Closed by this test, after both.
      const shared = { ...store, close: async () => {} }
      instances.push(
        await openStage(options, (unused) => {
          void unused.close()
          return shared
        }),
      )
    }
    t.after(async () => {
      for (const instance of instances) await instance.close()
      for (const store of stores.all) await store.close()
      await stores.drop()
    })
    const ask = (at: number, headers = {}) =>
      (instances[at % 2] as Stage).ask("/auth/register", {
        json: { email: `racer${at}@example.com` },
        headers: { host: "localhost:3000", ...headers },
      })
    for (let round = 0; round < 3; round++) {
      const headers = solved(await ask(round))
      const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => ask(at, headers)))
      assert.equal(answers.filter(({ status }) => status === 202).length, 1)
      for (const { status, json } of answers)
        assert.ok(status === 202 || json.code === "bot_check.used", `${status} ${json.code}`)
    }
  })
})

describe("a provider that does not judge", () => {
  async function withProvider(
    t: TestContext,
    unsafe?: NightlatchOptions["unsafe"],
  ): Promise<[Stage, StandIn]> {
    let now = 1_800_000_000_000
    const standIn = await openStandIn("turnstile", 300_000, () => now)
    const stage = await openStage({
      botCheck: { ...standIn.options("turnstile"), when: "always" },
      ...(unsafe === undefined ? {} : { unsafe }),
      clock: () => now++,
    })
    t.after(async () => {
      await stage.close()
      standIn.close()
    })
    return [stage, standIn]
  }
  const line = (stage: Stage) => {
    const row = stage.latch.checklist().find(({ line }) => line.id === "bot-check")
    assert.ok(row !== undefined)
    return row.state
  }
  async function answer(stage: Stage, standIn: StandIn): Promise<Answer> {
    const json = { email: "a@example.com" }
    const asked = challengeOf(await stage.ask("/auth/register", { json }))
    assert.ok(asked.provider === "turnstile")
    const token = standIn.token({
      action: asked.action,
      cdata: asked.ticket,
      at: 1_800_000_000_500,
    })
    const value = Buffer.from(JSON.stringify({ ticket: asked.ticket, token })).toString("base64")
    return stage.ask("/auth/register", { json, headers: { [HEADER]: value } })
  }

  it("is refused, and the checklist says why until it is back", async (t) => {
    const [stage, standIn] = await withProvider(t)
    assert.equal((await answer(stage, standIn)).status, 202)
    assert.equal(line(stage).state, "holds")
    standIn.failure = "500"
    const down = await answer(stage, standIn)
    assert.deepEqual([down.status, down.json.code], [503, "bot_check.unavailable"])
    assert.equal(down.headers["retry-after"], "5")
    if (ENGINE !== "fleet") assert.equal(line(stage).state, "fails")
    standIn.failure = undefined
    assert.equal((await answer(stage, standIn)).status, 202)
  })

  it("is passed for a written reason alone, and that is red", async (t) => {
    const reason = "sign-ups matter more than robots in this week"
    const [stage, standIn] = await withProvider(t, { botCheckOpenWhenDown: reason })
    assert.equal(line(stage).state, "weakened")
    assert.ok(line(stage).why.includes(reason))
    standIn.failure = "redirects"
    assert.equal((await answer(stage, standIn)).status, 202)
    assert.equal(standIn.followed(), 0)
    assert.notEqual(line(stage).state, "holds")
    assert.ok(stage.logged.some((text) => text.includes("bot-check: not judged")))
    for (const text of stage.logged) assert.doesNotMatch(text, /SECRET|xxxx/)
  })
})

describe("a flood of made-up answers", () => {
  it("asks the provider no more often than its address may try to sign in, and takes nothing from others", async (t) => {
    const standIn = await openStandIn("turnstile", 300_000, () => 1_800_000_000_000)
    const stage = await openStage({
      botCheck: { ...standIn.options("turnstile"), when: "always" },
      proxy: { trusted: 1 },
      rateLimit: { login: { perAddress: "5/minute" } },
    })
    t.after(async () => {
      await stage.close()
      standIn.close()
    })
    const login = (address: string, headers = {}) =>
      stage.ask("/auth/login", {
        json: { email: "a@example.com", password: WRONG },
        headers: { "x-forwarded-for": address, ...headers },
      })
    const asked = challengeOf(await login("192.0.2.1"))
    assert.ok(asked.provider === "turnstile")
    const answerOf = (token: string, { ticket } = asked) => ({
      [HEADER]: Buffer.from(JSON.stringify({ ticket, token })).toString("base64"),
    })
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) => login("192.0.2.1", answerOf(`made-up-${at}`))),
    )
    assert.equal(standIn.asked.length, 5)
    const codes = new Set(answers.map(({ json }) => json.code))
    assert.deepEqual([...codes].sort(), ["bot_check.invalid", "rate-limit.exceeded"])
    const person = challengeOf(await login("198.51.100.7"))
    assert.ok(person.provider === "turnstile")
    const token = standIn.token({ action: "login", cdata: person.ticket, at: 1_800_000_000_000 })
    assert.equal((await login("198.51.100.7", answerOf(token, person))).json.code, "login.refused")
  })
})
