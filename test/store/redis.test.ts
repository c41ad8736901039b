/** Rate-limit buckets in a real Redis: the same decisions as in memory, whoever asks at the same time. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import fc from "fast-check"
import { Redis } from "ioredis"
import { RateLimiterRedis } from "rate-limiter-flexible"
import { createClient } from "redis"
import { createLimiter, parseRate, type Rate } from "../../src/checklist/rate-limit/index.ts"
import { Faults } from "../../src/core/misuse.ts"
import type { SharedBucket, SharedBuckets } from "../../src/core/shared-buckets.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { connectRedis, type RedisConnection, readRedis, redisBuckets } from "../../src/store/redis/index.ts"
import { startRedis, useRedis, withOwnRedis, withRedis } from "./redis-server.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"

type Owned = Awaited<ReturnType<typeof connectRedis>>

async function connect(url: string): Promise<Owned> {
  const policy = readRedis(url, new Faults())
  assert.ok(policy?.kind === "address")
  const connection = await connectRedis(policy.address)
  await connection.tried
  return connection
}

function rate(text: string): Rate {
  const faults = new Faults()
  const read = parseRate(text, "rate", faults)
  faults.throwIfAny()
  return read
}

const bucket = ({ intervalMs, burst }: Rate, id = randomBytes(16).toString("latin1")): SharedBucket => ({
  id,
  intervalMs,
  burst,
})

withRedis("rate-limit buckets in Redis", () => {
  const namespace = `nl:test-${randomBytes(6).toString("hex")}:`
  let server: Awaited<ReturnType<typeof useRedis>>
  /** As many processes would have them. */
  let connections: readonly Owned[]
  let all: readonly SharedBuckets[]
  let buckets: SharedBuckets
  let connection: Owned

  before(async () => {
    server = await useRedis()
    connections = await Promise.all([1, 2, 3].map(() => connect(server.url)))
    all = connections.map((each) => redisBuckets(each, namespace))
    const [first] = all
    const [one] = connections
    assert.ok(first !== undefined && one !== undefined)
    buckets = first
    connection = one
  })
  after(async () => {
    for (const each of connections) each.close()
    await server.close()
  })

  /** The keys of this test. */
  async function keys(): Promise<string[]> {
    const found: string[] = []
    let cursor = "0"
    do {
      const [next, page] = (await connection.send([
        "SCAN",
        cursor,
        "MATCH",
        `${namespace}*`,
        "COUNT",
        "1000",
      ])) as [string, string[]]
      found.push(...page)
      cursor = next
    } while (cursor !== "0")
    return found
  }

  it("let exactly the burst through when three processes ask at once", async () => {
    for (let round = 0; round < (LONG ? 50 : 5); round++) {
      const one = bucket(rate("5/hour"))
      const taken = await Promise.all(Array.from({ length: 200 }, (_, at) => all[at % 3]?.take([one])))
      assert.equal(taken.filter((each) => each?.passed).length, 5)
    }
  })

  it("count in all of several or in none", async () => {
    const [wide, narrow] = [bucket(rate("10/hour")), bucket(rate("3/hour"))]
    const taken = await Promise.all(Array.from({ length: 90 }, (_, at) => all[at % 3]?.take([wide, narrow])))
    assert.equal(taken.filter((each) => each?.passed).length, 3)
    const { passed, fullInMs } = await buckets.take([wide])
    assert.equal(passed, true)
    assert.equal(Math.round((fullInMs[0] ?? 0) / wide.intervalMs), 4, "three of both and one of this alone")
    const refused = await buckets.take([wide, narrow])
    assert.equal(refused.passed, false)
    assert.equal(Math.round((refused.fullInMs[0] ?? 0) / wide.intervalMs), 4)
  })

  it("decide as the limiter in memory does, at the server's own times", async () => {
    const step = fc.record({
      pauseMs: fc.constantFrom(0, 0, 0, 1, 3, 10, 30),
      which: fc.constantFrom<readonly (0 | 1)[]>([0], [1], [0, 1], [1, 0]),
    })
    const rates = fc.tuple(fc.integer({ min: 7, max: 60 }), fc.integer({ min: 1, max: 4 }))
    let [passes, refusals] = [0, 0]
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(rates, rates),
        fc.array(step, { minLength: 5, maxLength: 25 }),
        async (texts, steps) => {
          const read = texts.map(([limit, burst]) => rate(`${limit}/second burst ${burst}`))
          const shared = read.map((each) => bucket(each))
          let now = 0
          const model = createLimiter({ keys: [randomBytes(32)], clock: () => now })
          for (const [index, { pauseMs, which }] of steps.entries()) {
            if (pauseMs > 0) await delay(pauseMs)
            const wanted = which.map((at) => shared[at] as SharedBucket)
            const { passed, at, fullInMs } = (await all[index % 3]?.take(wanted)) ?? assert.fail()
            assert.equal(fullInMs.length, wanted.length)
            now = at
            const demands = which.map((at) => ({ name: String(at), rate: read[at] as Rate, key: "k" }))
            assert.equal(passed, model.takeAll(demands).kind === "pass", `step ${index}`)
            if (passed) passes++
            else refusals++
          }
        },
      ),
      { numRuns: LONG ? 400 : 25 },
    )
    assert.ok(passes > 50 && refusals > 50, `${passes} passed, ${refusals} refused`)
  })

  it("let through what rate-limiter-flexible lets through in one window", async (t) => {
    const client = new Redis(server.url)
    t.after(() => client.disconnect())
    for (const points of [1, 7]) {
      const other = new RateLimiterRedis({
        storeClient: client,
        keyPrefix: `${namespace}oracle`,
        points,
        duration: 3600,
      })
      const one = bucket(rate(`${points}/hour`))
      const key = randomBytes(8).toString("hex")
      for (let count = 0; count < 12; count++) {
        const theirs = await other.consume(key).then(
          () => true,
          () => false,
        )
        assert.equal((await buckets.take([one])).passed, theirs, `${count} of ${points}`)
      }
    }
  })

  it("are keys that end when the bucket is full again, and tell nothing", async () => {
    const limiter = createLimiter({ keys: [randomBytes(32)], clock: () => 0 })
    const demands = [{ name: "login", rate: rate("5/minute"), key: "ada@example.com", address: "192.0.2.1" }]
    const [wanted] = limiter.wantedOf(demands)
    const id = wanted?.id ?? assert.fail()
    await buckets.take([bucket(rate("5/minute"), id)])
    const key = namespace + Buffer.from(id, "latin1").toString("base64url")
    assert.ok((await keys()).includes(key))
    assert.match(key, /^nl:test-[0-9a-f]{12}:[A-Za-z0-9_-]{22}$/)
    const leftMs = Number(await connection.send(["PTTL", key]))
    assert.ok(leftMs > 1_000 && leftMs <= 12_000, `${leftMs} ms`)
    const before = (await keys()).length
    await Promise.all(Array.from({ length: 2_000 }, () => buckets.take([bucket(rate("10/second"))])))
    const patience = performance.now() + 20_000
    while ((await keys()).length > before && performance.now() < patience) await delay(20)
    assert.ok((await keys()).length <= before)
  })

  it("never wait longer than for a whole bucket, whatever the clock of Redis did", async () => {
    const one = bucket(rate("2/second"))
    const key = namespace + Buffer.from(one.id, "latin1").toString("base64url")
    await connection.send(["SET", key, "9e15", "PX", "60000"])
    const { passed, fullInMs } = await buckets.take([one])
    assert.deepEqual([passed, fullInMs], [false, [1_000]])
    await connection.send(["SET", key, "-5", "PX", "60000"])
    assert.deepEqual((await buckets.take([one])).fullInMs, [500])
    await connection.send(["SET", key, "no number", "PX", "60000"])
    assert.equal((await buckets.take([one])).passed, true)
  })

  it("of another namespace are others", async () => {
    const one = bucket(rate("1/hour"))
    assert.equal((await buckets.take([one])).passed, true)
    assert.equal((await redisBuckets(connection, `${namespace}staging:`).take([one])).passed, true)
    assert.equal((await buckets.take([one])).passed, false)
  })

  it("take the largest rates and the longest waits", async () => {
    for (const text of ["1000000/second", "1/day burst 1000000", "999983/day"]) {
      const [first, second] = [bucket(rate(text)), bucket(rate(text))]
      for (let count = 1; count <= 3; count++) {
        const { passed, fullInMs } = await buckets.take([first, second])
        assert.equal(passed, true, text)
        if (first.intervalMs > 1)
          assert.ok(Math.abs((fullInMs[0] ?? 0) / first.intervalMs - count) < 0.5, text)
      }
    }
  })

  it("need no script that was loaded before", async () => {
    const one = bucket(rate("2/hour"))
    await buckets.take([one])
    await connection.send(["SCRIPT", "FLUSH"])
    assert.equal((await buckets.take([one])).passed, true)
    assert.equal((await buckets.take([one])).passed, false)
  })

  it("work with a client that somebody has already", async (t) => {
    const io = new Redis(server.url)
    const own = createClient({ url: server.url })
    await own.connect()
    t.after(() => {
      io.disconnect()
      own.destroy()
    })
    const subscribe = () => assert.fail()
    const clients: readonly RedisConnection[] = [
      { send: ([name = "", ...rest]) => io.call(name, ...rest), subscribe },
      { send: (command) => own.sendCommand(command), subscribe },
    ]
    const one = bucket(rate("6/hour"))
    for (const client of clients) {
      await client.send(["SCRIPT", "FLUSH"])
      const mine = redisBuckets(client, namespace)
      const taken = await Promise.all(Array.from({ length: 3 }, () => mine.take([one])))
      assert.ok(taken.every(({ passed }) => passed))
    }
    assert.equal((await buckets.take([one])).passed, false)
  })
})

