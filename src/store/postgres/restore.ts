import type pg from "pg"
import { silentLogger } from "../../core/logger.ts"
import { MisuseError } from "../../core/misuse.ts"
import { type Statement, sql } from "../../core/statement.ts"
import { readConnection } from "./connection.ts"
import { sqlStateOf } from "./failure.ts"
import { createPool, type Pool } from "./pool.ts"

const IN_USE = sql`
  SELECT count(*) AS n FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'nightlatch' AND pid <> pg_backend_pid()`
const HAS = sql`
  SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nightlatch') AS present,
    EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nightlatch_before_restore') AS kept`
const SET_ASIDE = sql`ALTER SCHEMA nightlatch RENAME TO nightlatch_before_restore`
const REMOVE = sql`DROP SCHEMA IF EXISTS nightlatch CASCADE`
const PUT_BACK = sql`ALTER SCHEMA nightlatch_before_restore RENAME TO nightlatch`

/** https://www.postgresql.org/docs/15/errcodes-appendix.html */
const INSUFFICIENT_PRIVILEGE = "42501"

/** Name of the schema in which the rows that were there are kept. */
export const KEPT_SCHEMA = "nightlatch_before_restore"

/**
 * Sets the schema aside while something else is put in its place, and back when that fails.
 * @param restore puts a schema `nightlatch` there; is told whether one was set aside
 * @returns whether there was one to keep
 * @throws MisuseError `store.in_use`, `store.kept_before`, `store.no_right`
 */
export async function replaceSchema(
  input: { readonly driver: typeof pg; readonly url: string },
  restore: (kept: boolean) => Promise<void>,
): Promise<boolean> {
  const connection = readConnection(input.driver, input.url)
  const pool = createPool({ ...input, connection, logger: silentLogger, seen: new Set<Statement>() })
  try {
    const { present, kept } = (await pool.db.first(HAS)) ?? {}
    if (present === true) {
      await refuseWhileInUse(pool)
      if (kept === true) throw keptBefore()
      await pool
        .transaction((db) => db.run(SET_ASIDE))
        .catch((error: unknown) => {
          throw sqlStateOf(error) === INSUFFICIENT_PRIVILEGE ? mayNotRestore() : error
        })
    }
    try {
      await restore(present === true)
    } catch (error) {
      await pool.transaction((db) => db.run(REMOVE))
      if (present === true) await pool.transaction((db) => db.run(PUT_BACK))
      throw error
    }
    return present === true
  } finally {
    await pool.close()
  }
}

async function refuseWhileInUse(pool: Pool): Promise<void> {
  // The pool itself holds the one connection that asks.
  const row = await pool.db.first(IN_USE)
  if (Number(row?.n) === 0) return
  throw new MisuseError([
    {
      code: "store.in_use",
      path: "database",
      problem: "a Nightlatch service is connected to the database",
      fix: "Stop every instance, then restore.",
    },
  ])
}

function mayNotRestore(): MisuseError {
  return new MisuseError([
    {
      code: "store.no_right",
      path: "database",
      problem: "the role of the URL may not make a schema in this database, which a restore does",
      fix: "Use the URL of the role that owns the tables. If it is that one, as administrator of the server: GRANT CREATE ON DATABASE … TO nightlatch_owner.",
    },
  ])
}

function keptBefore(): MisuseError {
  return new MisuseError([
    {
      code: "store.kept_before",
      path: "database",
      problem: `the schema ${KEPT_SCHEMA} of an earlier restore is still there`,
      fix: `Look whether something in it is needed, then: DROP SCHEMA ${KEPT_SCHEMA} CASCADE`,
    },
  ])
}
