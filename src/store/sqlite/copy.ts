import { closeSync, fsyncSync, openSync } from "node:fs"
import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { Executor } from "./executor.ts"
import { readVersion } from "./schema.ts"
import { unavailable } from "./writer.ts"

const BEGIN = sql`BEGIN`
const END = sql`COMMIT`
const ALONE = sql`PRAGMA journal_mode = DELETE`
const CHECK = sql`PRAGMA integrity_check(1)`
const COUNT_FIRST = sql`
  SELECT (SELECT count(*) FROM account) AS account, (SELECT count(*) FROM session) AS session,
    (SELECT count(*) FROM one_time_token) AS one_time_token, (SELECT count(*) FROM outbox) AS outbox,
    (SELECT count(*) FROM event) AS event, (SELECT count(*) FROM meta) AS meta`
const COUNT = sql`
  SELECT (SELECT count(*) FROM account) AS account, (SELECT count(*) FROM session) AS session,
    (SELECT count(*) FROM one_time_token) AS one_time_token, (SELECT count(*) FROM mail_flow) AS mail_flow,
    (SELECT count(*) FROM identity) AS identity, (SELECT count(*) FROM redeemed_state) AS redeemed_state,
    (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM event) AS event,
    (SELECT count(*) FROM meta) AS meta`

/** Rows by table. */
export type Counts = Readonly<Record<string, number>>

/**
 * Writes a whole copy of one moment of a database into a new file, beside a running service, whose schema it keeps. The
 * copy is one file without others beside it, checked and counted against the moment it was taken.
 * @param from what to read; not migrated
 * @param to an empty file, already as private as it shall be
 * @throws MisuseError `store.not_ours`, `store.newer_schema`, `store.damaged`; UnavailableError when reading, writing or the check fails
 */
export async function copySqlite(
  from: string,
  to: string,
  onProgress: (done: number, total: number) => void,
): Promise<Counts> {
  const source = new Executor(from)
  try {
    source.run(BEGIN)
    // The first read is the moment; what is written later is not in the copy, and does not make it begin again.
    const counts = count(source, from)
    await source.copyTo(to, onProgress)
    source.run(END)
    const copied = check(to, from)
    if (JSON.stringify(copied) !== JSON.stringify(counts))
      throw new UnavailableError("the copy has other numbers of rows than the database")
    return counts
  } catch (error) {
    throw error instanceof MisuseError ? error : isDamage(error) ? damaged(from) : unavailable(error)
  } finally {
    source.close()
  }
}

/** https://www.sqlite.org/rescode.html: SQLITE_CORRUPT and SQLITE_NOTADB, with whatever extends them. */
function isDamage(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === "number" && [11, 26].includes(errcode & 0xff)
}

function damaged(path: string): MisuseError {
  return new MisuseError([
    {
      code: "store.damaged",
      path,
      problem: "the file is damaged or cut off",
      fix: "Take a backup that is whole: nightlatch restore FILE.",
    },
  ])
}

function notOurs(path: string): MisuseError {
  return new MisuseError([
    {
      code: "store.not_ours",
      path,
      problem: "it is an SQLite database, but not one of Nightlatch",
      fix: "Name the file of a service, or one that nightlatch backup made.",
    },
  ])
}

/** Makes it one file, on the disk. */
function check(path: string, from: string): Counts {
  const copy = new Executor(path)
  try {
    copy.all(ALONE)
    if (copy.first(CHECK)?.integrity_check !== "ok") throw damaged(from)
    return count(copy, path)
  } finally {
    copy.close()
    const handle = openSync(path, "r+")
    fsyncSync(handle)
    closeSync(handle)
  }
}

function count(db: Executor, path: string): Counts {
  const version = readVersion(db)
  if (version === 0) throw notOurs(path)
  const row = db.first(version === 1 ? COUNT_FIRST : COUNT) ?? {}
  return Object.fromEntries(Object.entries(row).map(([table, rows]) => [table, Number(rows)]))
}

/** Whether every page and row is as it should be. */
export function isWhole(db: Executor): boolean {
  return db.first(CHECK)?.integrity_check === "ok"
}
