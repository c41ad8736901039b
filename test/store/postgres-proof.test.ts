/** What the service learns about a server while it is let in: whether it had to prove anything, and where the server is. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import pg from "pg"
import { state } from "../../src/checklist/database/index.ts"
import type { Facts } from "../../src/core/facts.ts"
import { silentLogger } from "../../src/core/logger.ts"
import { sql } from "../../src/core/statement.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { readConnection } from "../../src/store/postgres/connection.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import { createPool } from "../../src/store/postgres/pool.ts"
import { type Cluster, canMakeCluster, makeCluster } from "./postgres-cluster.ts"

const PASSWORD = "nl_x7-Qm2vT9cJfW"
/** The administrator without a password, as before somebody sets one; everybody else with. */
const HBA = `host all postgres 127.0.0.1/32 trust
host all lax 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
`

if (!canMakeCluster())
  it("postgres: proof", (t) => {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there are no binaries of PostgreSQL")
    t.skip("no PostgreSQL binaries")
  })
else
  describe("postgres: proof", () => {
    let cluster: Cluster | undefined
    const url = (user: string, password: string) =>
      `postgres://${user}:${password}@127.0.0.1:${cluster?.port}/postgres`
    before(async () => {
      cluster = await makeCluster({ "pg_hba.conf": HBA })
      await cluster?.start()
      const admin = new pg.Client({ connectionString: url("postgres", "") })
      await admin.connect()
      await admin.query(`
        CREATE ROLE strict LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE usual LOGIN PASSWORD 'postgres';
        CREATE ROLE lax LOGIN; GRANT CREATE ON DATABASE postgres TO strict, usual, lax`)
      await admin.end()
    })
    after(() => cluster?.remove())

    const judge = async (user: string, password: string) => {
      const store = await openPostgres({ url: url(user, password) })
      const { database } = store.describe()
      await store.close()
      const admin = new pg.Client({ connectionString: url("postgres", "") })
      await admin.connect()
      await admin.query("DROP SCHEMA nightlatch CASCADE")
      await admin.end()
      return { database, line: state({ database } as Facts) }
    }

    it("was asked for", async () => {
      const { database, line } = await judge("strict", PASSWORD)
      assert.ok(database.engine === "postgres")
      assert.deepEqual(
        [database.trusting, database.defaultPassword, database.publicAddress],
        [false, false, false],
      )
      assert.match(line.why, /by a role that may change the tables/)
      await assert.rejects(openPostgres({ url: url("strict", "another") }), UnavailableError)
    })

    it("was not asked for, which the line says", async () => {
      for (const password of ["", PASSWORD]) {
        const { line } = await judge("lax", password)
        assert.equal(line.state, "weakened")
        assert.match(line.why, /asks for no password: every program on this machine/)
        assert.match(line.fix ?? "", /scram-sha-256/)
      }
    })

    it("is one that everybody knows, which the line says", async () => {
      const { line } = await judge("usual", "postgres")
      assert.equal(line.state, "fails")
      assert.match(line.why, /published default/)
    })

    it("is worth nothing where the role owns the server", async () => {
      const { line } = await judge("postgres", "")
      assert.equal(line.state, "fails")
      assert.match(line.why, /as a superuser/)
    })

    it("comes from where the socket ends", async () => {
      const connection = readConnection(pg, url("strict", PASSWORD))
      const pool = createPool({ driver: pg, connection, logger: silentLogger, seen: new Set() })
      assert.equal(pool.peerAddress, undefined)
      await pool.db.first(sql`SELECT 1`)
      assert.equal(pool.peerAddress, "127.0.0.1")
      await pool.close()
    })
  })
