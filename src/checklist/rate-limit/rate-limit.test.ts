import assert from "node:assert/strict"
import { test } from "node:test"
import { RateLimiterMemory } from "rate-limiter-flexible"
import type { Facts } from "../../core/facts.ts"
import { Faults, MisuseError } from "../../core/misuse.ts"
import { renderRefusal } from "../../core/problem.ts"
import type { Verdict } from "../../core/verdict.ts"
import { createLimiter, createSignInLimits, parseRate, type Rate, readRateLimit, state } from "./index.ts"

const KEYS = { list: [Buffer.alloc(32, 7)] }
const ALONE: Facts["instances"] = {
  live: 1,
  inMemory: 1,
  secretSets: 1,
  clocksApartMs: 0,
  versions: ["0.1.0"],
}

function rate(input: unknown): Rate {
  const faults = new Faults()
  const read = parseRate(input, "rate", faults)
  faults.throwIfAny()
  return read
}

function setUp(capacity = 1000) {
  const time = { now: 1_800_000_000_000 }
  return { time, limiter: createLimiter({ keys: KEYS, clock: () => time.now, capacity }) }
}

function headersOf(verdict: Verdict): Record<string, string> {
  assert.ok(verdict.kind !== "answer")
  return Object.fromEntries(verdict.headers)
}

test("five a minute is five at once and then one each 12 seconds", () => {
  const { time, limiter } = setUp()
  const five = rate("5/minute")
  const kinds: string[] = []
  for (let count = 0; count < 7; count++) kinds.push(limiter.take("login", five, "ada").kind)
  assert.deepEqual(kinds, ["pass", "pass", "pass", "pass", "pass", "refusal", "refusal"])
  for (let round = 0; round < 5; round++) {
    time.now += 11_999
    assert.equal(limiter.take("login", five, "ada").kind, "refusal")
    time.now += 1
    assert.equal(limiter.take("login", five, "ada").kind, "pass")
  }
})

test("a burst allows more at once and the same later", () => {
  const { time, limiter } = setUp()
  for (const input of ["5/minute burst 10", { limit: 5, per: "minute", burst: 10 }] as const) {
    const key = typeof input
    let passed = 0
    while (limiter.take("upload", rate(input), key).kind === "pass") passed++
    assert.equal(passed, 10)
    time.now += 12_000
    assert.equal(limiter.take("upload", rate(input), key).kind, "pass")
    assert.equal(limiter.take("upload", rate(input), key).kind, "refusal")
  }
})

