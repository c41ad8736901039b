/** What somebody names as a backup, judged before anything of the database is touched. */
import { closeSync, openSync, readSync } from "node:fs"
import { MisuseError } from "../core/misuse.ts"
import type { DatabasePlace } from "../store/store.ts"

type Engine = DatabasePlace["kind"]

/** https://www.sqlite.org/fileformat.html#magic_header_string and what pg_dump --format=custom begins with. */
const BEGINNINGS: readonly (readonly [text: string, engine: Engine])[] = [
  ["SQLite format 3\0", "sqlite"],
  ["PGDMP", "postgres"],
]

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "it may not be read",
}

const OTHER_ENGINE: Readonly<Record<Engine, readonly [problem: string, fix: string]>> = {
  sqlite: [
    "it is a backup of a PostgreSQL, and the database here is an SQLite file",
    "Name the PostgreSQL in NIGHTLATCH_DATABASE, or a backup of an SQLite file.",
  ],
  postgres: [
    "it is a backup of an SQLite file, and the database here is a PostgreSQL",
    "Name a backup of the PostgreSQL. What is in the SQLite file comes into an empty one by nightlatch move.",
  ],
}

/** @throws MisuseError `backup.unreadable`, `backup.not_a_backup`, `backup.other_engine` */
export function judgeBackupFile(path: string, engine: Engine): void {
  const [, found] = BEGINNINGS.find(([text]) => beginningOf(path).startsWith(text)) ?? []
  if (found === undefined) throw foreign(path)
  if (found !== engine) throw misuse("backup.other_engine", path, ...OTHER_ENGINE[engine])
}

function beginningOf(path: string): string {
  const bytes = Buffer.alloc(16)
  try {
    const handle = openSync(path, "r")
    try {
      return bytes.toString("latin1", 0, readSync(handle, bytes))
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    const problem = UNREADABLE[String((error as NodeJS.ErrnoException).code)]
    if (problem === undefined) throw error
    throw misuse("backup.unreadable", path, problem, "Name a file that nightlatch backup made.")
  }
}

export function foreign(path: string): MisuseError {
  return misuse(
    "backup.not_a_backup",
    path,
    "it holds no database of Nightlatch",
    "Name a file that nightlatch backup made.",
  )
}

export function misuse(code: string, path: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path, problem, fix }])
}
