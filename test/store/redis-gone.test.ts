/** Redis that dies, hangs or refuses while requests come: none is lost, memory takes over, and it comes back by itself. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, it, type TestContext } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import {
  createLimiter,
  createSharedLimiter,
  type Limiter,
  parseRate,
  type SharedLimiter,
} from "../../src/checklist/rate-limit/index.ts"
import { silentLogger } from "../../src/core/logger.ts"
import { Faults } from "../../src/core/misuse.ts"
import { openRedis, readRedis } from "../../src/store/redis/index.ts"
import { type RedisServer, startRedis, withOwnRedis } from "./redis-server.ts"
import { startTcpProxy } from "./tcp-proxy.ts"

interface Instance {
  readonly shared: SharedLimiter
  readonly memory: Limiter
  readonly logged: string[]
}

/** One process with limits: what it has in memory is its own. */
async function open(
  t: Pick<TestContext, "after">,
  url: string,
  { whenGone = "memory" as "memory" | "refuse", keys = [Buffer.alloc(32, 7)] } = {},
): Promise<Instance> {
  const policy = readRedis(url, new Faults())
  assert.ok(policy !== undefined)
  const redis = await openRedis(policy, new URL("https://api.example.com"), silentLogger)
  const logged: string[] = []
  const log = (level: string) => (fields: object, message: string) =>
    void logged.push(`${level} ${message} ${JSON.stringify(fields)}`)
  const logger = { info: log("info"), warn: log("warn"), error: log("error") }
  const memory = createLimiter({ keys: { list: keys }, clock: Date.now })
  const shared = createSharedLimiter({ limiter: memory, buckets: redis.buckets, whenGone, logger })
  await shared.start()
  t.after(() => {
    shared.stop()
    redis.close()
  })
  return { shared, memory, logged }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const patience = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > patience) assert.fail(`it did not happen: ${what}`)
    await delay(20)
  }
}

const gone = ({ shared }: Instance) => shared.describe().gone !== undefined
const five = parseRate("5/hour", "rate", new Faults())
const key = () => randomBytes(8).toString("hex")

withOwnRedis("limits that are shared in Redis", () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis()
  })
  after(() => server.close())

  it("let exactly as many through as one process would, however many ask", async (t) => {
    const instances = await Promise.all([1, 2, 3].map(() => open(t, server.url)))
    const whom = key()
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, (_, at) => instances[at % 3]?.shared.take("burst", five, whom)),
    )
    assert.equal(verdicts.filter((each) => each?.kind === "pass").length, 5)
    const refused = verdicts.find((each) => each?.kind === "refusal")
    assert.ok(refused?.kind === "refusal")
    assert.equal(refused.refusal.code, "rate-limit.exceeded")
    const headers = Object.fromEntries(refused.headers)
    assert.equal(headers["ratelimit-policy"], '"burst";q=5;w=3600')
    assert.match(headers["retry-after"] ?? "", /^(?:720|719)$/)
  })

  it("count an IPv6 network and its site together with other processes", async (t) => {
    const instances = await Promise.all([1, 2].map(() => open(t, server.url, { keys: [randomBytes(32)] })))
    const own = await Promise.all([1, 2].map(() => open(t, server.url)))
    const address = (network: number) => `2001:db8:${network.toString(16)}::1`
    for (const [at, pair] of [instances, own].entries()) {
      const kinds: string[] = []
      for (let count = 0; count < 12; count++)
        kinds.push((await pair[count % 2]?.shared.takeAddress("six", five, address(at)))?.kind ?? "")
      const passed = kinds.filter((kind) => kind === "pass").length
      assert.equal(passed, at === 0 ? 10 : 5, "processes with different secrets do not share")
    }
  })

  it("are counted in memory as well, so that a process knows what it let through", async (t) => {
    const { shared, memory } = await open(t, server.url)
    const whom = key()
    for (let count = 0; count < 3; count++) await shared.take("known", five, whom)
    assert.match(JSON.stringify(memory.peek("known", five, whom)), /r=2/)
  })

  it("do not take this process's own delay for one of Redis", async (t) => {
    const instance = await open(t, server.url)
    const asked = instance.shared.take("stall", five, key())
    const until = performance.now() + 700
    while (performance.now() < until);
    assert.equal((await asked).kind, "pass")
    assert.equal(instance.shared.describe().gone, undefined)
    assert.equal(instance.shared.describe().missed, 0)
  })
})

