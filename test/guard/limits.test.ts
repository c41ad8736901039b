/** The limits as they are wired in a whole instance with its defaults, seen from many addresses. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { guard, limit } from "../../src/adapters/web.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { type Latch, type NightlatchOptions, nightlatch } from "../../src/index.ts"

const ORIGIN = "http://localhost:3000"

interface Rig {
  readonly latch: Latch
  ask(path: string, from: string, ask?: { method?: string; cookie?: string }): Promise<Response>
}

async function rig(options: Partial<NightlatchOptions> = {}): Promise<Rig> {
  const latch = await nightlatch({
    origin: ORIGIN,
    secret: generateSecret(),
    database: ":memory:",
    publicRoutes: ["GET /own", "GET /refresh", "GET /user"],
    overload: { loopDelayMs: 5_000 },
    // A clock that stands still: a bucket never refills while a slow machine counts.
    clock: () => 1_800_000_000_000,
    ...options,
  })
  const own = new Map(
    ["/own", "/refresh", "/user"].map((path) => [path, { rule: limit("3/minute"), name: path.slice(1) }]),
  )
  const answer = guard(latch, async (request, { passed }) => {
    const mine = own.get(new URL(request.url).pathname)
    const refused = mine === undefined ? undefined : passed.render(await mine.rule(passed, mine.name))
    return new Response(refused === undefined ? "ok" : null, { status: refused?.status ?? 200 })
  })
  return {
    latch,
    ask(path, from, { method = "GET", cookie } = {}) {
      const body = method === "POST" ? { body: "{}" } : {}
      const headers = {
        origin: ORIGIN,
        ...(method === "POST" ? { "content-type": "application/json" } : {}),
        ...(cookie === undefined ? {} : { cookie }),
      }
      return answer(new Request(ORIGIN + path, { method, headers, ...body }), { peerAddress: from })
    },
  }
}

/** Answers until the first 429, and that one's Retry-After. */
async function untilRefused(ask: () => Promise<Response>, most: number): Promise<number> {
  for (let passed = 0; passed <= most; passed++) if ((await ask()).status === 429) return passed
  return Number.POSITIVE_INFINITY
}

describe("limits by default", () => {
  let wired: Rig
  before(async () => {
    wired = await rig()
  })
  after(() => wired.latch.close())

  it("count every request of an address: 600 a minute", async () => {
    const ask = () => wired.ask("/private", "192.0.2.1")
    assert.equal((await ask()).status, 401)
    assert.equal(await untilRefused(ask, 700), 599)
    assert.equal((await wired.ask("/private", "192.0.2.2")).status, 401)
  })

  it("count every request of a user, from wherever: 600 a minute", async () => {
    const { cookie } = await wired.latch.testing.signIn({ email: "someone@example.com" })
    let asked = 0
    const ask = () => wired.ask("/private", `198.51.${asked % 100}.${++asked % 250}`, { cookie })
    assert.equal(await untilRefused(ask, 700), 600)
    const other = await wired.latch.testing.signIn({ email: "another@example.com" })
    assert.equal((await wired.ask("/private", "192.0.2.3", { cookie: other.cookie })).status, 200)
  })

  /** Requests of one address a minute, by the flow's name. */
  const PER_FLOW: Readonly<Record<string, number>> = {
    refresh: 300,
    register: 10,
    "register-complete": 10,
    "password-forgot": 10,
    "password-reset": 10,
    "password-change": 10,
    "email-link": 10,
    "email-link-complete": 10,
    "email-link-deny": 10,
    "email-change": 10,
    "email-change-complete": 10,
  }

  it("count each costly flow by address", async () => {
    const { cookie } = await wired.latch.testing.signIn({ email: "third@example.com" })
    const found: Record<string, number> = {}
    for (const [index, { name, method, path, access }] of wired.latch.routes.entries()) {
      const signedIn = access === "user" ? { cookie } : {}
      const ask = () => wired.ask(path, `203.0.113.${index + 1}`, { method, ...signedIn })
      const policies = (await ask()).headers.get("ratelimit-policy") ?? ""
      const said = new RegExp(`"${name}";q=(\\d+)`).exec(policies)?.[1]
      if (said === undefined) continue
      found[name] = 1 + (await untilRefused(ask, 400))
      assert.equal(found[name], Number(said), name)
    }
    for (const [name, count] of Object.entries(PER_FLOW)) assert.equal(found[name], count, name)
  })
})

describe("limits of an application", () => {
  it("count strangers like every other limit does: IPv6 by /64, and ten times as much by /48", async (t) => {
    const { latch, ask } = await rig()
    t.after(() => latch.close())
    let address = 0
    const sameNetwork = () => ask("/own", `2001:db8:0:1::${(++address).toString(16)}`)
    assert.equal(await untilRefused(sameNetwork, 10), 3)
    let network = 1
    const sameSite = () => ask("/own", `2001:db8:0:${(++network).toString(16)}::1`)
    assert.equal(await untilRefused(sameSite, 100), 27)
    assert.equal((await ask("/own", "2001:db8:1:1::1")).status, 200)
  })

  it("are apart from ours, whatever they are called and whoever comes first", async (t) => {
    const { latch, ask } = await rig()
    t.after(() => latch.close())
    const { cookie } = await latch.testing.signIn({ email: "someone@example.com" })
    for (const path of ["/refresh", "/user"]) assert.equal((await ask(path, "192.0.2.1")).status, 200)
    assert.equal((await ask("/auth/refresh", "192.0.2.1", { method: "POST" })).status, 401)
    assert.equal((await ask("/auth/me", "192.0.2.1", { cookie })).status, 200)
  })
})

describe("limits when the table is full", () => {
  it("a user whose network is quiet does not wait for what another network does", async (t) => {
    const { latch, ask } = await rig({ rateLimit: { perUser: "2/minute", capacity: 1000 } })
    t.after(() => latch.close())
    const cookies: string[] = []
    for (let person = 0; person < 5; person++)
      cookies.push((await latch.testing.signIn({ email: `person${person}@example.com` })).cookie)
    for (let one = 0; one < 1000; one++) await ask("/private", `10.${one >> 8}.${one & 255}.1`)
    const [mine = "", ...others] = cookies
    let refused = 0
    for (const cookie of [...others, ...others])
      if ((await ask("/private", "192.0.2.1", { cookie })).status === 429) refused++
    assert.ok(refused > 0, "the users of the loud network share a bucket")
    assert.equal((await ask("/private", "198.51.100.1", { cookie: mine })).status, 200)
  })
})
