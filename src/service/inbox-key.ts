import { chmodSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { makeFolder } from "../checklist/database/index.ts"
import type { Configuration } from "./configuration.ts"
import { databaseOf } from "./database.ts"

/**
 * The key of the development inbox beside the database file (in the folder `data` when the database is a server), in a
 * file only the person who started the service can read. The checklist page is open to every local program, so the key must
 * not stand on it; its curl lines read this file instead.
 * @returns the file's path, or undefined when there is no inbox or no folder to put it in
 */
export function writeInboxKey(configuration: Configuration, key: string | undefined): string | undefined {
  const database = databaseOf(configuration)
  if (key === undefined || (database.kind === "sqlite" && database.path === ":memory:")) return undefined
  const folder = database.kind === "sqlite" ? dirname(database.path) : join(configuration.folder, "data")
  const path = join(folder, "inbox-key")
  try {
    makeFolder(folder)
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
