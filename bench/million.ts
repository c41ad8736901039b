/**
 * A refresh in a table of a million sessions, beside one in a table that is almost empty, on both engines; and while the
 * sessions that ended are cleared away. PostgreSQL as in postgres.ts.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import pg from "pg"
import { openPostgres } from "../src/store/postgres/index.ts"
import { openSqlite } from "../src/store/sqlite/index.ts"
import type { NewSession, Store } from "../src/store/store.ts"
import { answer } from "./process.ts"

const DAY = 86_400_000
const ROWS = 1_000_000
const TURN = 500

interface Table {
  readonly store: Store
  readonly bytes: number
  next(): Promise<void>
  drop(): Promise<void>
}

/** One session that goes on and on. */
async function rotator(store: Store): Promise<() => Promise<void>> {
  const accountId = randomBytes(16).toString("base64url")
  const about = { passwordHash: "hash", roles: [], verified: true, events: [] }
  await store.createAccount({ id: accountId, email: "ada@example.com", ...about })
  const session: NewSession = {
    id: randomBytes(16).toString("base64url"),
    hash: randomBytes(32),
    salt: randomBytes(32),
    idleMs: 30 * DAY,
    absoluteMs: 30 * DAY,
    transport: "cookie",
    persistent: true,
    methods: ["pwd"],
    client: "Firefox on Linux",
    addressPrefix: "192.0.2.0/24",
  }
  await store.startSession({ accountId, verifiedHash: "hash", session, events: [] })
  let [generation, hash] = [1, session.hash]
  return async () => {
    const next = randomBytes(32)
    const { verdict } = await store.presentRefresh({
      sessionId: session.id,
      generation,
      hash,
      nextHash: next,
      nextSalt: next,
      transport: "cookie",
      graceMs: 0,
      minRotateMs: 0,
      idleMs: 30 * DAY,
      readyAt: 0,
      events: { reuse: [], "late-parent": [], rollback: [] },
      mail: () => {
        throw new TypeError("nobody is mailed")
      },
    })
    if (verdict !== "rotated") throw new Error(verdict)
    generation++
    hash = next
  }
}

/** Half of the rows are sessions that ended long ago. */
async function sqlite(rows: number): Promise<Table> {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-bench-"))
  const path = join(folder, "data.db")
  await (await openSqlite({ path })).close()
  const raw = new DatabaseSync(path)
  raw.exec(`
    WITH RECURSIVE counted (n) AS (SELECT 1 WHERE ${rows} > 0 UNION ALL SELECT n + 1 FROM counted WHERE n < ${rows})
    INSERT INTO session (id, account_id, created_at, absolute_end, idle_end, generation, current_hash, previous_hash, salt,
      rotated_at, transport, persistent, authenticated_at, methods, client, address_prefix)
    SELECT randomblob(16), randomblob(16), 1, n % 2 * ${Date.now() + 30 * DAY}, n % 2 * ${Date.now() + 30 * DAY}, 7,
      randomblob(32), randomblob(32), randomblob(32), 1, 'cookie', 1, 1, '["pwd"]', 'Firefox on Linux', '192.0.2.0/24'
    FROM counted`)
  raw.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  raw.close()
  const store = await openSqlite({ path })
  const drop = async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { store, bytes: statSync(path).size, next: await rotator(store), drop }
}

async function postgres(rows: number): Promise<Table> {
  const admin = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/postgres"
  const name = `nightlatch_bench_${randomBytes(4).toString("hex")}`
  const url = new URL(admin)
  url.pathname = name
  const ask = async (at: string, text: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: at })
    await client.connect()
    const { rows: found } = await client.query<Record<string, unknown>>(text)
    await client.end()
    return found
  }
  await ask(admin, `CREATE DATABASE ${name}`)
  const store = await openPostgres({ url: url.href })
  await ask(
    url.href,
    `INSERT INTO nightlatch.session (id, account_id, created_at, absolute_end, idle_end, generation, current_hash,
       previous_hash, salt, rotated_at, transport, persistent, authenticated_at, methods, client, address_prefix)
     SELECT decode(md5(n::text), 'hex'), decode(md5('account' || n), 'hex'), 1, n % 2 * ${Date.now() + 30 * DAY},
       n % 2 * ${Date.now() + 30 * DAY}, 7, sha256(n::text::bytea), sha256(n::text::bytea), sha256(n::text::bytea), 1,
       'cookie', true, 1, '["pwd"]', 'Firefox on Linux', '192.0.2.0/24'
     FROM generate_series(1, ${rows}) AS n`,
  )
  await ask(url.href, "VACUUM ANALYZE nightlatch.session")
  const [size] = await ask(url.href, "SELECT pg_total_relation_size('nightlatch.session')::float8 AS size")
  const drop = async () => {
    await store.close()
    await ask(admin, `DROP DATABASE ${name} WITH (FORCE)`)
  }
  return { store, bytes: Number(size?.size), next: await rotator(store), drop }
}

async function times(table: Table): Promise<number[]> {
  const taken: number[] = []
  for (let count = 0; count < TURN; count++) {
    const began = performance.now()
    await table.next()
    taken.push(performance.now() - began)
  }
  return taken.sort((a, b) => a - b)
}

const middle = (sorted: readonly number[], share = 0.5): number =>
  sorted[Math.floor(sorted.length * share)] ?? 0

/** The walk through all sessions, with somebody who refreshes meanwhile. */
async function clear(table: Table): Promise<object> {
  const limits = { eventRetentionMs: DAY, revocationRetentionMs: DAY }
  let [longest, calls, walking] = [0, 0, true]
  const walk = (async () => {
    let after: string | undefined = ""
    for (let more = true; more; calls++) {
      const began = performance.now()
      ;({ more, after } = await table.store.purge({ ...limits, after }))
      longest = Math.max(longest, performance.now() - began)
    }
    walking = false
  })()
  const taken: number[] = []
  while (walking) {
    const began = performance.now()
    await table.next()
    taken.push(performance.now() - began)
  }
  await walk
  taken.sort((a, b) => a - b)
  return { calls, longest, p50: middle(taken), p99: middle(taken, 0.99), worst: taken.at(-1) ?? 0 }
}

answer(async ({ engine, rounds }) => {
  const open = engine === "sqlite" ? sqlite : postgres
  const [empty, full] = [await open(0), await open(ROWS)]
  const ratios: number[] = []
  for (let round = 0; round <= Number(rounds); round++) {
    const [small, large] = [middle(await times(empty)), middle(await times(full))]
    if (round > 0) ratios.push(large / small)
  }
  const cleared = await clear(full)
  const bytes = full.bytes / ROWS
  await Promise.all([empty.drop(), full.drop()])
  return { ratios, bytes, ...cleared }
})
