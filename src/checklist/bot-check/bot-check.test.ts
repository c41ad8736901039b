import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import type { Facts } from "../../core/facts.ts"
import { silentLogger } from "../../core/logger.ts"
import { Faults } from "../../core/misuse.ts"
import { createLimiter, createSharedLimiter, parseRate } from "../rate-limit/index.ts"
import type { AltchaChallenge } from "./altcha.ts"
import { writeAnswer } from "./answer.ts"
import { type BotCheckOptions, createBotChecks, createRisk, readBotCheck, state } from "./index.ts"

const keys = { list: [Buffer.alloc(32, 5)] }
const KEYS = { siteKey: "1x00000000000000000000AA", secretKey: "1x0000000000000000000000000000000AA" }

function read(input?: unknown, unsafe?: object) {
  const faults = new Faults()
  const policy = readBotCheck(input, { loopback: false, unsafe }, faults)
  return { policy, faults: faults.list.map(({ code, path }) => `${code} ${path}`) }
}

function solve({ challenge, salt, maxnumber, algorithm, signature }: AltchaChallenge): string {
  for (let number = 0; number <= maxnumber; number++) {
    if (createHash("sha256").update(`${salt}${number}`).digest("hex") === challenge)
      return writeAnswer({ algorithm, challenge, number, salt, signature })
  }
  return assert.fail("no number solves it")
}

describe("the proof of work", () => {
  let now = 1_800_000_000_000
  const { policy } = read({ maxNumber: 10_000 })
  const bots = createBotChecks({ policy, keys, hostnames: new Set(), clock: () => now, logger: silentLogger })
  const ask = () => {
    const asked = bots.ask("register")
    assert.ok(asked.provider === "altcha")
    return { ...asked, answer: solve(asked.challenge) }
  }
  const codeOf = async (route: string, ...values: string[]) => {
    const judged = await bots.judge(route, values)
    return judged.kind === "good" ? "good" : judged.refusal.code
  }

  it("is good for the route that asked, until it ends", async () => {
    const { answer, expiresAt } = ask()
    assert.equal(Date.parse(expiresAt), now + 600_000)
    const judged = await bots.judge("register", [answer])
    assert.ok(judged.kind === "good" && judged.lifetimeMs === 660_000)
    assert.equal(await codeOf("login", answer), "bot_check.invalid")
    assert.equal(await codeOf("register", answer, answer), "bot_check.invalid")
    assert.equal(await codeOf("register"), "bot_check.required")
    now += 599_999
    assert.equal(await codeOf("register", answer), "good")
    now += 1
    assert.equal(await codeOf("register", answer), "bot_check.expired")
  })

  it("is redeemed under one name however it is spelt, and each under another", async () => {
    const hashOf = async (answer: string) => {
      const judged = await bots.judge("register", [answer])
      return judged.kind === "good" ? judged.hash.toString("hex") : assert.fail(judged.reason)
    }
    const { answer } = ask()
    const { number, ...rest } = JSON.parse(Buffer.from(answer, "base64").toString()) as Record<
      string,
      unknown
    >
    const turned = Buffer.from(JSON.stringify({ took: 99, number, ...rest })).toString("base64")
    assert.notEqual(turned, answer)
    assert.equal(await hashOf(turned), await hashOf(answer))
    assert.notEqual(await hashOf(ask().answer), await hashOf(answer))
  })

  it("is never the same and never beyond its largest number", () => {
    const many = Array.from({ length: 200 }, () => {
      const asked = bots.ask("register")
      return asked.provider === "altcha" ? asked.challenge : assert.fail()
    })
    assert.equal(new Set(many.map(({ salt }) => salt)).size, 200)
    assert.ok(many.every(({ maxnumber }) => maxnumber === 10_000))
  })
})