withOwnRedis("a Redis that dies", () => {
  it("loses no request; memory goes on, and Redis when it is back", async (t) => {
    const server = await startRedis()
    t.after(() => server.close())
    const instance = await open(t, server.url)
    const whom = key()
    for (let count = 0; count < 3; count++)
      assert.equal((await instance.shared.take("x", five, whom)).kind, "pass")

    let [running, answered, slowest] = [true, 0, 0]
    const client = async (mine: string) => {
      while (running) {
        const since = performance.now()
        const verdict = await instance.shared.take("load", five, mine)
        assert.ok(verdict.kind === "pass" || verdict.kind === "refusal")
        slowest = Math.max(slowest, performance.now() - since)
        answered++
        await delay(1)
      }
    }
    t.after(() => {
      running = false
    })
    const clients = Array.from({ length: 20 }, () => client(key()))
    await delay(200)
    await server.kill()
    await until("gone", () => gone(instance))
    const before = answered
    await until("requests go on", () => answered > before + 100)

    // Two are left of what this process has let through, and they are told at once.
    const verdicts = Array.from({ length: 4 }, () => instance.shared.take("x", five, whom))
    const kinds = verdicts.map((each) => (each instanceof Promise ? "later" : each.kind))
    assert.deepEqual(kinds, ["pass", "pass", "refusal", "refusal"])

    await server.start()
    await until("back", () => !gone(instance))
    assert.ok(instance.shared.take("y", five, key()) instanceof Promise)
    running = false
    await Promise.all(clients)
    t.diagnostic(`${answered} requests, the slowest took ${slowest.toFixed(0)} ms`)
    assert.ok(slowest < 5_000)
    const words = instance.logged.map((line) => line.split(" ").slice(0, 6).join(" "))
    assert.deepEqual(words, [
      "error rate-limit: shared limits are gone",
      "info rate-limit: shared limits are back",
    ])
    assert.ok(instance.shared.describe().missed > 100)
  })

  it("keeps nobody from starting, and is used as soon as it is there", async (t) => {
    const server = await startRedis()
    t.after(() => server.close())
    await server.kill()
    const instance = await open(t, server.url)
    assert.match(instance.shared.describe().gone ?? "", /nothing listens there \(ECONNREFUSED\)/)
    const verdict = instance.shared.take("x", five, key())
    assert.ok(!(verdict instanceof Promise) && verdict.kind === "pass")
    await server.start()
    await until("there", () => !gone(instance))
  })

  it("closes what it counts where that was chosen", async (t) => {
    const server = await startRedis()
    t.after(() => server.close())
    const instance = await open(t, server.url, { whenGone: "refuse" })
    assert.equal((await instance.shared.take("x", five, key())).kind, "pass")
    await server.kill()
    const verdict = await instance.shared.take("x", five, key())
    assert.ok(verdict.kind === "refusal")
    assert.deepEqual([verdict.refusal.status, verdict.refusal.code], [503, "service.unavailable"])
    assert.equal(Object.fromEntries(verdict.headers)["retry-after"], "2")
    await server.start()
    await until("back", () => !gone(instance))
    assert.equal((await instance.shared.take("x", five, key())).kind, "pass")
  })
})

