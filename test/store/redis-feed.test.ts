/** The fast lane of revocations: what one instance revokes wakes the others, over a loss of the connection as well. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, it, type TestContext } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { Redis } from "ioredis"
import { createClient } from "redis"
import { createRevocations, type Revocations } from "../../src/checklist/session/index.ts"
import { toBase64url } from "../../src/core/bytes.ts"
import { silentLogger } from "../../src/core/logger.ts"
import { Faults } from "../../src/core/misuse.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import { openRedis, type RedisConnection, readRedis } from "../../src/store/redis/index.ts"
import type { Store } from "../../src/store/store.ts"
import { createDatabase, withServer } from "./postgres-server.ts"
import { type RedisServer, startRedis, withOwnRedis } from "./redis-server.ts"

const ORIGIN = new URL("https://api.example.com")

async function open(t: Pick<TestContext, "after">, option: string | RedisConnection, origin = ORIGIN) {
  const policy = readRedis(option, new Faults())
  assert.ok(policy !== undefined)
  const redis = await openRedis(policy, origin, silentLogger)
  t.after(() => redis.close())
  return redis
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const patience = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > patience) assert.fail(`it did not happen: ${what}`)
    await delay(5)
  }
}

const makeNodeRedis = (url: string) => createClient({ url })

/** As the README tells whoever has a client already. */
function overIoredis(client: Redis): RedisConnection {
  return {
    send: ([name = "", ...rest]) => client.call(name, ...rest),
    async subscribe(channel, onMessage) {
      const listener = client.duplicate({ enableOfflineQueue: true })
      listener.on("error", () => {})
      listener.on("message", (_channel, message) => onMessage(message))
      listener.on("ready", () => onMessage(""))
      await listener.subscribe(channel)
      return () => listener.disconnect()
    },
  }
}

function overNodeRedis(client: ReturnType<typeof makeNodeRedis>): RedisConnection {
  return {
    send: (command) => client.sendCommand([...command]),
    async subscribe(channel, onMessage) {
      const listener = client.duplicate()
      listener.on("error", () => {})
      listener.on("ready", () => onMessage(""))
      await listener.connect()
      await listener.subscribe(channel, onMessage)
      return () => listener.destroy()
    },
  }
}

withOwnRedis("the feed over Redis", () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis()
  })
  after(() => server.close())

  it("wakes the others and not the one who tells, and nobody of another origin", async (t) => {
    const [here, there] = await Promise.all([open(t, server.url), open(t, server.url)])
    const elsewhere = await open(t, server.url, new URL("https://staging.example.com"))
    const woken = { here: 0, there: 0, elsewhere: 0 }
    await here.feed.listen(() => void woken.here++)
    await there.feed.listen(() => void woken.there++)
    await elsewhere.feed.listen(() => void woken.elsewhere++)
    const first = { ...woken }
    for (let count = 0; count < 50; count++) here.feed.tell()
    await until("woken", () => woken.there > first.there)
    await delay(100)
    assert.deepEqual(
      [woken.here - first.here, woken.there - first.there, woken.elsewhere - first.elsewhere],
      [0, 1, 0],
    )
  })

  it("wakes after each loss of the connection, and goes on", async (t) => {
    const clients = {
      ioredis: new Redis(server.url, { enableOfflineQueue: false }),
      "node-redis": makeNodeRedis(server.url),
    }
    clients.ioredis.on("error", () => {})
    clients["node-redis"].on("error", () => {})
    await clients["node-redis"].connect()
    t.after(() => {
      clients.ioredis.disconnect()
      clients["node-redis"].destroy()
    })
    const options = [server.url, overIoredis(clients.ioredis), overNodeRedis(clients["node-redis"])]
    const woken = options.map(() => 0)
    const listeners = await Promise.all(options.map((option) => open(t, option)))
    for (const [at, { feed }] of listeners.entries()) {
      await feed.listen(() => {
        woken[at] = (woken[at] ?? 0) + 1
      })
    }
    const teller = await open(t, server.url)
    for (let round = 0; round < 3; round++) {
      const before = [...woken]
      teller.feed.tell()
      await until("all are woken", () => woken.every((count, at) => count > (before[at] ?? 0)))
      await delay(50)
      const quiet = [...woken]
      await clients["node-redis"].sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"])
      await until("all are woken by the loss", () => woken.every((count, at) => count > (quiet[at] ?? 0)))
      await delay(100)
    }
    for (const { feed } of listeners) feed.stop()
    await delay(100)
    const last = [...woken]
    teller.feed.tell()
    await delay(100)
    assert.deepEqual(woken, last)
  })

  it("is no reason to fail when there is no Redis", async (t) => {
    const gone = await open(t, "redis://127.0.0.1:1")
    gone.feed.tell()
    await gone.feed.listen(() => assert.fail())
    const broken: RedisConnection = {
      send: () => {
        throw new Error("planted")
      },
      subscribe: () => {
        throw new Error("planted")
      },
    }
    const own = await open(t, broken)
    own.feed.tell()
    await own.feed.listen(() => assert.fail())
    await delay(50)
  })

  withServer("and instances on one PostgreSQL", () => {
    it("tells what is revoked without waiting for a poll", async (t) => {
      const database = await createDatabase()
      const stores = [await openPostgres({ url: database.url }), await openPostgres({ url: database.url })]
      // The poll each second never comes.
      t.mock.timers.enable({ apis: ["setInterval"] })
      const instances: { store: Store; revocations: Revocations }[] = []
      for (const store of stores) {
        const redis = await open(t, server.url)
        const revocations = createRevocations({
          store,
          clock: Date.now,
          logger: silentLogger,
          accessLifetimeSeconds: 900,
          acceptStale: false,
          onNote: () => redis.feed.tell(),
        })
        await revocations.start()
        await redis.feed.listen(() => revocations.wake())
        instances.push({ store, revocations })
      }
      t.after(async () => {
        for (const { store, revocations } of instances) {
          await revocations.stop()
          await store.close()
        }
        await database.drop()
      })
      const [here, there] = instances
      assert.ok(here !== undefined && there !== undefined)
      await delay(200)
      for (let count = 0; count < 5; count++) {
        const sessionId = await startSession(here.store)
        await here.store.revokeSession({ sessionId, reason: "logout", events: [] })
        here.revocations.note(sessionId)
        await until("the other one knows", () => there.revocations.isRevoked(sessionId))
      }
    })
  })
})

async function startSession(store: Store): Promise<string> {
  const id = toBase64url(randomBytes(16))
  const accountId = toBase64url(randomBytes(16))
  await store.createAccount({
    id: accountId,
    email: `${accountId.toLowerCase()}@example.com`,
    passwordHash: null,
    roles: [],
    verified: true,
    events: [],
  })
  const started = await store.startTrustedSession({
    accountId,
    session: {
      id,
      hash: randomBytes(32),
      salt: randomBytes(16),
      transport: "cookie",
      persistent: true,
      methods: ["test"],
      client: "test",
      addressPrefix: "127.0.0.0/24",
      idleMs: 60_000,
      absoluteMs: 600_000,
    },
    events: [],
  })
  assert.equal(started.kind, "started")
  return id
}