describe("the options", () => {
  it("are a proof of work when it is due, by default", () => {
    const { policy, faults } = read()
    assert.deepEqual(faults, [])
    assert.deepEqual(
      [policy.provider, policy.widget, policy.always, policy.maxNumber, policy.openWhenDown],
      ["altcha", undefined, false, 400_000, false],
    )
  })
  const bad: readonly [BotCheckOptions | object, object | undefined, string][] = [
    [{ provider: "recaptcha" }, undefined, "option.invalid botCheck.provider"],
    [{ provider: "turnstile" }, undefined, "bot-check.key botCheck.secretKey"],
    [
      { provider: "turnstile", ...KEYS, siteKey: 'x" onload="alert' },
      undefined,
      "bot-check.key botCheck.siteKey",
    ],
    [{ provider: "hcaptcha", siteKey: KEYS.siteKey }, undefined, "bot-check.key botCheck.secretKey"],
    [
      { provider: "altcha", secretKey: KEYS.secretKey },
      undefined,
      "bot-check.no_provider botCheck.secretKey",
    ],
    [{ siteKey: KEYS.siteKey }, undefined, "bot-check.no_provider botCheck.siteKey"],
    [
      { provider: "turnstile", ...KEYS, verifyUrl: "http://127.0.0.1:1" },
      undefined,
      "bot-check.verify_url botCheck.verifyUrl",
    ],
    [
      { provider: "turnstile", ...KEYS, verifyUrl: "https://a:b@x.example" },
      undefined,
      "bot-check.verify_url botCheck.verifyUrl",
    ],
    [{ maxNumber: 9_999 }, undefined, "option.invalid botCheck.maxNumber"],
    [{ when: "never" }, undefined, "option.invalid botCheck.when"],
    [{ free: { mail: { perNetwork: "5/min" } } }, undefined, "rate-limit.rate botCheck.free.mail.perNetwork"],
    [{ free: { mails: {} } }, undefined, "option.unknown botCheck.free.mails"],
    [
      {},
      { botCheckOpenWhenDown: "because I say so" },
      "bot-check.nothing_to_open unsafe.botCheckOpenWhenDown",
    ],
  ]
  for (const [input, unsafe, fault] of bad) {
    it(`refuse ${JSON.stringify(input).slice(0, 80)}${unsafe === undefined ? "" : " with unsafe"}`, () => {
      const { faults } = read(input, unsafe)
      assert.ok(faults.includes(fault), faults.join("\n"))
    })
  }
  it("never repeat a key in a fault", () => {
    const faults = new Faults()
    readBotCheck(
      { provider: "turnstile", siteKey: "secret one", secretKey: "secret two" },
      { loopback: true },
      faults,
    )
    assert.doesNotMatch(JSON.stringify(faults.list), /secret (?:one|two)/)
  })
})

