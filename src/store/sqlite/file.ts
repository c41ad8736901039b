import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { Executor } from "./executor.ts"
import { isBusy } from "./writer.ts"

const HOLD = sql`BEGIN EXCLUSIVE`

/** Makes the folder 0700 and the file 0600 before SQLite sees it, so that its -wal and -shm inherit the mode. */
export function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  if (existsSync(path)) return
  closeSync(openSync(path, "a", 0o600))
  chmodSync(path, 0o600)
}

/**
 * One service per file: the lock is a transaction on a small file beside it, so that it ends with the process, however that
 * ends. Commands do not take it and write beside the service.
 * @throws MisuseError `store.in_use` when another process holds it, UnavailableError when it cannot be held at all
 */
export function lockForService(path: string): Executor {
  const lockPath = `${path}.lock`
  makePrivate(lockPath)
  const lock = new Executor(lockPath)
  try {
    lock.run(HOLD)
    return lock
  } catch (error) {
    lock.close()
    if (!isBusy(error))
      throw new UnavailableError("the lock file beside the database cannot be locked", error)
    throw new MisuseError([
      {
        code: "store.in_use",
        path: "database",
        problem: "another Nightlatch service runs on this file",
        fix: "Stop it, or name another file in database (NIGHTLATCH_DATABASE).",
      },
    ])
  }
}

export function modesOf(path: string): { fileMode: number | undefined; folderMode: number | undefined } {
  if (process.platform === "win32" || !existsSync(path)) return { fileMode: undefined, folderMode: undefined }
  return { fileMode: statSync(path).mode & 0o777, folderMode: statSync(dirname(path)).mode & 0o777 }
}
