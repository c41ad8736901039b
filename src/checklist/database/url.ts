/**
 * Attack: somebody between the service and its database reads or answers in its place, or the URL with its password ends
 * in a log.
 * Promise: a server that is not on this very machine proves by its certificate that it is the one the URL names, and has a
 * password that is no default, or the start is refused; nothing of a URL is ever repeated but host, port and database.
 * Source: ASVS 12.3.2 and 13.2.1; https://www.postgresql.org/docs/15/libpq-ssl.html
 */
import { readFileSync } from "node:fs"
import { type Faults, nearest } from "../../core/misuse.ts"
import {
  hasDefaultPassword,
  isPostgresUrl,
  type PostgresUrl,
  parsePostgresUrl,
} from "../../core/postgres-url.ts"
import type { DatabasePlace } from "../../store/store.ts"

const PARAMETERS = ["host", "pool_size", "sslmode", "sslrootcert"]
/** What other programs call modes that encrypt, if at all, without knowing for whom. */
const UNVERIFIED = ["allow", "prefer", "require", "verify-ca", "no-verify"]
const MOST_CONNECTIONS = 200

/**
 * A path, `:memory:`, or `postgres://…`.
 * @param input `direct`: the same database without a pooler between, for what needs a connection of its own
 * @returns undefined when there were faults
 */
export function readDatabase(
  input: { readonly database: unknown; readonly direct?: unknown },
  faults: Faults,
): DatabasePlace | undefined {
  const { database, direct } = input
  if (typeof database !== "string" || database === "") return undefined
  if (!isPostgresUrl(database)) {
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(database)) {
      faults.add(
        "database.unknown_engine",
        "database",
        "it is a URL, but not of PostgreSQL",
        "Name a file, for example ./data/nightlatch.db, or write postgres://user:password@host:5432/database.",
      )
      return undefined
    }
    if (direct !== undefined) {
      faults.add(
        "database.direct_of_file",
        "databaseDirect",
        "it is set, but the database is a file",
        "Remove it; it belongs to a PostgreSQL behind a pooler.",
      )
      return undefined
    }
    return { kind: "sqlite", path: database }
  }
  const before = faults.list.length
  readUrl(database, "database", faults)
  if (typeof direct === "string") readUrl(direct, "databaseDirect", faults)
  if (faults.list.length > before) return undefined
  return { kind: "postgres", url: database, ...(typeof direct === "string" ? { direct } : {}) }
}

/** Where a server is, without who goes there and how. */
export function placeOf(place: DatabasePlace): string {
  if (place.kind === "sqlite") return place.path
  const url = parsePostgresUrl(place.url)
  return `postgres://${url?.host}:${url?.port}/${url?.database}`
}

function readUrl(text: string, path: string, faults: Faults): void {
  const url = parsePostgresUrl(text)
  if (url === undefined) {
    faults.add(
      "database.url",
      path,
      "it is not a whole URL of a PostgreSQL database",
      "Write postgres://user:password@host:5432/database, what is special in the password percent-encoded; for a socket add ?host=/var/run/postgresql.",
    )
    return
  }
  if (url.reach === "network" && hasDefaultPassword(url)) {
    faults.add(
      "database.default_password",
      path,
      "its password is a published default, or the name of the user or the database",
      "Set one that nobody can guess, for example what nightlatch secret prints: ALTER ROLE … PASSWORD '…'.",
    )
  }
  readParameters(url, path, faults)
  readEncryption(url, path, faults)
  const size = url.parameters.get("pool_size")
  if (size !== null && !(/^\d{1,3}$/.test(size) && Number(size) >= 1 && Number(size) <= MOST_CONNECTIONS)) {
    faults.add(
      "database.pool_size",
      path,
      `pool_size is not a whole number from 1 to ${MOST_CONNECTIONS}`,
      "Give the number of connections this instance may hold, or remove it: 10.",
    )
  }
}

function readParameters({ parameters }: PostgresUrl, path: string, faults: Faults): void {
  for (const name of new Set(parameters.keys())) {
    if (PARAMETERS.includes(name)) {
      if (parameters.getAll(name).length > 1)
        faults.add("database.parameter_twice", path, `${name} is there twice`, "Keep one of them.")
      continue
    }
    const near = nearest(name, PARAMETERS)
    faults.add(
      "database.unknown_parameter",
      path,
      // A password that was not percent-encoded may have become a parameter's name.
      near === undefined ? "it has a parameter that is not known" : `it has no parameter ${name}`,
      near === undefined ? `Known are ${PARAMETERS.join(", ")}.` : `Did you mean ${near}?`,
    )
  }
}

function readEncryption({ reach, parameters }: PostgresUrl, path: string, faults: Faults): void {
  const mode = parameters.get("sslmode")
  const verifies = reach === "network" || mode === "verify-full"
  if (mode !== null && mode !== "verify-full" && (reach === "network" || mode !== "disable")) {
    const weak = mode === "disable" || UNVERIFIED.includes(mode)
    faults.add(
      weak ? "database.tls_unverified" : "database.sslmode",
      path,
      weak
        ? `sslmode=${mode} does not verify who answers, so anybody between could be the database`
        : "sslmode is none of verify-full, disable",
      reach === "network"
        ? "Write sslmode=verify-full, with sslrootcert for a certificate authority of your own."
        : "Remove it: on this machine nothing is between. Or write sslmode=verify-full.",
    )
    return
  }
  if (reach === "socket" && mode === "verify-full") {
    faults.add(
      "database.sslmode",
      path,
      "a socket of this machine is never encrypted",
      "Remove sslmode, or name the host.",
    )
    return
  }
  const root = parameters.get("sslrootcert")
  if (root === null) return
  if (!verifies) {
    faults.add(
      "database.sslmode",
      path,
      "it has sslrootcert, but nothing is verified",
      "Write sslmode=verify-full, or remove sslrootcert.",
    )
  } else if (!isCertificate(root)) {
    faults.add(
      "database.root_certificate",
      path,
      "sslrootcert names no file with certificates in PEM that can be read",
      "Name the file of the certificate authority that signed the server's certificate.",
    )
  }
}

function isCertificate(path: string): boolean {
  try {
    return readFileSync(path, "utf8").includes("-----BEGIN CERTIFICATE-----")
  } catch {
    return false
  }
}
