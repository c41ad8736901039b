/** Rate-limit buckets in a real Redis: the same decisions as in memory, whoever asks at the same time. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { Redis } from "ioredis"
import { RateLimiterRedis } from "rate-limiter-flexible"
import { createClient } from "redis"
import { createLimiter } from "../../src/checklist/rate-limit/index.ts"
import { Faults } from "../../src/core/misuse.ts"
import type { SharedBuckets } from "../../src/core/shared-buckets.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { connectRedis, type RedisConnection, readRedis, redisBuckets } from "../../src/store/redis/index.ts"
import { bucket, bucketContract, rate } from "./bucket-contract.ts"
import { startRedis, useRedis, withOwnRedis, withRedis } from "./redis-server.ts"

type Owned = Awaited<ReturnType<typeof connectRedis>>

async function connect(url: string): Promise<Owned> {
  const policy = readRedis(url, new Faults())
  assert.ok(policy?.kind === "address")
  const connection = await connectRedis(policy.address)
  await connection.tried
  return connection
}

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

  bucketContract(() => all)

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
    const limiter = createLimiter({ keys: { list: [randomBytes(32)] }, clock: () => 0 })
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
