/**
 * Attack: a backup that brings back what was taken away: an ended session, a disabled account, an old password. Promise: a
 * backup is whole, private and never written over another file; after a restore no session, token or link from before is
 * accepted, and what the database that was there still tells of is carried over.
 */
import { closeSync, existsSync, linkSync, mkdirSync, openSync, rmSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { BY_COMMAND } from "../core/event.ts"
import { MisuseError } from "../core/misuse.ts"
import { readWitness, witnessPath, writeWitness } from "../latch/witness.ts"
import { checkReadable, openStore, replaceDatabase } from "../store/open.ts"
import { copySqlite } from "../store/sqlite/copy.ts"
import type { DatabasePlace, Mark, Restored } from "../store/store.ts"
import { judgeBackupFile, misuse } from "./backup-file.ts"
import type { Configuration } from "./configuration.ts"
import { databaseOf } from "./database.ts"
import { checkDump, dump, undump } from "./postgres-tools.ts"

type Progress = (done: number, total: number) => void

export interface Backup {
  readonly path: string
  readonly bytes: number
  /** Accounts in it; undefined where only PostgreSQL's tools know. */
  readonly accounts: number | undefined
}

const RESTORED = { type: "store.restored", detail: { by: BY_COMMAND } } as const

/**
 * @param file where to; default a new file in a folder `backup` beside the database
 * @throws MisuseError `backup.exists`, `backup.folder`, `database.missing`, and what reading the database throws
 */
export async function makeBackup(
  configuration: Configuration,
  file: string | undefined,
  onProgress: Progress,
): Promise<Backup> {
  const place = databaseOf(configuration)
  const path = resolve(
    configuration.folder,
    file ?? join(folderOf(place), `nightlatch-${stamp()}${endOf(place)}`),
  )
  if (existsSync(path)) throw exists(path)
  if (place.kind === "sqlite" && !existsSync(place.path)) throw missing(place.path)
  await checkReadable(place)
  const part = `${path}.part`
  makePart(part)
  try {
    let accounts: number | undefined
    if (place.kind === "sqlite") {
      accounts = (await copySqlite(place.path, part, onProgress)).account
    } else {
      await dump(place.direct ?? place.url, part)
      await checkDump(part)
    }
    // Unlike a rename it fails when somebody has made the file meanwhile.
    linkSync(part, path)
    return { path, bytes: statSync(path).size, accounts }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? exists(path) : error
  } finally {
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(part + end, { force: true })
  }
}

function makePart(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    rmSync(path, { force: true })
    closeSync(openSync(path, "wx", 0o600))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const fix = "Name a file in a folder that this user may write."
    throw misuse("backup.folder", dirname(path), `no file can be made in it (${code})`, fix)
  }
}

/** @throws MisuseError, UnavailableError; then the database is as it was */
export async function restoreBackup(
  configuration: Configuration,
  file: string,
  onProgress: Progress,
): Promise<Restored> {
  const place = databaseOf(configuration)
  const from = resolve(configuration.folder, file)
  judgeBackupFile(from, place.kind)
  if (place.kind === "postgres") await checkDump(from)
  const witness = witnessOf(configuration, place)
  return replaceDatabase(place, {
    from,
    keepAs: place.kind === "sqlite" ? `${place.path}.before-restore-${stamp()}` : "",
    above: witness.above,
    events: [RESTORED],
    onProgress,
    onDone: (mark) => witness.write(mark),
    undump,
  })
}

/**
 * The database as it is becomes the one to start with, whatever the witness says: every session ends.
 * @throws MisuseError `store.in_use` while a service holds the file
 */
export async function acknowledge(configuration: Configuration): Promise<{ readonly sessions: number }> {
  const place = databaseOf(configuration)
  if (place.kind === "sqlite" && !existsSync(place.path)) throw missing(place.path)
  const witness = witnessOf(configuration, place)
  const store = await openStore(place, { exclusive: true })
  try {
    const { mark, sessions } = await store.startAnew({ above: witness.above, events: [RESTORED] })
    await witness.write(mark)
    return { sessions }
  } finally {
    await store.close()
  }
}

/** One that cannot be read is what an operator has just been told of: it is written anew. */
function witnessOf(
  configuration: Configuration,
  place: DatabasePlace,
): { readonly above: number; write(mark: Mark): Promise<void> } {
  const folder = configuration.options.stateFolder
  const path = witnessPath(place, resolve(configuration.folder, typeof folder === "string" ? folder : "data"))
  let above = 0
  try {
    above = path === undefined ? 0 : (readWitness(path)?.counter ?? 0)
  } catch (error) {
    if (!(error instanceof MisuseError)) throw error
  }
  return { above, write: async (mark) => (path === undefined ? undefined : writeWitness(path, mark)) }
}

function folderOf(place: DatabasePlace): string {
  return place.kind === "sqlite" ? join(dirname(place.path), "backup") : join("data", "backup")
}

const endOf = (place: DatabasePlace): string => (place.kind === "sqlite" ? ".db" : ".dump")

/** To the second, in characters that every file system takes. */
function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(":", "-")
}

function exists(path: string): MisuseError {
  return misuse("backup.exists", path, "there is a file already", "Name another file, or leave it out.")
}

function missing(path: string): MisuseError {
  const fix = "Name another; a database by --database or NIGHTLATCH_DATABASE."
  return misuse("database.missing", path, "there is no such file", fix)
}
