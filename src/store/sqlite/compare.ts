import { sql } from "../../core/statement.ts"
import type { CarriedOver } from "../store.ts"
import { isWhole } from "./copy.ts"
import { Executor } from "./executor.ts"
import { readMark } from "./mark.ts"
import { readVersion } from "./schema.ts"

const ATTACH = sql`ATTACH ? AS newer`
const DETACH = sql`DETACH newer`
const BEGIN = sql`BEGIN IMMEDIATE`
const COMMIT = sql`COMMIT`
const LAST_EVENT = sql`SELECT ifnull(max(id), 0) AS id FROM main.event`
const DELETED = sql`
  DELETE FROM main.account WHERE id NOT IN (SELECT id FROM newer.account) RETURNING email`
const IDENTITIES = sql`DELETE FROM main.identity WHERE id NOT IN (SELECT id FROM newer.identity)`
const DISABLED = sql`
  UPDATE main.account SET disabled_at = newer.disabled_at
  FROM newer.account AS newer
  WHERE newer.id = account.id AND newer.disabled_at IS NOT NULL AND account.disabled_at IS NULL
  RETURNING account.email`
/** The mailbox may be somebody else's by now; whoever it was can be enabled again. */
const MOVED = sql`
  UPDATE main.account SET disabled_at = coalesce(account.disabled_at, account.created_at)
  FROM newer.account AS newer
  WHERE newer.id = account.id AND newer.email <> account.email
  RETURNING account.email`
/** A hash that was only renewed is of the same password. */
const PASSWORDS = sql`
  UPDATE main.account SET password_hash = NULL
  FROM newer.account AS newer
  WHERE newer.id = account.id AND account.password_hash IS NOT NULL
    AND newer.password_hash IS NOT account.password_hash
    AND (
      NOT EXISTS (
        SELECT 1 FROM newer.event
        WHERE event.account_id = account.id AND event.id > :last AND event.type = 'password.rehashed')
      OR EXISTS (
        SELECT 1 FROM newer.event
        WHERE event.account_id = account.id AND event.id > :last
          AND event.type IN ('password.changed', 'password.reset', 'account.created'))
    )
  RETURNING account.email`
const ROLES = sql`
  SELECT account.id, account.email, account.roles, newer.roles AS newer_roles
  FROM main.account AS account JOIN newer.account AS newer ON newer.id = account.id
  WHERE newer.roles <> account.roles`
const SET_ROLES = sql`UPDATE main.account SET roles = ? WHERE id = ?`
const DELETIONS = sql`
  UPDATE main.account SET deletion_at = newer.deletion_at
  FROM newer.account AS newer
  WHERE newer.id = account.id AND newer.deletion_at IS NOT NULL AND account.deletion_at IS NULL`
const MADE = sql`
  SELECT email FROM newer.account WHERE id NOT IN (SELECT id FROM main.account) ORDER BY created_at LIMIT 10000`

/** Schemas before it have no lineage to tell one database from another by. */
const FIRST_COMPARABLE = 3

/**
 * Carries over into a restored copy what the newer database beside it says was taken away since: deleted and disabled
 * accounts, changed passwords, roles, sign-in methods.
 * @param restored of this version's schema
 * @returns undefined when the newer one cannot be compared: damaged, another database, of another schema, or older
 */
export function carryOver(restored: string, newer: string): CarriedOver | undefined {
  if (!isComparable(restored, newer)) return undefined
  const db = new Executor(restored)
  try {
    db.run(ATTACH, newer)
    db.run(BEGIN)
    const last = Number(db.first(LAST_EVENT)?.id)
    const emails = (rows: readonly { readonly email?: unknown }[]) => rows.map(({ email }) => String(email))
    const made = emails(db.all(MADE))
    const passwords = emails(db.all(PASSWORDS, { last }))
    const roles = takeRoles(db)
    const disabled = emails(db.all(DISABLED))
    const moved = emails(db.all(MOVED))
    const deleted = emails(db.all(DELETED))
    db.run(IDENTITIES)
    db.run(DELETIONS)
    db.run(COMMIT)
    db.run(DETACH)
    return { deleted, disabled, moved, passwords, roles, made }
  } finally {
    db.close()
  }
}

function isComparable(restored: string, newer: string): boolean {
  const [copy, other] = [new Executor(restored), new Executor(newer)]
  try {
    if (readVersion(copy) !== readVersion(other) || readVersion(other) < FIRST_COMPARABLE) return false
    if (!isWhole(other)) return false
    const [before, after] = [readMark(copy), readMark(other)]
    return before.lineage === after.lineage && before.counter <= after.counter
  } catch {
    // It is damaged or no database at all.
    return false
  } finally {
    copy.close()
    other.close()
  }
}

/** Only those that it had then and has now: what was given since is given again by somebody. */
function takeRoles(db: Executor): string[] {
  const changed: string[] = []
  for (const row of db.all(ROLES)) {
    const [before, after] = [row.roles, row.newer_roles].map((text) => JSON.parse(String(text)) as string[])
    const kept = (before ?? []).filter((role) => after?.includes(role))
    if (kept.length === before?.length) continue
    db.run(SET_ROLES, JSON.stringify(kept), row.id ?? null)
    changed.push(String(row.email))
  }
  return changed
}