withOwnRedis("a Redis that refuses", () => {
  async function reason(url: string): Promise<string> {
    const connection = await connect(url)
    const error = await redisBuckets(connection, "nl:test:")
      .take([bucket(rate("5/minute"))])
      .then(
        () => assert.fail("it counted"),
        (thrown: unknown) => thrown,
      )
    connection.close()
    assert.ok(error instanceof UnavailableError)
    return error.message
  }

  it("says why, and never with what password it was asked", async (t) => {
    const server = await startRedis("--requirepass", "right-canary")
    t.after(() => server.close())
    const address = (user: string) => server.url.replace("//", `//${user}`)
    const admin = await connect(address(":right-canary@"))
    const acl = ["~nl:*", "&nl:*", "-@all"]
    const few = ["+evalsha", "+eval", "+time", "+get", "+set", "+publish", "+subscribe", "+ping"]
    await admin.send(["ACL", "SETUSER", "few", "on", ">few-canary", ...acl, ...few])
    await admin.send(["ACL", "SETUSER", "none", "on", ">none-canary", ...acl, "+ping"])

    const allowed = await connect(address("few:few-canary@"))
    assert.equal((await redisBuckets(allowed, "nl:test:").take([bucket(rate("5/minute"))])).passed, true)
    allowed.close()

    const reasons = {
      nobody: await reason(address("")),
      wrong: await reason(address("few:wrong-canary@")),
      none: await reason(address("none:none-canary@")),
    }
    assert.match(reasons.nobody, /asks for a password \(NOAUTH\)/)
    assert.match(reasons.wrong, /does not accept user and password \(WRONGPASS\)/)
    assert.match(reasons.none, /access rules .*\(NOPERM\)/)

    await admin.send(["CONFIG", "SET", "maxmemory", "1"])
    assert.match(await reason(address("few:few-canary@")), /memory is full \(OOM\)/)
    await admin.send(["CONFIG", "SET", "maxmemory", "0"])
    await admin.send(["REPLICAOF", "127.0.0.1", "1"])
    assert.match(await reason(address("few:few-canary@")), /replica.*\((?:READONLY|MASTERDOWN)\)/)
    admin.close()
    await server.kill()
    assert.match(await reason(address("few:few-canary@")), /nothing listens there \(ECONNREFUSED\)/)
  })

  it("as a cluster says that clusters are not supported", async (t) => {
    const server = await startRedis("--cluster-enabled", "yes")
    t.after(() => server.close())
    assert.match(await reason(server.url), /Redis Cluster, which is not supported/)
  })
})
