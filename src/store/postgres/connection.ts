import { readFileSync } from "node:fs"
import type pg from "pg"
import { MisuseError } from "../../core/misuse.ts"
import { type PostgresUrl, parsePostgresUrl } from "../../core/postgres-url.ts"

export interface Connection {
  readonly config: pg.ClientConfig
  readonly url: PostgresUrl
  /** Encrypted, by a certificate that is verified for the host. */
  readonly verified: boolean
  /** Whether a server has asked for the password. */
  readonly asked: () => boolean
  /** Connections at most. */
  readonly poolSize: number
}

const INT8 = 20
const POOL_SIZE = 10

/**
 * Everything the driver can be told is told: what is left out it would take from the environment. A server that is reached
 * over a network has to prove who it is, whatever the URL says.
 */
export function readConnection(driver: typeof pg, text: string): Connection {
  const url = parsePostgresUrl(text)
  if (url === undefined) throw notAUrl()
  const { user, password, host, port, database, reach, parameters } = url
  const verified = reach === "network" || parameters.get("sslmode") === "verify-full"
  const root = parameters.get("sslrootcert")
  let asked = false
  const config: pg.ClientConfig & Record<"replication" | "options" | "sslnegotiation", string> = {
    user,
    password() {
      asked = true
      return password
    },
    host,
    port,
    database,
    ssl: verified && {
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      ...(root === null ? {} : { ca: readFileSync(root) }),
    },
    application_name: "nightlatch",
    client_encoding: "UTF8",
    types: {
      // Times, counts and row numbers, all below 2^53.
      getTypeParser: (oid: number, format?: "text" | "binary") =>
        oid === INT8 ? Number : driver.types.getTypeParser(oid, format as "text"),
    } as pg.CustomTypesConfig,
    options: "",
    replication: "",
    sslnegotiation: "postgres",
  }
  return {
    config,
    url,
    verified,
    asked: () => asked,
    poolSize: Number(parameters.get("pool_size") ?? POOL_SIZE),
  }
}

function notAUrl(): MisuseError {
  return new MisuseError([
    {
      code: "database.url",
      path: "database",
      problem: "it is not a URL of a PostgreSQL database",
      fix: "Write postgres://user:password@host:5432/database.",
    },
  ])
}
