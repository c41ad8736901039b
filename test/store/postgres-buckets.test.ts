/** Rate-limit buckets in PostgreSQL, where there is no Redis. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, it } from "node:test"
import pg from "pg"
import type { SharedBuckets } from "../../src/core/shared-buckets.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { createBuckets } from "../../src/store/postgres/buckets.ts"
import type { Executor } from "../../src/store/postgres/executor.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { Store } from "../../src/store/store.ts"
import { bucket, bucketContract, rate } from "./bucket-contract.ts"
import { ask, createDatabaseWithRoles, withServer } from "./postgres-server.ts"

withServer("postgres: rate-limit buckets", () => {
  let database: Awaited<ReturnType<typeof createDatabaseWithRoles>>
  let stores: readonly Store[]
  const placeOf = ({ takeBuckets }: Store): SharedBuckets => ({
    place: "PostgreSQL",
    take: takeBuckets ?? assert.fail(),
  })
  before(async () => {
    database = await createDatabaseWithRoles()
    await (await openPostgres({ url: database.owner })).close()
    // By the restricted role, as the service runs.
    stores = await Promise.all([1, 2, 3].map(() => openPostgres({ url: database.service })))
  })
  after(async () => {
    for (const store of stores) await store.close()
    await database.drop()
  })
  const first = () => placeOf(stores[0] ?? assert.fail())

  bucketContract(() => stores.map(placeOf))

  it("never wait longer than for a whole bucket, whatever the clock of the server did", async () => {
    const one = bucket(rate("2/second"))
    await first().take([one])
    await ask(database.url, "UPDATE nightlatch.bucket SET full_at = 9e15")
    const { passed, fullInMs } = await first().take([one])
    assert.deepEqual([passed, fullInMs], [false, [1_000]])
    await ask(database.url, "DELETE FROM nightlatch.bucket")
  })

  it("that are full again are removed by upkeep, also while somebody counts in them", async () => {
    const often = rate("1000/second burst 3")
    const ids = Array.from({ length: 700 }, () => bucket(often))
    const waiting = bucket(rate("1/hour"))
    await first().take([waiting])
    await Promise.all(ids.map((one) => first().take([one])))
    const limits = { eventRetentionMs: 86_400_000, revocationRetentionMs: 86_400_000 }
    const [store] = stores
    const work = Promise.all(ids.map((one, at) => placeOf(stores[at % 3] ?? assert.fail()).take([one])))
    while ((await store?.purge(limits))?.more === true);
    assert.ok((await work).every(({ passed }) => passed))
    const patience = performance.now() + 20_000
    const left = async () => {
      await store?.purge(limits)
      return (await ask(database.url, "SELECT count(*)::int AS n FROM nightlatch.bucket"))[0]?.n
    }
    while ((await left()) !== 1 && performance.now() < patience);
    assert.equal(await left(), 1)
    assert.equal((await first().take([waiting])).passed, false)
  })

  it("take one connection for a flood on a single one, and leave the others to whoever else asks", async () => {
    const flooded = await openPostgres({ url: database.service })
    const text =
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user"
    const processes = async () => (await ask(database.url, text)).map(({ pid }) => pid)
    await placeOf(flooded).take([bucket(rate("5/hour"))])
    const before = await processes()
    const one = bucket(rate("5/hour"))
    const taken = await Promise.all(Array.from({ length: 500 }, () => placeOf(flooded).take([one])))
    assert.deepEqual(
      taken.flatMap(({ passed }, at) => (passed ? [at] : [])),
      [0, 1, 2, 3, 4],
    )
    const after = await processes()
    await flooded.close()
    assert.ok(after.length > 0)
    assert.deepEqual(
      after.filter((pid) => !before.includes(pid)),
      [],
    )
  })

  it("are found by the index, however small the table was when the server planned that", async () => {
    const counted = `
      WITH calls AS MATERIALIZED (
        SELECT count(nightlatch.take_bucket_batch(ARRAY[n::text, 'both'], '{1,1}', '{1,2}', '{1,1}', '{9,99}')) AS n
        FROM generate_series(1, 20) AS n
      )
      SELECT n::int AS calls, pg_stat_get_xact_numscans('nightlatch.bucket'::regclass)::int AS reads FROM calls`
    for (const before of ["SELECT", "ANALYZE nightlatch.bucket"]) {
      await ask(database.url, before)
      assert.deepEqual(await ask(database.url, counted), [{ calls: 20, reads: 0 }])
    }
    await ask(database.url, "DELETE FROM nightlatch.bucket")
  })

  it("do not wait for verbs that keep every connection of the pool busy", async (t) => {
    const store = await openPostgres({ url: `${database.service}?pool_size=1` })
    const holder = new pg.Client({ connectionString: database.url })
    await holder.connect()
    t.after(() => Promise.all([store.close(), holder.end()]))
    const id = randomBytes(16).toString("base64url")
    await store.createAccount({
      id,
      email: "held@example.com",
      passwordHash: null,
      roles: [],
      verified: true,
      events: [],
    })
    await holder.query("BEGIN")
    await holder.query("SELECT FROM nightlatch.account WHERE email = 'held@example.com' FOR UPDATE")
    let ended = false
    const held = store.setDisabled({ accountId: id, disabled: true, events: [] }).finally(() => {
      ended = true
    })
    for (let count = 0; count < 3; count++)
      assert.equal((await placeOf(store).take([bucket(rate("5/hour"))])).passed, true)
    assert.equal(ended, false, "the connection was not busy")
    await holder.query("COMMIT")
    await held
  })

  it("tell nothing: a row is an HMAC and a time", async () => {
    await first().take([bucket(rate("5/hour"), "0123456789abcdef")])
    const rows = await ask(
      database.url,
      "SELECT id FROM nightlatch.bucket WHERE id = 'MDEyMzQ1Njc4OWFiY2RlZg'",
    )
    assert.equal(rows.length, 1)
  })

  it("are not held up by connections that were lost without a word", async () => {
    let lost = 3
    const first: Executor["first"] = async (_, __, sizes) => {
      if (lost-- > 0) return new Promise(() => {})
      const one = Array.from(sizes as number[], () => 1)
      return { passed: one.map(() => true), at_ms: 0, full_in_ms: one }
    }
    const take = createBuckets({ first, all: () => assert.fail(), run: () => assert.fail() })
    const answered = Promise.withResolvers<unknown>()
    const asking = setInterval(() => void take([bucket(rate("1/second"))]).then(answered.resolve), 100)
    const patience = setTimeout(() => answered.reject(new Error("it waits for a lost connection")), 10_000)
    await answered.promise.finally(() => {
      clearInterval(asking)
      clearTimeout(patience)
    })
  })

  it("that the database does not keep reject as unavailable, and let nobody through", async () => {
    await ask(
      database.url,
      `CREATE FUNCTION public.forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER forget BEFORE INSERT ON nightlatch.bucket FOR EACH ROW EXECUTE FUNCTION public.forget()`,
    )
    await assert.rejects(first().take([bucket(rate("5/hour"))]), UnavailableError)
    await ask(database.url, "DROP FUNCTION public.forget CASCADE")
    assert.equal((await first().take([bucket(rate("5/hour"))])).passed, true)
  })

  it("of a server that is gone reject as unavailable", async () => {
    const closed = await openPostgres({ url: database.service })
    await closed.close()
    await assert.rejects(placeOf(closed).take([bucket(rate("5/hour"))]), UnavailableError)
  })
})
