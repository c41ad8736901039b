/**
 * From an SQLite file into an empty PostgreSQL, while no service runs: every table in batches, then read back from the
 * other side and compared by number and checksum. Until it is whole the target bears a mark that refuses every start; a
 * second run empties it and begins anew. The file is only read.
 */
import { existsSync } from "node:fs"
import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Executor as Postgres } from "../postgres/executor.ts"
import { usePostgres } from "../postgres/index.ts"
import type { Pool } from "../postgres/pool.ts"
import { Executor as Sqlite } from "../sqlite/executor.ts"
import { lockForService } from "../sqlite/file.ts"
import { openSqlite } from "../sqlite/index.ts"
import { unavailable } from "../sqlite/writer.ts"
import { Checksum, plainRow } from "./checksum.ts"
import { TABLES, type Table } from "./tables.ts"

const BATCH = 1_000

const READ_META = sql`SELECT key, value FROM meta WHERE key <> 'unfinished'`
const HIGHEST = sql`SELECT name, seq FROM sqlite_sequence`
const READ_UNFINISHED = sql`SELECT value FROM nightlatch.meta WHERE key = 'unfinished'`
const IS_EMPTY = sql`
  SELECT NOT EXISTS (SELECT FROM nightlatch.account) AND NOT EXISTS (SELECT FROM nightlatch.session)
    AND NOT EXISTS (SELECT FROM nightlatch.event) AND NOT EXISTS (SELECT FROM nightlatch.outbox)
    AND NOT EXISTS (SELECT FROM nightlatch.identity) AS empty`
/** Of a service that once ran on it and did nothing. */
const FORGET_SECRETS = sql`DELETE FROM nightlatch.root_secret; DELETE FROM nightlatch.secret_holder`
const SET_UNFINISHED = sql`UPDATE nightlatch.meta SET value = $1::bigint WHERE key = 'unfinished'`
const SET_META = sql`UPDATE nightlatch.meta SET value = $2::bigint WHERE key = $1`
/** Only the owner may, and only what an earlier move left is ever emptied. */
const EMPTY = sql`
  SET LOCAL statement_timeout = 0;
  ALTER TABLE nightlatch.event DISABLE TRIGGER USER;
  TRUNCATE nightlatch.account, nightlatch.session, nightlatch.one_time_token, nightlatch.outbox, nightlatch.mail_flow,
    nightlatch.identity, nightlatch.redeemed_state, nightlatch.root_secret, nightlatch.secret_holder, nightlatch.event;
  ALTER TABLE nightlatch.event ENABLE TRIGGER USER`
const SET_OUTBOX_ID = sql`SELECT setval(pg_get_serial_sequence('nightlatch.outbox', 'id'), $1::bigint)`
const SET_EVENT_ID = sql`SELECT setval(pg_get_serial_sequence('nightlatch.event', 'id'), $1::bigint)`

export interface MoveInput {
  /** The SQLite file. */
  readonly from: string
  /** URL of the PostgreSQL, by a role that may make the schema. */
  readonly to: string
  readonly onProgress: (table: string, done: number) => void
}

/** What was moved: rows by table. */
export type Moved = Readonly<Record<string, number>>

/**
 * @throws MisuseError `store.in_use` while a service runs, `store.not_empty` when the target holds something of its own,
 *   and what opening either throws
 * @throws UnavailableError when copying fails or the comparison finds a difference; the target stays unfinished
 */
export async function moveToPostgres(input: MoveInput): Promise<Moved> {
  if (!existsSync(input.from)) throw misuse("database.missing", `there is no database ${input.from}`, NAME_IT)
  const lock = lockForService(input.from)
  try {
    // To this version, and out of its log.
    await (await openSqlite({ path: input.from })).close()
    const source = new Sqlite(input.from)
    try {
      return await usePostgres({ url: input.to }, (pool) => move(source, pool, input))
    } finally {
      source.close()
    }
  } catch (error) {
    throw error instanceof MisuseError ? error : unavailable(error)
  } finally {
    lock.close()
  }
}

const NAME_IT = "Name the SQLite file by --database or NIGHTLATCH_DATABASE."

async function move(source: Sqlite, pool: Pool, input: MoveInput): Promise<Moved> {
  await begin(pool)
  const moved: Record<string, number> = {}
  for (const table of TABLES) {
    const sent = await copy(table, source, pool, (done) => input.onProgress(table.name, done))
    const arrived = await readBack(table, pool.db)
    if (String(sent) !== String(arrived))
      throw new UnavailableError(`${table.name} arrived as ${arrived} instead of ${sent}`)
    moved[table.name] = sent.rows
  }
  await pool.transaction((db) => finish(db, source))
  return moved
}

async function begin(pool: Pool): Promise<void> {
  if (Number((await pool.db.first(READ_UNFINISHED))?.value) !== 0) {
    await pool.transaction((db) => db.run(EMPTY))
  } else if ((await pool.db.first(IS_EMPTY))?.empty !== true) {
    throw misuse(
      "store.not_empty",
      "the database to move to has accounts, sessions or events of its own",
      "Name an empty one. What is in this one would be mixed with what comes.",
    )
  }
  await pool.db.run(FORGET_SECRETS)
  await pool.db.run(SET_UNFINISHED, 1)
}

async function copy(
  table: Table,
  source: Sqlite,
  pool: Pool,
  onProgress: (done: number) => void,
): Promise<Checksum> {
  const checksum = new Checksum()
  for (let after = firstKey(table); ; ) {
    const rows = source.all(table.fromSqlite, after, BATCH)
    const plain = rows.map((row) => plainRow(table, row))
    if (plain.length > 0) await pool.db.run(table.insert, JSON.stringify(plain))
    for (const row of plain) checksum.add(row)
    onProgress(checksum.rows)
    if (rows.length < BATCH) return checksum
    after = rows.at(-1)?.[keyOf(table)] as typeof after
  }
}

async function readBack(table: Table, db: Postgres): Promise<Checksum> {
  const checksum = new Checksum()
  for (let after = firstKey(table); ; ) {
    const rows = await db.all(table.fromPostgres, after, BATCH)
    for (const row of rows) checksum.add(plainRow(table, row))
    if (rows.length < BATCH) return checksum
    after = rows.at(-1)?.[keyOf(table)] as typeof after
  }
}

/** In one transaction: the counters go on where they were, and the mark is taken away. */
async function finish(db: Postgres, source: Sqlite): Promise<void> {
  for (const row of source.all(READ_META)) await db.run(SET_META, String(row.key), Number(row.value))
  for (const { name, seq } of source.all(HIGHEST)) {
    if (name === "outbox") await db.first(SET_OUTBOX_ID, Number(seq))
    if (name === "event") await db.first(SET_EVENT_ID, Number(seq))
  }
  await db.run(SET_UNFINISHED, 0)
}

const keyOf = (table: Table): string => Object.keys(table.columns)[0] ?? ""

/** Before every other; numbers begin above 0. */
function firstKey(table: Table): number | string | Uint8Array {
  const kind = table.columns[keyOf(table)]
  return kind === "number" ? -1 : kind === "text" ? "" : new Uint8Array(0)
}

function misuse(code: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path: "database", problem, fix }])
}