describe("the risk", () => {
  const answers = parseRate("20/minute", "answers", new Faults())
  const free = {
    mail: { perNetwork: "3/hour", inAll: "5/hour", perDevice: "1/hour" },
    signIn: { perAccount: "2/hour", perNetwork: "4/hour", perDevice: "1/hour" },
  }
  const address = (last: number) => `192.0.2.${last}`
  const open = (when?: "always") => {
    let now = 1_800_000_000_000
    const limiter = createLimiter({ keys, clock: () => now })
    const { policy } = read({ free, ...(when === undefined ? {} : { when }) })
    const tick = (milliseconds: number) => {
      now += milliseconds
    }
    return { risk: createRisk({ limiter, policy, answers, clock: () => now }), tick }
  }

  it("is due when a network, or everybody, has had its free mails; and what is refused uses up nothing", async () => {
    const { risk, tick } = open()
    const mail = async (last: number) => risk.mail(address(last))
    for (let at = 0; at < 3; at++) assert.equal(await mail(1), "free")
    for (let at = 0; at < 50; at++) assert.equal(await mail(1), "due")
    assert.deepEqual([await mail(2), await mail(3), await mail(4)], ["free", "free", "due"])
    const device = { device: "d", account: "ada@example.com" }
    assert.deepEqual([await risk.mailFrom(device), await risk.mailFrom(device)], ["free", "due"])
    tick(3_600_000)
    assert.equal(await mail(1), "free")
  })

  it("is due at an account, or from a network, after so many failures; looking is no failure", async () => {
    const { risk } = open()
    const look = (account: string, last: number) => risk.lookAtSignIn({ account, address: address(last) })
    for (let at = 0; at < 50; at++) assert.equal(await look("ada@example.com", 1), "free")
    for (let at = 0; at < 2; at++)
      await risk.noteFailure({ account: "ada@example.com", address: address(at) }, true)
    assert.equal(await look("ada@example.com", 9), "due", "wherever it is tried from")
    assert.equal(await look("bob@example.com", 1), "free")
    const device = { device: "d", account: "ada@example.com" }
    assert.equal(await risk.lookAtSignInFrom(device), "free", "her own browser")
    await risk.noteFailureFrom(device, true)
    assert.equal(await risk.lookAtSignInFrom(device), "due")
    // The account's budget is used up: the network's goes on being counted.
    for (let at = 0; at < 4; at++)
      await risk.noteFailure({ account: "ada@example.com", address: address(7) }, false)
    assert.equal(await look("carol@example.com", 7), "due", "any account from there")
    assert.equal(await risk.lookAtSignIn({ address: address(7) }), "due")
    assert.equal(await risk.lookAtSignIn({ address: address(8) }), "free")
  })

  it("lends what fails at one moment and gets it back before anybody is free again; what was paid for owes nothing", async () => {
    for (const free of [true, false]) {
      const { risk, tick } = open()
      const who = { account: "ada@example.com", address: address(1) }
      await Promise.all(Array.from({ length: 6 }, () => risk.noteFailure(who, free)))
      // Of 2 an hour 4 are owed.
      for (let half = 1; half <= 6; half++) {
        tick(1_800_000)
        const looks = await Promise.all(Array.from({ length: 3 }, () => risk.lookAtSignIn(who)))
        for (const need of looks) assert.equal(need, half > 4 || !free ? "free" : "due", `${half} half hours`)
      }
      const device = { device: "d", account: "ada@example.com" }
      await Promise.all(Array.from({ length: 3 }, () => risk.noteFailureFrom(device, free)))
      tick(3_600_000)
      assert.equal(await risk.lookAtSignInFrom(device), free ? "due" : "free")
      tick(2 * 3_600_000)
      assert.equal(await risk.lookAtSignInFrom(device), "free", "as long as it takes, looked at or not")
    }
  })

  it("is owed by the network, however its addresses are spelt", async () => {
    const { risk, tick } = open()
    const from = (last: string) => ({
      account: `person${last}@example.com`,
      address: `2001:db8:0:1::${last}`,
    })
    await Promise.all([..."12345678"].map((last) => risk.noteFailure(from(last), true)))
    tick(900_000)
    assert.equal(await risk.lookAtSignIn(from("9")), "due")
    tick(4 * 900_000)
    assert.equal(await risk.lookAtSignIn(from("9")), "free")
  })

  it("is always due if that was chosen", async () => {
    const { risk } = open("always")
    assert.equal(await risk.mail(address(1)), "due")
    assert.equal(await risk.lookAtSignIn({ address: address(1) }), "due")
    assert.equal(await risk.mailFrom({ device: "d", account: "a" }), "due")
  })

  it("is a refusal where limits refuse while their place is gone, and counted in memory otherwise", async () => {
    for (const whenGone of ["refuse", "memory"] as const) {
      const limiter = createLimiter({ keys, clock: () => 1_800_000_000_000 })
      const buckets = { place: "nowhere", take: () => Promise.reject(new Error("gone")) }
      const shared = createSharedLimiter({ limiter, buckets, whenGone, logger: silentLogger })
      const risk = createRisk({
        limiter: shared,
        policy: read({ free }).policy,
        answers,
        clock: () => 1_800_000_000_000,
      })
      const need = await risk.mail(address(1))
      const look = await risk.lookAtSignIn({ address: address(1) })
      if (whenGone === "memory") assert.deepEqual([need, look], ["free", "free"])
      else for (const each of [need, look]) assert.ok(typeof each === "object" && each.refusal.status === 503)
    }
  })
})

describe("the line of the checklist", () => {
  const facts = (botCheck: Partial<Facts["botCheck"]>, unsafe: Facts["unsafe"] = {}): Facts =>
    ({
      unsafe,
      botCheck: {
        provider: "altcha",
        always: false,
        free: { mail: 20, signIn: 3 },
        maxNumber: 400_000,
        asked: 7,
        passed: 5,
        unchecked: 0,
        down: undefined,
        ...botCheck,
      },
    }) as Facts
  const reason = { botCheckOpenWhenDown: "sign-ups matter more in this week" }

  it("says what is asked for, when, and how often it was", () => {
    const { state: how, why } = state(facts({}))
    assert.equal(how, "holds")
    assert.match(why, /proof of work of 200,000 hashes.*after 20 mails.*3 failed.*asked 7 times.*passed 5/)
    assert.match(state(facts({ provider: "turnstile", always: true })).why, /Turnstile.*before each sign-in/)
  })
  it("fails while the provider does not judge, and is weakened where it would be open then", () => {
    const down = state(facts({ provider: "hcaptcha", down: "it answers 500" }))
    assert.equal(down.state, "fails")
    assert.match(down.why, /hCaptcha does not judge \(it answers 500\).*503/)
    const open = state(facts({ provider: "hcaptcha", down: "it answers 500", unchecked: 4 }, reason))
    assert.equal(open.state, "fails")
    assert.match(open.why, /robots pass, 4 of them.*sign-ups matter/)
    const could = state(facts({ provider: "hcaptcha" }, reason))
    assert.equal(could.state, "weakened")
    assert.match(could.why, /sign-ups matter more/)
    for (const each of [down, open, could]) assert.notEqual(each.fix, undefined)
  })
})
