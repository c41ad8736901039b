import { chmodSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Configuration } from "./configuration.ts"
import { databasePath } from "./database-path.ts"

/**
 * The key of the development inbox beside the database, in a file only the person who started the service can read. The
 * checklist page is open to every local program, so the key must not stand on it; its curl lines read this file instead.
 * @returns the file's path, or undefined when there is no inbox or no folder to put it in
 */
export function writeInboxKey(configuration: Configuration, key: string | undefined): string | undefined {
  const database = databasePath(configuration)
  if (key === undefined || database === ":memory:") return undefined
  const path = join(dirname(database), "inbox-key")
  try {
    removeInboxKey(path)
    writeFileSync(path, `${key}\n`, { mode: 0o600, flag: "wx" })
    chmodSync(path, 0o600)
    return path
  } catch {
    return undefined
  }
}

export function removeInboxKey(path: string | undefined): void {
  if (path !== undefined) rmSync(path, { force: true })
}
