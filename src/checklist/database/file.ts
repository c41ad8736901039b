/**
 * Attack: another user of the machine copies the database, or replaces it.
 * Promise: the folder is made 0700, with a line that keeps it out of git, and the file 0600 before anything is written into
 * it; a file that others may read or write, or a folder in which they may replace it, refuses the start and names the command
 * that mends it.
 * Source: ASVS 13.2.4 and 13.3.1.
 */
import { closeSync, constants, openSync, readSync, type Stats, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import type { Faults } from "../../core/misuse.ts"
import { makeFolder } from "./folder.ts"

const FILE_MODE = 0o600

const OTHERS = 0o077
const OTHERS_WRITE = 0o022
const STICKY = 0o1000

const MAGIC = Buffer.from("SQLite format 3\0")

/** SQLite's own files beside the database hold the same rows. Source: sqlite.org/tempfiles.html. */
const SIDE_FILES = ["-wal", "-shm", "-journal"]

/** Makes or judges the database file and its folder. Call it before the file is opened; `:memory:` has neither. */
export function prepareFile(path: string, faults: Faults): void {
  if (path === ":memory:") return
  const file = resolve(path)
  const folder = dirname(file)
  try {
    makeFolder(folder)
    create(file)
    const found = statSync(file)
    if (!found.isFile()) {
      faults.add(
        "database.not_a_file",
        path,
        "it is not a regular file",
        "Name a file, for example data/nightlatch.db.",
      )
      return
    }
    // Before the modes: nobody shall run chmod on a file that was named by mistake.
    if (!isSqlite(file, found)) {
      faults.add(
        "database.not_sqlite",
        path,
        "it is not an SQLite database",
        "Name another file, for example data/nightlatch.db.",
      )
      return
    }
    if (process.platform !== "win32") judgeModes(path, folder, found, faults)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error"
    faults.add(
      "database.unusable",
      path,
      `the file cannot be made or read (${code})`,
      "Name a file in a folder that the user of the service can write.",
    )
  }
}

/** O_EXCL: what is there already is judged as it is, also a link. A umask only ever narrows the mode. */
function create(file: string): void {
  try {
    closeSync(openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, FILE_MODE))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return
    throw error
  }
}

/** An empty file becomes one. Source: sqlite.org/fileformat.html, section 1.3. */
function isSqlite(file: string, { size }: Stats): boolean {
  if (size === 0) return true
  const head = Buffer.alloc(MAGIC.length)
  const opened = openSync(file, constants.O_RDONLY)
  try {
    readSync(opened, head, 0, head.length, 0)
  } finally {
    closeSync(opened)
  }
  return head.equals(MAGIC)
}

function judgeModes(path: string, folder: string, file: Stats, faults: Faults): void {
  const open = [path, ...SIDE_FILES.map((suffix) => path + suffix)].filter((name) => {
    const found = name === path ? file : statSync(name, { throwIfNoEntry: false })
    return found !== undefined && (found.mode & OTHERS) !== 0
  })
  if (open.length > 0) {
    faults.add(
      "database.readable",
      path,
      "other users of this machine can read or change the database",
      `Run: chmod 600 ${open.join(" ")}`,
    )
  }
  const { mode } = statSync(folder)
  // In a sticky folder (such as /tmp) others may add files, but not replace ours.
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) {
    faults.add(
      "database.folder_writable",
      path,
      "other users of this machine can replace the file, since its folder is open to them",
      `Run: chmod 700 ${dirname(path)}`,
    )
  }
}
