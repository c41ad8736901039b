/** pg_dump reads every table and sequence, or fails with words of its own in the middle. */
import type pg from "pg"
import { silentLogger } from "../../core/logger.ts"
import { MisuseError } from "../../core/misuse.ts"
import { type Statement, sql } from "../../core/statement.ts"
import { readConnection } from "./connection.ts"
import { createPool } from "./pool.ts"

const MAY_READ = sql`
  SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nightlatch') AS present,
    NOT EXISTS (
      SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = 'nightlatch' AND c.relkind IN ('r', 'S')
        AND NOT CASE c.relkind
          WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
          ELSE has_table_privilege(c.oid, 'SELECT') END) AS readable`

/** @throws MisuseError `store.no_schema`, `store.no_right` */
export async function checkReadable(input: {
  readonly driver: typeof pg
  readonly url: string
}): Promise<void> {
  const connection = readConnection(input.driver, input.url)
  const pool = createPool({ ...input, connection, logger: silentLogger, seen: new Set<Statement>() })
  const { present, readable } = (await pool.db.first(MAY_READ).finally(() => pool.close())) ?? {}
  if (present !== true)
    throw misuse(
      "store.no_schema",
      "there is no Nightlatch in this database: the schema nightlatch is missing",
      "Name the database that the service uses.",
    )
  if (readable !== true)
    throw misuse(
      "store.no_right",
      "the role of the URL may not read everything, which a backup does",
      "Use the URL of the role that owns the tables: nightlatch migrate --roles tells of both.",
    )
}

function misuse(code: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path: "database", problem, fix }])
}
