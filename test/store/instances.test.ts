/** Instances on one PostgreSQL know of each other, and the checklist says what does not fit together. */
import assert from "node:assert/strict"
import { after, before, it, type TestContext } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import type { LineId } from "../../src/core/lines.ts"
import { type Latch, type NightlatchOptions, nightlatch } from "../../src/index.ts"
import { factLines } from "../../src/service/fact-lines.ts"
import { ask, createDatabaseWithRoles, withServer } from "./postgres-server.ts"
import { startRedis, withOwnRedis } from "./redis-server.ts"

async function until(what: string, holds: () => boolean): Promise<void> {
  const patience = performance.now() + 40_000
  while (!holds()) {
    if (performance.now() > patience) assert.fail(`it did not happen: ${what}`)
    await delay(50)
  }
}

const line = (latch: Latch, id: LineId) => {
  const row = latch.checklist().find((each) => each.line.id === id)
  return `${row?.state.state}: ${row?.state.why}`
}

withServer("postgres: instances", () => {
  let database: Awaited<ReturnType<typeof createDatabaseWithRoles>>
  before(async () => {
    database = await createDatabaseWithRoles()
    const { openPostgres } = await import("../../src/store/postgres/index.ts")
    await (await openPostgres({ url: database.owner })).close()
  })
  after(() => database.drop())

  async function open(
    t: Pick<TestContext, "after">,
    secret: string | readonly string[],
    options: Partial<NightlatchOptions> = {},
  ) {
    const latch = await nightlatch({
      origin: "http://localhost:3000",
      secret: secret as string,
      database: database.service,
      ...options,
    })
    t.after(() => latch.close())
    return latch
  }

  it("see each other come and go", async (t) => {
    const secret = generateSecret()
    const first = await open(t, secret)
    assert.equal(first.facts().instances.live, 1)
    assert.ok(!factLines(first.facts()).some(([name]) => name === "Instances"))
    const second = await open(t, secret)
    const { live, inMemory, secretSets, clocksApartMs, versions } = second.facts().instances
    assert.deepEqual([live, inMemory, secretSets, versions.length], [2, 0, 1, 1])
    assert.ok(clocksApartMs < 5_000, `${clocksApartMs}`)
    await until("the first one hears of the second", () => first.facts().instances.live === 2)
    assert.match(
      factLines(first.facts()).find(([name]) => name === "Instances")?.[1] ?? "",
      /^2 live, version \d/,
    )
    for (const id of ["rate-limit", "token", "secret"] as const) assert.match(line(first, id), /^holds/)
    await second.close()
    await until("it hears the farewell", () => first.facts().instances.live === 1)
  })

  it("with other secrets, other clocks or another version are told apart", async (t) => {
    const [old, next] = [generateSecret(), generateSecret()]
    await open(t, [old, next])
    const turned = await open(t, [next, old])
    assert.equal(turned.facts().instances.secretSets, 1, "the order is no difference")
    const stranger = await open(t, [next])
    assert.equal(stranger.facts().instances.secretSets, 2)
    assert.match(line(stranger, "secret"), /^fails: 3 live instances have 2 different sets/)

    assert.match(line(stranger, "token"), /^holds/)
    const ahead = await open(t, [next], { clock: () => Date.now() + 30_000 })
    assert.match(line(ahead, "token"), /^fails: The clocks of 4 instances are (?:29|30|31)/)

    await ask(database.url, `UPDATE nightlatch.instance SET version = '9.9.9' WHERE clock_offset_ms > 10000`)
    await until("the others see the version", () => turned.facts().instances.versions.includes("9.9.9"))
    assert.match(
      factLines(turned.facts()).find(([name]) => name === "Instances")?.[1] ?? "",
      /versions .* and 9\.9\.9$/,
    )
    const rows = await ask(database.url, "SELECT secret_id, address FROM nightlatch.instance")
    assert.ok(rows.length >= 4)
    for (const { secret_id } of rows) assert.match(String(secret_id), /^[A-Za-z0-9_-]{22}$/)
    assert.doesNotMatch(JSON.stringify(rows), new RegExp(`${old}|${next}`))
  })

  it("that were killed are forgotten", async (t) => {
    const latch = await open(t, generateSecret())
    const killed = `INSERT INTO nightlatch.instance (id, started_at, seen_at, version, secret_id, limits, clock_offset_ms)
      SELECT id, 0, nightlatch.now_ms() - ago, '0.0.1', 'x', 'memory', 0 FROM (VALUES ('a', 15000), ('b', 25000), ('c', 4000000)) AS dead (id, ago)`
    await ask(database.url, killed)
    await until("the one of 15 s ago is live", () => latch.facts().instances.versions.includes("0.0.1"))
    assert.equal(latch.facts().instances.live, 2)
    assert.match(line(latch, "rate-limit"), /^fails: 2 instances are live, and 1 of them/)
    await until("it is live no longer", () => latch.facts().instances.live === 1)
    const left = await ask(database.url, "SELECT id FROM nightlatch.instance WHERE id IN ('b', 'c')")
    assert.deepEqual(left, [{ id: "b" }], "after an hour the row goes")
  })

  withOwnRedis("and Redis", () => {
    it("say where they count, and that they let more through when Redis is gone", async (t) => {
      const redis = await startRedis()
      t.after(() => redis.close())
      const secret = generateSecret()
      const options = { redis: redis.url }
      const pair = [await open(t, secret, options), await open(t, secret, options)]
      const rows = await ask(
        database.url,
        "SELECT DISTINCT limits FROM nightlatch.instance WHERE id NOT IN ('a', 'b')",
      )
      assert.deepEqual(rows, [{ limits: "Redis" }])
      await until("both see both", () => pair.every((latch) => latch.facts().instances.live === 2))
      for (const latch of pair) assert.match(line(latch, "rate-limit"), /^holds: .*in Redis/)
      await redis.kill()
      // Also when nobody asks.
      const words = /^fails: Redis does not share counts .* 2 instances let 2 times as many through/
      await until("each sees it", () => pair.every((latch) => words.test(line(latch, "rate-limit"))))
    })
  })
})