test("headers tell burst, what is left and when one more comes, and Retry-After is never earlier", () => {
  const { time, limiter } = setUp()
  const five = rate("5/minute")
  const first = headersOf(limiter.take("login", five, "ada"))
  assert.deepEqual(first, { "ratelimit-policy": '"login";q=5;w=60', ratelimit: '"login";r=4;t=12' })
  time.now += 5500
  assert.equal(headersOf(limiter.take("login", five, "ada")).ratelimit, '"login";r=3;t=7')
  for (let count = 0; count < 3; count++) limiter.take("login", five, "ada")
  const refused = limiter.take("login", five, "ada")
  assert.ok(refused.kind === "refusal")
  assert.equal(refused.refusal.code, "rate-limit.exceeded")
  const headers = headersOf(refused)
  assert.equal(headers.ratelimit, '"login";r=0;t=7')
  assert.equal(headers["retry-after"], "7")
  const reply = renderRefusal(refused)
  assert.equal(reply.status, 429)
  assert.match(reply.body ?? "", /http-problem-types#quota-exceeded/)
  time.now += 7000
  assert.equal(limiter.take("login", five, "ada").kind, "pass")
})

test("a burst is what the headers call the quota, with the time in which it refills", () => {
  const { limiter } = setUp()
  assert.equal(
    headersOf(limiter.take("a", rate("5/minute burst 10"), "x"))["ratelimit-policy"],
    '"a";q=10;w=120',
  )
  assert.equal(headersOf(limiter.take("b", rate("1000/day"), "x")).ratelimit, '"b";r=999;t=87')
  assert.equal(headersOf(limiter.take("c", rate("7/second"), "x"))["ratelimit-policy"], '"c";q=7;w=1')
})

test("a name is quoted as a structured field, and one that cannot be is misuse", () => {
  const { limiter } = setUp()
  const headers = headersOf(limiter.take('GET /a"b\\c', rate("5/minute"), "x"))
  assert.equal(headers.ratelimit, '"GET /a\\"b\\\\c";r=4;t=12')
  for (const name of ["", "grün", "a\r\nb", "x".repeat(129)]) {
    assert.throws(() => limiter.take(name, rate("5/minute"), "x"), {
      name: "MisuseError",
      message: /rate-limit\.name/,
    })
  }
})

test("a name is one limit: twice declared, or taken with another rate, is misuse", () => {
  const { limiter } = setUp()
  limiter.register("orders", rate("5/minute"))
  assert.throws(() => limiter.register("orders", rate("5/minute")), /rate-limit\.duplicate/)
  assert.equal(limiter.take("orders", rate("5/minute"), "x").kind, "pass")
  assert.throws(() => limiter.take("orders", rate("6/minute"), "x"), MisuseError)
  assert.throws(() => limiter.takeAll([{ name: "orders", rate: rate("6/minute"), key: "x" }]), MisuseError)
  assert.deepEqual(limiter.policies, ["orders"])
})

test("keys and limits do not count for each other, also when their texts run together", () => {
  const { limiter } = setUp()
  const one = rate("1/minute")
  assert.equal(limiter.take("ab", one, "c").kind, "pass")
  assert.equal(limiter.take("a", one, "bc").kind, "pass")
  assert.equal(limiter.take("ab", one, "C").kind, "pass")
  assert.equal(limiter.takeAddress("ab", one, "c").kind, "pass")
  assert.equal(limiter.take("ab", one, "c").kind, "refusal")
})

test("a remembered id is the same key, and is counted on when what was remembered is forgotten", () => {
  const { limiter } = setUp(10_000)
  const five = rate("5/minute")
  for (let count = 0; count < 3; count++) assert.equal(limiter.takeId("user", five, "one").kind, "pass")
  for (let other = 0; other < 5_000; other++) limiter.takeId("user", five, `other ${other}`)
  assert.equal(limiter.take("user", five, "one").kind, "pass")
  assert.equal(limiter.takeId("user", five, "one").kind, "pass")
  assert.equal(limiter.takeId("user", five, "one").kind, "refusal")
})

test("looking consumes nothing", () => {
  const { limiter } = setUp()
  const two = rate("2/minute")
  for (let count = 0; count < 10; count++) {
    assert.equal(headersOf(limiter.peek("x", two, "k")).ratelimit, '"x";r=2;t=30')
  }
  assert.equal(limiter.size, 0)
  limiter.take("x", two, "k")
  assert.equal(headersOf(limiter.peek("x", two, "k")).ratelimit, '"x";r=1;t=30')
  limiter.take("x", two, "k")
  assert.equal(limiter.peek("x", two, "k").kind, "refusal")
})

test("several limits consume together or not at all", () => {
  const { limiter } = setUp()
  const wide = { name: "wide", rate: rate("10/minute"), key: "a" }
  const narrow = { name: "narrow", rate: rate("2/minute"), key: "a" }
  assert.deepEqual(headersOf(limiter.takeAll([wide, narrow])), {
    "ratelimit-policy": '"wide";q=10;w=60, "narrow";q=2;w=60',
    ratelimit: '"wide";r=9;t=6, "narrow";r=1;t=30',
  })
  limiter.takeAll([wide, narrow])
  for (let count = 0; count < 20; count++) {
    const refused = limiter.takeAll([wide, narrow])
    assert.equal(headersOf(refused)["ratelimit-policy"], '"narrow";q=2;w=60')
  }
  assert.equal(headersOf(limiter.peek("wide", wide.rate, "a")).ratelimit, '"wide";r=8;t=6')
  assert.deepEqual(limiter.takeAll([]), { kind: "pass", headers: [] })
})

test("a look at several limits says what counting would, and counts nothing", () => {
  const { limiter } = setUp()
  const wide = { name: "wide", rate: rate("10/minute"), key: "a" }
  const narrow = { name: "narrow", rate: rate("2/minute"), address: "2001:db8:1:1::1" }
  assert.deepEqual(limiter.peekAll([]), { kind: "pass", headers: [] })
  for (let used = 0; used < 2; used++) {
    for (let look = 0; look < 20; look++) {
      const said = headersOf(limiter.peekAll([wide, narrow])).ratelimit
      assert.match(said ?? "", new RegExp(`"wide";r=${10 - used};.*"narrow";r=${2 - used};`))
    }
    assert.equal(limiter.takeAll([wide, narrow]).kind, "pass")
  }
  assert.deepEqual(limiter.peekAll([wide, narrow]), limiter.takeAll([wide, narrow]))
  assert.equal(limiter.peekAll([wide, narrow]).kind, "refusal")
  assert.equal(limiter.peekAll([wide]).kind, "pass")
})

test("the refusal of several limits names the longest wait", () => {
  const { limiter } = setUp()
  const hour = { name: "hour", rate: rate("1/hour"), key: "a" }
  const minute = { name: "minute", rate: rate("1/minute"), key: "a" }
  limiter.takeAll([minute, hour])
  assert.equal(headersOf(limiter.takeAll([minute, hour]))["retry-after"], "3600")
})

test("one bucket asked for twice in one request counts once", () => {
  const { limiter } = setUp()
  const demand = { name: "x", rate: rate("2/minute"), key: "a" }
  limiter.takeAll([demand, demand])
  assert.equal(headersOf(limiter.peek("x", demand.rate, "a")).ratelimit, '"x";r=1;t=30')
})

test("an IPv6 address is its /64, and a /48 has ten times as much", () => {
  const { limiter } = setUp(10_000)
  const two = rate("2/minute")
  assert.equal(limiter.takeAddress("x", two, "2001:db8:1:1::1").kind, "pass")
  assert.equal(limiter.takeAddress("x", two, "2001:db8:1:1:ffff::2").kind, "pass")
  assert.equal(limiter.takeAddress("x", two, "2001:db8:1:1::3").kind, "refusal")
  let passed = 2
  for (let network = 2; network < 200; network++) {
    if (limiter.takeAddress("x", two, `2001:db8:1:${network.toString(16)}::1`).kind === "pass") passed++
  }
  assert.equal(passed, 20)
  assert.equal(limiter.takeAddress("x", two, "2001:db8:2:1::1").kind, "pass")
})

test("a site that is used up leaves its networks' own buckets alone", () => {
  const { time, limiter } = setUp(10_000)
  const one = rate("1/minute")
  for (let network = 0; network < 10; network++) limiter.takeAddress("x", one, `2001:db8:1:${network}::1`)
  const refused = limiter.takeAddress("x", one, "2001:db8:1:aaaa::1")
  assert.equal(headersOf(refused)["ratelimit-policy"], '"x";q=10;w=60')
  time.now += 6000
  assert.equal(limiter.takeAddress("x", one, "2001:db8:1:aaaa::1").kind, "pass")
})

test("the headers tell of the network or of the site, whichever is nearer to its end", () => {
  const { limiter } = setUp(10_000)
  const five = rate("5/minute")
  const left = (address: string) => headersOf(limiter.takeAddress("x", five, address)).ratelimit
  assert.equal(left("2001:db8:1::1"), '"x";r=4;t=12')
  for (let count = 0; count < 48; count++) left(`2001:db8:1:${(count >> 2) + 1}::1`)
  assert.equal(left("2001:db8:1:aaaa::1"), '"x";r=0;t=2')
})

test("a bucket that is full again is not taken from under a request that asks for it", () => {
  const { time, limiter } = setUp(1)
  const [wide, narrow] = [rate("10/minute"), rate("1/minute")]
  limiter.take("wide", wide, "ada")
  time.now += 60_000
  const demands = [
    { name: "wide", rate: wide, key: "ada" },
    { name: "narrow", rate: narrow, key: "ada", address: "192.0.2.1" },
  ]
  assert.equal(headersOf(limiter.takeAll(demands)).ratelimit, '"wide";r=9;t=6, "narrow";r=0;t=60')
  assert.equal(limiter.takeAll(demands).kind, "refusal")
  assert.equal(headersOf(limiter.peek("wide", wide, "ada")).ratelimit, '"wide";r=9;t=6')
})

test("address limits join others in one request", () => {
  const { limiter } = setUp()
  const demands = [
    { name: "x", rate: rate("5/minute"), address: "2001:db8::1" },
    { name: "y", rate: rate("5/minute"), key: "k", address: "2001:db8::1" },
  ]
  assert.equal(headersOf(limiter.takeAll(demands)).ratelimit, '"x";r=4;t=12, "y";r=4;t=12')
})

test("a full table evicts nobody who is still counted, and newcomers share a bucket with their network", () => {
  const { time, limiter } = setUp(4)
  const two = rate("2/minute")
  for (const key of ["a", "b", "c", "d"]) {
    limiter.take("x", two, key)
    limiter.take("x", two, key)
  }
  for (let count = 0; count < 300; count++) limiter.take("x", two, `flood ${count}`, "203.0.113.9")
  for (const key of ["a", "b", "c", "d"]) assert.equal(limiter.take("x", two, key).kind, "refusal", key)
  assert.equal(limiter.size, 4)
  assert.equal(limiter.take("x", two, "e", "203.0.113.200").kind, "refusal", "the flood's own network")
  assert.equal(limiter.take("x", two, "f", "198.51.100.1").kind, "pass", "another network")
  time.now += 60_001
  for (const key of ["e", "g", "h", "i"])
    assert.equal(limiter.take("x", two, key, "203.0.113.9").kind, "pass", key)
  assert.ok(limiter.size <= 4)
})

test("keys that are full again make room without being asked", () => {
  const { time, limiter } = setUp(1000)
  const often = rate("10/second")
  for (let count = 0; count < 50_000; count++) {
    time.now += 1
    assert.equal(limiter.take("x", often, `visitor ${count}`).kind, "pass")
  }
  assert.ok(limiter.size < 400, String(limiter.size))
})

test("a clock that is set back stands still for the limiter, one set ahead refills", () => {
  const { time, limiter } = setUp()
  const one = rate("1/minute")
  limiter.take("x", one, "k")
  time.now -= 3_600_000
  assert.equal(headersOf(limiter.take("x", one, "k"))["retry-after"], "60")
  time.now += 60_000
  assert.equal(limiter.take("x", one, "k").kind, "pass")
})

test("no key is found in what the limiter keeps", () => {
  const { limiter } = setUp()
  for (let count = 0; count < 3; count++) limiter.take("x", rate("5/minute"), "ada@example.com")
  assert.doesNotMatch(JSON.stringify(limiter.peek("x", rate("5/minute"), "ada@example.com")), /ada/)
})

test("strangers share an account's bucket, a known browser has its own", () => {
  const { limiter } = setUp()
  const limits = createSignInLimits({ limiter, policy: readRateLimit({}, new Faults()) })
  for (let count = 0; count < 5; count++) {
    assert.equal(limits.take({ account: "ada@example.com", address: `192.0.2.${count}` }).kind, "pass")
  }
  assert.equal(limits.take({ account: "ada@example.com", address: "198.51.100.1" }).kind, "refusal")
  const own = { account: "ada@example.com", address: "198.51.100.1", device: "d1" }
  for (let count = 0; count < 10; count++) assert.equal(limits.take(own).kind, "pass")
  assert.equal(limits.take(own).kind, "refusal")
  assert.equal(limits.take({ ...own, device: "d2" }).kind, "pass")
  assert.equal(limits.take({ ...own, account: "eve@example.com" }).kind, "pass")
})

test("an address has twenty attempts at whatever accounts, and what it is refused costs the accounts nothing", () => {
  const { limiter } = setUp()
  const limits = createSignInLimits({ limiter, policy: readRateLimit({}, new Faults()) })
  const kinds = Array.from(
    { length: 40 },
    (_, count) => limits.take({ account: `a${count}`, address: "192.0.2.1" }).kind,
  )
  assert.equal(kinds.filter((kind) => kind === "pass").length, 20)
  const victim = limits.take({ account: "a39", address: "192.0.2.2" })
  assert.match(headersOf(victim).ratelimit ?? "", /"login";r=4;t=12/)
})

test("the answer for an account that does not exist is the same to the byte", () => {
  const answers = ["ada@example.com", "nobody@example.com"].map((account) => {
    const limits = createSignInLimits({ limiter: setUp().limiter, policy: readRateLimit({}, new Faults()) })
    return Array.from({ length: 8 }, () => limits.take({ account, address: "192.0.2.1" }))
  })
  assert.deepEqual(answers[0], answers[1])
})

test("within one window it allows what rate-limiter-flexible allows", async () => {
  const { limiter } = setUp()
  for (const points of [1, 3, 20]) {
    const other = new RateLimiterMemory({ points, duration: 60 })
    for (let count = 0; count < 60; count++) {
      const key = `k${count % 3}`
      const theirs = await other.consume(key).then(
        () => "pass",
        () => "refusal",
      )
      assert.equal(limiter.take(`l${points}`, rate(`${points}/minute`), key).kind, theirs)
    }
  }
})

test("a rate that is none names the right spelling", () => {
  const table: [unknown, RegExp][] = [
    ["5/min", /"5\/minute"/],
    ["5/minutes", /"5\/minute"/],
    ["5 per hour", /"5\/hour"/],
    ["5/Day", /"5\/day"/],
    ["5/s", /"5\/second"/],
    ["5/fortnight", /second, minute, hour, day/],
    ["five/minute", /"5\/minute burst 10"/],
    ["5/minute burst", /"5\/minute"/],
    ["5/minute;burst=10", /"5\/minute"/],
    [" 5/minute", /"5\/minute"/],
    ["", /Write it like/],
    ["0/minute", /Write it like/],
    ["5/minute burst 0", /Write it like/],
    ["2000000/second", /Write it like/],
    ["1.5/minute", /./],
    ["-1/minute", /./],
    [{ limit: 0, per: "minute" }, /Write it like/],
    [{ limit: 5, per: "minute", burst: 1.5 }, /Write it like/],
    [{ limit: 5, per: "min" }, /./],
    [{ limit: 5, per: "minute", brust: 5 }, /"burst"/],
    [5, /./],
    [null, /./],
    [true, /./],
  ]
  for (const [input, fix] of table) {
    const faults = new Faults()
    parseRate(input, "limit", faults)
    assert.equal(faults.list.length, 1, JSON.stringify(input))
    assert.match(faults.list[0]?.fix ?? "", fix, JSON.stringify(input))
    assert.match(faults.list[0]?.path ?? "", /^limit/)
  }
})

test("every default is a rate, and a wrong option names its path", () => {
  const faults = new Faults()
  const policy = readRateLimit(undefined, faults)
  assert.deepEqual(faults.list, [])
  assert.equal(policy.login.perAccount.text, "5/minute")
  assert.equal(policy.login.perAddress.text, "20/minute")
  readRateLimit({ login: { perAccount: "5/min", perAcount: "5/minute" } }, faults)
  readRateLimit({ login: { perAccount: "5/min" }, capacity: 10, refresh: { perAddress: 5 } }, faults)
  assert.deepEqual(
    faults.list.map(({ path }) => path),
    [
      "rateLimit.login.perAcount",
      "rateLimit.login.perAccount",
      "rateLimit.refresh.perAddress",
      "rateLimit.capacity",
    ],
  )
})

test("the checklist line tells when the table fills", () => {
  const lineOf = (keys: number, policies = ["login"]) =>
    state({ rateLimit: { policies, keys, capacity: 1000 }, instances: ALONE } as unknown as Facts).state
  assert.equal(lineOf(10), "holds")
  assert.equal(lineOf(950), "weakened")
  assert.equal(lineOf(10, []), "fails")
})

test("the checklist line tells where limits are counted, and what it means that they are not shared now", () => {
  const line = (shared: Facts["rateLimit"]["shared"], instances = ALONE) =>
    state({
      rateLimit: { policies: ["login"], keys: 1, capacity: 1000, shared },
      instances,
    } as unknown as Facts)
  const redis = { place: "Redis", gone: undefined, whenGone: "memory", missed: 0 } as const
  assert.match(line(undefined).why, /by this process alone/)
  assert.deepEqual([line(redis).state, line(undefined).state], ["holds", "holds"])
  assert.match(line(redis).why, /with all processes in Redis/)
  const gone = { ...redis, gone: "it does not answer" }
  assert.equal(line(gone).state, "weakened")
  assert.match(line(gone).why, /\(it does not answer\).* in memory/)
  assert.match(line({ ...gone, whenGone: "refuse" }).why, /503/)
  const three = { ...ALONE, live: 3, inMemory: 1 }
  assert.equal(line(gone, three).state, "fails")
  assert.match(line(gone, three).why, /3 instances let 3 times as many through/)
  assert.equal(line({ ...gone, whenGone: "refuse" }, three).state, "weakened")
  assert.match(line(redis, three).why, /3 instances are live, and 1 of them/)
  assert.equal(line(redis, three).state, "fails")
  assert.equal(line(redis, { ...three, inMemory: 0 }).state, "holds")
})