withOwnRedis("a Redis that hangs", () => {
  it("is waited for a moment, by those who ask then, and by nobody after", async (t) => {
    const server = await startRedis()
    t.after(() => server.close())
    const proxy = await startTcpProxy(server.port)
    t.after(() => proxy.close())
    const instance = await open(t, `redis://127.0.0.1:${proxy.port}`)
    assert.equal((await instance.shared.take("x", five, key())).kind, "pass")

    proxy.hang()
    const since = performance.now()
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, () => instance.shared.take("x", five, key())),
    )
    assert.ok(verdicts.every(({ kind }) => kind === "pass"))
    assert.ok(performance.now() - since < 2_000, "not each after the other")
    assert.match(instance.shared.describe().gone ?? "", /does not answer/)
    for (let second = 0; second < 6; second++) {
      assert.ok(!(instance.shared.take("x", five, key()) instanceof Promise))
      await delay(250)
    }

    proxy.resume()
    await until("back", () => !gone(instance))
    assert.equal((await instance.shared.take("x", five, key())).kind, "pass")
  })

  it("from the first word on keeps nobody from starting", async (t) => {
    const server = await startRedis()
    t.after(() => server.close())
    const proxy = await startTcpProxy(server.port)
    t.after(() => proxy.close())
    proxy.hang()
    const instance = await open(t, `redis://127.0.0.1:${proxy.port}`)
    assert.ok(gone(instance))
    assert.ok(!(instance.shared.take("x", five, key()) instanceof Promise))
    proxy.resume()
    await until("there", () => !gone(instance))
  })
})

withOwnRedis("a Redis that answers and does not count", () => {
  let server: RedisServer
  let admin: Awaited<ReturnType<typeof openAdmin>>
  before(async () => {
    server = await startRedis()
    admin = await openAdmin(server.url)
  })
  after(async () => {
    admin.destroy()
    await server.close()
  })

  async function openAdmin(url: string) {
    const { createClient } = await import("redis")
    const client = createClient({ url })
    client.on("error", () => {})
    await client.connect()
    return client
  }

  const faults: readonly [string, readonly string[], readonly string[]][] = [
    ["OOM", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
    ["READONLY", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
    ["NOPERM", ["ACL", "SETUSER", "default", "-set"], ["ACL", "SETUSER", "default", "+@all"]],
  ]
  for (const [word, breakIt, mendIt] of faults) {
    it(`is gone while it says ${word}, although it answers`, async (t) => {
      const instance = await open(t, server.url)
      await admin.sendCommand([...breakIt])
      const verdict = await instance.shared.take("x", five, key())
      assert.equal(verdict.kind, "pass")
      assert.match(instance.shared.describe().gone ?? "", new RegExp(`\\(${word}\\)`))
      // Two probes later it is still so.
      await delay(2_200)
      assert.ok(gone(instance))
      await admin.sendCommand([...mendIt])
      await until("back", () => !gone(instance))
      assert.equal(instance.logged.filter((line) => line.startsWith("error")).length, 1)
    })
  }

  it("is gone while it is loading, and counts on with what it loaded", async (t) => {
    // Slow enough that it is seen: a millisecond a key.
    const slow = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]
    const loading = await startRedis(...slow)
    t.after(() => loading.close())
    const instance = await open(t, loading.url)
    const whom = key()
    for (let count = 0; count < 5; count++) await instance.shared.take("x", five, whom)
    const filler = await openAdmin(loading.url)
    await Promise.all(Array.from({ length: 4_000 }, (_, at) => filler.set(`filler ${at}`, "x")))
    await filler.sendCommand(["SAVE"])
    filler.destroy()
    await loading.kill()
    await until("gone", () => gone(instance))
    await loading.start()
    await until("it says so", () => /\(LOADING\)/.test(instance.shared.describe().gone ?? ""))
    assert.equal((await instance.shared.take("other", five, key())).kind, "pass")
    await until("back", () => !gone(instance))
    const fresh = await open(t, loading.url)
    assert.equal((await fresh.shared.take("x", five, whom)).kind, "refusal", "it has not forgotten")
  })

  it("forgot its scripts and its password was changed: the first is no matter, the second is told", async (t) => {
    const instance = await open(t, server.url)
    await admin.sendCommand(["SCRIPT", "FLUSH"])
    assert.equal((await instance.shared.take("x", five, key())).kind, "pass")
    assert.ok(!gone(instance))
    await admin.sendCommand(["CONFIG", "SET", "requirepass", "changed-canary"])
    await admin.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
    await until("gone", () => {
      void instance.shared.take("x", five, key())
      return /\((?:NOAUTH|WRONGPASS)\)/.test(instance.shared.describe().gone ?? "")
    })
    await admin.sendCommand(["CONFIG", "SET", "requirepass", ""])
    await until("back", () => !gone(instance))
    assert.doesNotMatch(instance.logged.join("\n"), /canary/)
  })
})
