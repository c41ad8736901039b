import { isPublicAddress, parseAddress } from "../../core/address.ts"
import type { PostgresFacts } from "../../core/facts.ts"
import { MisuseError } from "../../core/misuse.ts"
import { hasDefaultPassword } from "../../core/postgres-url.ts"
import { sql } from "../../core/statement.ts"
import type { Connection } from "./connection.ts"
import type { Pool } from "./pool.ts"

const ABOUT = sql`
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
    current_setting('synchronous_commit') AS commit,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
    pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = 'nightlatch.session'::regclass), 'USAGE') AS owner`

/** Functions whose bodies are read when they are made. https://www.postgresql.org/docs/14/release-14.html */
const OLDEST_SERVER = 140_000

/** What the checklist shows of the server and of the role. @throws MisuseError `database.old_server` */
export async function readFacts(pool: Pool, { url, verified, asked }: Connection): Promise<PostgresFacts> {
  const row = await pool.db.first(ABOUT)
  if (Number(row?.number) < OLDEST_SERVER) {
    throw new MisuseError([
      {
        code: "database.old_server",
        path: "database",
        problem: `the server is PostgreSQL ${row?.version}`,
        fix: "Use PostgreSQL 14 or newer.",
      },
    ])
  }
  const peer = pool.peerAddress === undefined ? undefined : parseAddress(pool.peerAddress)
  return {
    engine: "postgres",
    version: String(row?.version).split(" ")[0] ?? "",
    reach: url.reach,
    verified,
    publicAddress: peer !== undefined && isPublicAddress(peer),
    // On a socket the system tells the server who asks.
    trusting: url.reach !== "socket" && !asked(),
    defaultPassword: hasDefaultPassword(url),
    superuser: row?.superuser === true,
    owner: row?.owner === true,
    durable: row?.commit !== "off",
  }
}
