import { existsSync, renameSync, rmSync } from "node:fs"
import { resolve } from "node:path"
import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import type { Mark, Restored, Store } from "../store.ts"
import { carryOver } from "./compare.ts"
import { copySqlite } from "./copy.ts"
import { Executor } from "./executor.ts"
import { lockForService, makePrivate } from "./file.ts"
import { openSqlite } from "./index.ts"
import { unavailable } from "./writer.ts"

const FOLD = sql`PRAGMA wal_checkpoint(TRUNCATE)`
const SIDE_FILES = ["-wal", "-shm", "-journal"]

export interface RestoreInput {
  /** The database; it need not be there. */
  readonly path: string
  /** The backup. */
  readonly from: string
  /** Where the database that was there is kept. */
  readonly keepAs: string
  /** The counter becomes higher than this. */
  readonly above: number
  readonly events: Parameters<Store["startAnew"]>[0]["events"]
  readonly onProgress: (done: number, total: number) => void
  /** Called while nothing else can start, when the restored database is in its place. */
  readonly onDone: (mark: Mark) => Promise<void>
}

/**
 * Puts a backup in the place of a database: made ready beside it, then moved, so that a break-off leaves either the one or
 * the other. Takes the service's lock for as long.
 * @throws MisuseError `store.in_use`, `store.not_ours`, `store.newer_schema`; UnavailableError when the backup is damaged
 */
export async function restoreSqlite(input: RestoreInput): Promise<Restored> {
  const path = resolve(input.path)
  const lock = lockForService(path)
  const ready = `${path}.restoring`
  try {
    removeWith(ready)
    makePrivate(ready)
    await copySqlite(input.from, ready, input.onProgress)
    const store = await openSqlite({ path: ready })
    await store.close()
    const old = existsSync(path)
    if (old) fold(path)
    const carriedOver = old ? carryOver(ready, path) : undefined
    const { mark, sessions } = await startAnew(ready, input)
    if (old) moveWith(path, input.keepAs)
    renameSync(ready, path)
    await input.onDone(mark)
    return { sessions, kept: old ? input.keepAs : undefined, carriedOver }
  } catch (error) {
    throw error instanceof MisuseError ? error : unavailable(error)
  } finally {
    removeWith(ready)
    lock.close()
  }
}

async function startAnew(path: string, input: RestoreInput): ReturnType<Store["startAnew"]> {
  const store = await openSqlite({ path })
  try {
    return await store.startAnew({ above: input.above, events: input.events })
  } finally {
    await store.close()
  }
}

/** Brings what stands in the log into the file, so that the file alone is the database. A damaged one stays as it is. */
function fold(path: string): void {
  let db: Executor | undefined
  try {
    db = new Executor(path)
    db.all(FOLD)
  } catch {
    // What cannot be read is kept with all that stands beside it.
  } finally {
    db?.close()
  }
}

function moveWith(from: string, to: string): void {
  for (const end of ["", ...SIDE_FILES]) if (existsSync(from + end)) renameSync(from + end, to + end)
}

function removeWith(path: string): void {
  for (const end of ["", ...SIDE_FILES]) rmSync(path + end, { force: true })
}
