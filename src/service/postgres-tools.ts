/** PostgreSQL's own pg_dump and pg_restore. The password goes by the environment: other users see arguments. */
import { spawn } from "node:child_process"
import { devNull } from "node:os"
import { parsePostgresUrl } from "../core/postgres-url.ts"
import { UnavailableError } from "../core/unavailable.ts"
import { foreign, misuse } from "./backup-file.ts"

const MOST_WORDS = 2_000

/** Custom format, the schema and nothing else of the database. @param file empty, and as private as it shall stay */
export async function dump(url: string, file: string): Promise<void> {
  const ran = await run(
    "pg_dump",
    ["--format=custom", "--schema=nightlatch", "--no-password", "--file", file],
    url,
  )
  if (ran.failure !== undefined) throw failed("pg_dump", ran.failure)
}

/** Everything or nothing. @throws MisuseError `backup.refused` */
export async function undump(url: string, file: string): Promise<void> {
  const { PGDATABASE = "" } = environmentOf(url)
  const options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-password"]
  const { failure } = await run("pg_restore", [...options, "--dbname", PGDATABASE, file], url)
  if (failure === undefined) return
  throw misuse(
    "backup.refused",
    file,
    `PostgreSQL does not take what is in it: ${failure}`,
    "The database is as it was. Take another backup, or a server of the version that this one comes from.",
  )
}

/** Reads a dump to its end. @throws MisuseError when it is none of ours, damaged, or newer than pg_restore */
export async function checkDump(file: string): Promise<void> {
  for (const words of [["--list"], ["--file", devNull]]) {
    const { out, failure } = await run("pg_restore", [...words, file], undefined)
    if (failure !== undefined) throw unreadable(file, failure)
    if (words.length === 1 && !/TABLE DATA nightlatch account /.test(out)) throw foreign(file)
  }
}

function unreadable(file: string, failure: string): Error {
  if (/unsupported version/.test(failure)) return failed("pg_restore", failure)
  return misuse("backup.damaged", file, `it is damaged or cut off: ${failure}`, "Take another backup.")
}

/** pg_dump reads no newer server, pg_restore nothing that a newer pg_dump wrote. */
function failed(program: string, failure: string): Error {
  if (!/version mismatch|unsupported version/.test(failure))
    return new UnavailableError(`${program} failed: ${failure}`)
  return misuse(
    "backup.old_tools",
    program,
    `it is older than the server or the file: ${failure}`,
    "Install PostgreSQL's client of the server's version or newer, for example postgresql-client-17.",
  )
}

function environmentOf(text: string): Record<string, string> {
  const url = parsePostgresUrl(text)
  if (url === undefined) throw new UnavailableError("the URL of the database cannot be read")
  const verified = url.reach === "network" || url.parameters.get("sslmode") === "verify-full"
  return {
    PGHOST: url.host,
    PGPORT: String(url.port),
    PGUSER: url.user,
    PGDATABASE: url.database,
    ...(url.password === "" ? {} : { PGPASSWORD: url.password }),
    ...(url.reach === "socket" ? {} : { PGSSLMODE: verified ? "verify-full" : "disable" }),
    // Since libpq 16 "system" are the certificate authorities of the system.
    ...(verified ? { PGSSLROOTCERT: url.parameters.get("sslrootcert") ?? "system" } : {}),
  }
}

interface Ran {
  readonly out: string
  /** Its own first words, when it did not end well. */
  readonly failure: string | undefined
}

function run(program: string, words: readonly string[], url: string | undefined): Promise<Ran> {
  const { PATH = "", HOME = "" } = process.env
  const env = { PATH, HOME, LC_ALL: "C", ...(url === undefined ? {} : environmentOf(url)) }
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let error = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      error = (error + text).slice(0, MOST_WORDS)
    })
    child.on("error", (failure: NodeJS.ErrnoException) =>
      reject(failure.code === "ENOENT" ? notInstalled(program) : failure),
    )
    child.on("close", (code) => resolve({ out, failure: code === 0 ? undefined : wordsOf(error) }))
  })
}

/** Its first error, in one line; the statement and the rows that follow are left out. */
function wordsOf(text: string): string {
  const line = text.split("\n").find((each) => each.includes("error: ")) ?? text.split("\n")[0] ?? ""
  return line.replace(/^.*?error: /, "").trim() || "it says nothing"
}

function notInstalled(program: string): Error {
  const fix =
    "It comes with PostgreSQL's client: apt install postgresql-client, of the server's version or newer."
  return misuse("backup.no_tools", program, "it is not installed", fix)
}
