/** Behind PgBouncer in transaction mode: the whole contract, and nothing that needs a connection of one's own. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { toBase64url } from "../../src/core/bytes.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import { storeContract } from "../../src/testing/store-contract.ts"
import { MAY_LOOK } from "../services.ts"
import { openOnClock } from "./postgres-clock.ts"
import { freePort, unprivileged } from "./postgres-cluster.ts"
import { ask, createDatabase, type Database, withServer } from "./postgres-server.ts"

const PGBOUNCER = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find((path) => MAY_LOOK && existsSync(path))
const user = unprivileged()
const pause = (milliseconds: number) => new Promise((later) => setTimeout(later, milliseconds))

interface Pooler {
  /** The URL of the same database through it. */
  readonly url: string
  stop(): Promise<void>
}

/** @param url of one database; as many server connections as a small machine's pooler has */
async function startPooler(url: string): Promise<Pooler> {
  const { hostname, port: serverPort, username } = new URL(url)
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-pooler-"))
  const port = await freePort()
  writeFileSync(join(folder, "users"), `"${username}" ""\n`)
  writeFileSync(
    join(folder, "ini"),
    `[databases]
* = host=${hostname} port=${serverPort || 5432}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users
pool_mode = transaction
default_pool_size = 4
max_client_conn = 100
`,
  )
  for (const path of [folder, join(folder, "users"), join(folder, "ini")])
    if (user !== undefined) chownSync(path, user.uid, user.gid)
  const child: ChildProcess = spawn(PGBOUNCER ?? "pgbouncer", [join(folder, "ini")], {
    ...user,
    cwd: folder,
    stdio: "ignore",
  })
  const ended = new Promise((resume) => child.once("exit", resume))
  const pooled = new URL(url)
  pooled.host = `127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    try {
      await ask(pooled.href, "SELECT 1")
      break
    } catch (error) {
      if (tries === 200) throw error
      await pause(50)
    }
  }
  return {
    url: pooled.href,
    async stop() {
      child.kill("SIGKILL")
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

if (PGBOUNCER === undefined) {
  it("postgres: behind PgBouncer", (t) => {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there is no PgBouncer")
    t.skip("no PgBouncer")
  })
} else
  withServer("postgres: behind PgBouncer in transaction mode", () => {
    describe("the contract", () => {
      const poolers: Pooler[] = []
      after(() => Promise.all(poolers.map((pooler) => pooler.stop())))
      storeContract("PgBouncer", (clock) =>
        openOnClock(clock, async ({ service }) => {
          const pooler = await startPooler(service)
          poolers.push(pooler)
          return pooler.url
        }),
      )
    })

    describe("many at once", () => {
      let database: Database
      let pooler: Pooler
      before(async () => {
        database = await createDatabase()
        pooler = await startPooler(database.url)
      })
      after(async () => {
        await pooler.stop()
        await database.drop()
      })

      it("rotate one token once, and leave nothing on a connection that others get", async () => {
        const stores = [await openPostgres({ url: pooler.url }), await openPostgres({ url: pooler.url })]
        const id = toBase64url(randomBytes(16))
        const about = { passwordHash: "hash", roles: [], verified: true, events: [] }
        await stores[0]?.createAccount({ id, email: "a@example.com", ...about })
        const session = {
          id: toBase64url(randomBytes(16)),
          hash: randomBytes(32),
          salt: randomBytes(32),
          idleMs: 3_600_000,
          absoluteMs: 3_600_000,
          transport: "cookie",
          persistent: true,
          methods: [],
          client: "",
          addressPrefix: "",
        } as const
        await stores[1]?.startSession({ accountId: id, verifiedHash: "hash", session, events: [] })
        const results = await Promise.all(
          Array.from({ length: 64 }, (_, index) =>
            stores[index % 2]?.presentRefresh({
              sessionId: session.id,
              generation: 1,
              hash: session.hash,
              nextHash: randomBytes(32),
              nextSalt: randomBytes(32),
              transport: "cookie",
              graceMs: 600_000,
              minRotateMs: 0,
              idleMs: 3_600_000,
              readyAt: 0,
              events: { reuse: [], "late-parent": [], rollback: [] },
              mail: ({ email }) => ({
                purpose: "signed-out-for-safety",
                email,
                accountId: id,
                decoy: false,
                language: "en",
              }),
            }),
          ),
        )
        assert.equal(results.filter((result) => result?.verdict === "rotated").length, 1)
        assert.equal(results.filter((result) => result?.verdict === "retry").length, 63)
        for (const store of stores) await store.close()
        const left = await ask(
          pooler.url,
          `SELECT (SELECT count(*)::int FROM pg_prepared_statements) AS prepared,
             (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
             current_setting('statement_timeout') AS timeout`,
        )
        assert.deepEqual(left, [{ prepared: 0, locks: 0, timeout: "0" }])
      })

      it("poll where no notice comes through, and hear of revocations by a direct URL", async () => {
        const logged: string[] = []
        const log = (_fields: object, message: string) => void logged.push(message)
        const logger = { info: log, warn: log, error: log }
        const pooled = await openPostgres({ url: pooler.url, logger })
        const beside = await openPostgres({ url: pooler.url, direct: database.url })
        let deafWoken = 0
        let woken = 0
        const stops = [pooled.watchRevocations?.(() => deafWoken++), beside.watchRevocations?.(() => woken++)]
        const patience = performance.now() + 20_000
        while ((woken === 0 || !logged.some((line) => /pooler/.test(line))) && performance.now() < patience)
          await pause(20)
        assert.ok(logged.some((line) => /polled each second/.test(line)))
        const id = toBase64url(randomBytes(16))
        const about = { passwordHash: "hash", roles: [], verified: true, events: [] }
        await pooled.createAccount({ id, email: "b@example.com", ...about })
        const before = woken
        await pooled.setRoles({ accountId: id, roles: ["a"], events: [] })
        while (woken === before && performance.now() < patience) await pause(5)
        assert.ok(woken > before)
        assert.equal(deafWoken, 0)
        await Promise.all(stops.map((stop) => stop?.()))
        await Promise.all([pooled.close(), beside.close()])
      })
    })
  })
