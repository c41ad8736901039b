/** What stands in the database: who may change it, how it becomes newer, and that nothing lies beside it. */
import assert from "node:assert/strict"
import { after, before, it } from "node:test"
import { MisuseError } from "../../src/core/misuse.ts"
import { openPostgres, planPostgres } from "../../src/store/postgres/index.ts"
import { MIGRATIONS } from "../../src/store/postgres/schema.ts"
import { ask, createDatabase, createDatabaseWithRoles, withDatabase, withServer } from "./postgres-server.ts"

const codesOf = (error: unknown): readonly string[] =>
  error instanceof MisuseError ? error.faults.map(({ code }) => code) : [String(error)]

const accounts = (url: string) => ask(url, "SELECT id FROM nightlatch.account")

withDatabase("postgres: the schema", (url) => {
  it("is made once, by however many start together", async () => {
    const plan = await planPostgres({ url: url() })
    assert.deepEqual([plan.version, plan.steps.length], [0, MIGRATIONS.length])
    const stores = await Promise.all(Array.from({ length: 8 }, () => openPostgres({ url: url() })))
    for (const store of stores) await store.ping()
    await Promise.all(stores.map((store) => store.close()))
    const after = await planPostgres({ url: url() })
    assert.deepEqual([after.version, after.steps], [MIGRATIONS.length, []])
  })

  it("is all in a schema of its own, whatever the search_path is", async () => {
    await ask(url(), `ALTER DATABASE ${new URL(url()).pathname.slice(1)} SET search_path = nowhere`)
    const store = await openPostgres({ url: url() })
    await store.countEvent({ type: "login.failed", addressPrefix: "192.0.2.0/24" })
    await store.countEvent({ type: "login.failed", addressPrefix: "192.0.2.0/24" })
    assert.equal((await store.listEvents({ limit: 5 }))[0]?.count, 2)
    await store.close()
    const elsewhere = await ask(
      url(),
      `SELECT count(*)::int AS n FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
       WHERE nspname NOT IN ('nightlatch', 'pg_catalog', 'information_schema', 'pg_toast')`,
    )
    assert.equal(elsewhere[0]?.n, 0)
  })

  it("of a newer program is refused, unless that said that this one may go on beside it", async () => {
    const stamp = (version: number, compatibleFrom: number) =>
      ask(
        url(),
        `UPDATE nightlatch.schema_version SET version = ${version}, compatible_from = ${compatibleFrom}`,
      )
    const now = MIGRATIONS.length
    await stamp(now + 1, now + 1)
    await assert.rejects(openPostgres({ url: url() }), (error) => {
      assert.deepEqual(codesOf(error), ["store.newer_schema"])
      return true
    })
    await stamp(now + 1, now)
    const store = await openPostgres({ url: url() })
    await store.ping()
    await store.close()
    await stamp(now, now)
  })
})

withServer("postgres: the roles", () => {
  let database: Awaited<ReturnType<typeof createDatabaseWithRoles>>
  before(async () => {
    database = await createDatabaseWithRoles()
  })
  after(() => database.drop())

  it("keep the service from making the schema, with a word about who may", async () => {
    await assert.rejects(openPostgres({ url: database.service }), (error) => {
      assert.deepEqual(codesOf(error), ["store.old_schema"])
      assert.match(String(error), /nightlatch migrate/)
      return true
    })
  })

  it("let the owner make it, and tell what each is", async () => {
    const owner = await openPostgres({ url: database.owner })
    const service = await openPostgres({ url: database.service })
    const facts = [owner, service].map((store) => store.describe().database)
    assert.deepEqual(
      facts.map((each) => each.engine === "postgres" && [each.superuser, each.owner]),
      [
        [false, true],
        [false, false],
      ],
    )
    await Promise.all([owner.close(), service.close()])
  })

  it("let the service count events up and add to them, and nothing else", async () => {
    const store = await openPostgres({ url: database.service })
    const event = { type: "login.failed", addressPrefix: "192.0.2.0/24" } as const
    for (let time = 0; time < 3; time++) await store.countEvent(event)
    await store.close()
    for (const text of [
      "UPDATE nightlatch.event SET type = 'session.started'",
      "UPDATE nightlatch.event SET count = count + 2",
      "UPDATE nightlatch.event SET count = 1",
      "DELETE FROM nightlatch.event",
      "TRUNCATE nightlatch.event",
      "DROP TABLE nightlatch.event",
      "ALTER TABLE nightlatch.event DISABLE TRIGGER ALL",
      "DROP TRIGGER event_kept ON nightlatch.event",
      "CREATE OR REPLACE FUNCTION nightlatch.now_ms() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
      "CREATE TABLE nightlatch.mine (id int)",
      "UPDATE nightlatch.schema_version SET version = 99",
      "DELETE FROM nightlatch.schema_version",
      "DELETE FROM nightlatch.meta",
      "SET session_replication_role = replica",
    ])
      await assert.rejects(ask(database.service, text), /permission denied|must be owner|append-only/, text)
    assert.equal((await ask(database.service, "SELECT count FROM nightlatch.event"))[0]?.count, "3")
  })

  it("keep events even from the owner's mistakes", async () => {
    for (const text of [
      "UPDATE nightlatch.event SET type = 'session.started'",
      "DELETE FROM nightlatch.event",
      "TRUNCATE nightlatch.event",
    ])
      await assert.rejects(ask(database.owner, text), /append-only/, text)
  })

  it("leave another database of the server alone", async () => {
    const other = await createDatabase()
    await (await openPostgres({ url: other.url })).close()
    const strange = new URL(other.url)
    strange.username = new URL(database.service).username
    await assert.rejects(accounts(strange.href), /permission denied/)
    await other.drop()
  })
})
