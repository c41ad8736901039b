import { type Statement, sql } from "../../core/statement.ts"
import type { CarriedOver } from "../store.ts"
import type { Executor } from "./executor.ts"
import { sqlStateOf } from "./failure.ts"
import type { Pool } from "./pool.ts"

/** An unfinished move is no whole database; what a schema does not have compares with nothing. */
const IS_COMPARABLE = sql`
  SELECT newer.version = (SELECT version FROM nightlatch.schema_version)
    AND (SELECT value FROM nightlatch_before_restore.meta WHERE key = 'unfinished') = 0
    AND (SELECT value FROM nightlatch_before_restore.meta WHERE key = 'lineage')
      = (SELECT value FROM nightlatch.meta WHERE key = 'lineage')
    AND (SELECT value FROM nightlatch_before_restore.meta WHERE key = 'counter')
      >= (SELECT value FROM nightlatch.meta WHERE key = 'counter') AS comparable
  FROM nightlatch_before_restore.schema_version AS newer`
const PATIENCE = sql`SET LOCAL statement_timeout = 0`
const DELETED = sql`
  DELETE FROM nightlatch.account AS account
  WHERE NOT EXISTS (SELECT FROM nightlatch_before_restore.account AS newer WHERE newer.id = account.id)
  RETURNING account.email`
const IDENTITIES = sql`
  DELETE FROM nightlatch.identity AS identity
  WHERE NOT EXISTS (SELECT FROM nightlatch_before_restore.identity AS newer WHERE newer.id = identity.id)`
const DISABLED = sql`
  UPDATE nightlatch.account AS account SET disabled_at = newer.disabled_at
  FROM nightlatch_before_restore.account AS newer
  WHERE newer.id = account.id AND newer.disabled_at IS NOT NULL AND account.disabled_at IS NULL
  RETURNING account.email`
/** The mailbox may be somebody else's by now; whoever it was can be enabled again. */
const MOVED = sql`
  UPDATE nightlatch.account AS account SET disabled_at = coalesce(account.disabled_at, account.created_at)
  FROM nightlatch_before_restore.account AS newer
  WHERE newer.id = account.id AND newer.email <> account.email
  RETURNING account.email`
/**
 * A hash that was only renewed is of the same password. What has happened since are the events that the copy does not have:
 * their numbers follow no order of commits.
 */
const PASSWORDS = sql`
  WITH since AS MATERIALIZED (
    SELECT account_id, bool_or(type = 'password.rehashed') AS renewed,
      bool_or(type <> 'password.rehashed') AS changed
    FROM nightlatch_before_restore.event AS newer
    WHERE type IN ('password.rehashed', 'password.changed', 'password.reset', 'account.created')
      AND NOT EXISTS (SELECT FROM nightlatch.event WHERE event.id = newer.id)
    GROUP BY account_id
  )
  UPDATE nightlatch.account AS account SET password_hash = NULL
  FROM nightlatch_before_restore.account AS newer LEFT JOIN since ON since.account_id = newer.id
  WHERE newer.id = account.id AND account.password_hash IS NOT NULL
    AND newer.password_hash IS DISTINCT FROM account.password_hash
    AND (since.renewed IS NOT TRUE OR since.changed)
  RETURNING account.email`
/** Only those that it had then and has now: what was given since is given again by somebody. */
const ROLES = sql`
  UPDATE nightlatch.account AS account
  SET roles = (
    SELECT coalesce(jsonb_agg(had.role ORDER BY had.place), '[]')
    FROM jsonb_array_elements(account.roles) WITH ORDINALITY AS had (role, place)
    WHERE newer.roles @> jsonb_build_array(had.role)
  )
  FROM nightlatch_before_restore.account AS newer
  WHERE newer.id = account.id AND NOT newer.roles @> account.roles
  RETURNING account.email`
const DELETIONS = sql`
  UPDATE nightlatch.account AS account SET deletion_at = newer.deletion_at
  FROM nightlatch_before_restore.account AS newer
  WHERE newer.id = account.id AND newer.deletion_at IS NOT NULL AND account.deletion_at IS NULL`
const MADE = sql`
  SELECT email FROM nightlatch_before_restore.account AS newer
  WHERE NOT EXISTS (SELECT FROM nightlatch.account WHERE account.id = newer.id)
  ORDER BY created_at LIMIT 10000`

/** Every account is looked at. */
const WHOLE_MS = 600_000
/** https://www.postgresql.org/docs/15/errcodes-appendix.html */
const UNDEFINED_TABLE = "42P01"
const UNDEFINED_COLUMN = "42703"

/**
 * Like that of SQLite: carries over into the restored schema what the schema that was set aside says was taken away since.
 * @param pool of a database whose restored schema is of this version
 * @returns undefined when the two cannot be compared
 */
export async function carryOver(pool: Pool): Promise<CarriedOver | undefined> {
  if (!(await isComparable(pool.db))) return undefined
  return pool.transaction(
    async (db) => {
      const emails = async (statement: Statement) =>
        (await db.all(statement)).map(({ email }) => String(email))
      await db.run(PATIENCE)
      const made = await emails(MADE)
      const passwords = await emails(PASSWORDS)
      const roles = await emails(ROLES)
      const disabled = await emails(DISABLED)
      const moved = await emails(MOVED)
      const deleted = await emails(DELETED)
      await db.run(IDENTITIES)
      await db.run(DELETIONS)
      return { deleted, disabled, moved, passwords, roles, made }
    },
    { answerMs: WHOLE_MS },
  )
}

async function isComparable(db: Executor): Promise<boolean> {
  try {
    return (await db.first(IS_COMPARABLE))?.comparable === true
  } catch (error) {
    const state = sqlStateOf(error)
    if (state === UNDEFINED_TABLE || state === UNDEFINED_COLUMN) return false
    throw error
  }
}
