/** PostgreSQL's own pg_dump and pg_restore. The password goes by the environment: other users see arguments. */
import { spawn } from "node:child_process"
import { parsePostgresUrl } from "../core/postgres-url.ts"
import { UnavailableError } from "../core/unavailable.ts"

/** What such a program said, or that it is not there; for the operator as it is. */
export class ToolError extends Error {
  override readonly name = "ToolError"
}

const MOST_WORDS = 2_000

/** Custom format, the schema and nothing else of the database. @param file empty, and as private as it shall stay */
export async function dump(url: string, file: string): Promise<void> {
  await run("pg_dump", ["--format=custom", "--schema=nightlatch", "--no-password", "--file", file], url)
}

/** Everything or nothing. */
export async function undump(url: string, file: string): Promise<void> {
  const { PGDATABASE = "" } = environmentOf(url)
  const options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-password"]
  await run("pg_restore", [...options, "--dbname", PGDATABASE, file], url)
}

/** @throws ToolError when it is no dump of ours */
export async function checkDump(file: string): Promise<void> {
  const list = await run("pg_restore", ["--list", file], undefined)
  if (!/TABLE DATA nightlatch account /.test(list))
    throw new ToolError("the file holds no Nightlatch database.")
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

function run(program: string, words: readonly string[], url: string | undefined): Promise<string> {
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
      reject(
        failure.code === "ENOENT"
          ? new ToolError(
              `${program} is not installed. It comes with PostgreSQL's client: apt install postgresql-client, of the server's version or newer.`,
            )
          : failure,
      ),
    )
    child.on("close", (code) =>
      code === 0 ? resolve(out) : reject(new ToolError(`${program} failed: ${error.trim()}`)),
    )
  })
}
