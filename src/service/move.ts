import { resolve } from "node:path"
import { placeOf, readDatabase } from "../checklist/database/index.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import { type Moved, moveToPostgres } from "../store/move/index.ts"
import type { DatabasePlace } from "../store/store.ts"
import type { Configuration } from "./configuration.ts"
import { databaseOf } from "./database.ts"

export interface MoveResult {
  readonly from: string
  /** Host, port and database; no user and no password. */
  readonly to: string
  readonly rows: Moved
}

/**
 * Moves the configured SQLite file into a PostgreSQL.
 * @param to its URL
 * @throws MisuseError when either is not what it has to be, UnavailableError when the move fails
 */
export async function moveDatabase(
  configuration: Configuration,
  to: string,
  onProgress: (table: string, done: number) => void,
): Promise<MoveResult> {
  const source = databaseOf(configuration)
  if (source.kind !== "sqlite" || source.path === ":memory:")
    throw misuse("move.not_a_file", "database", "what is moved is an SQLite file", "Name it by --database.")
  const target = readTarget(to)
  const rows = await moveToPostgres({ from: resolve(source.path), to: target.url, onProgress })
  return { from: source.path, to: placeOf(target), rows }
}

function readTarget(to: string): DatabasePlace & { readonly kind: "postgres" } {
  const faults = new Faults()
  const place = readDatabase({ database: to }, faults)
  if (faults.list.length > 0) throw new MisuseError(faults.list.map((fault) => ({ ...fault, path: "--to" })))
  if (place?.kind === "postgres") return place
  throw misuse(
    "move.not_a_server",
    "--to",
    "it is not the URL of a PostgreSQL",
    "Write postgres://user@host:5432/database.",
  )
}

function misuse(code: string, path: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path, problem, fix }])
}
