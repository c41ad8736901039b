import { sql } from "../../core/statement.ts"
import { readId, toBlob } from "../rows.ts"
import type { EndReason } from "../store.ts"
import type { Executor } from "./executor.ts"

/** `revoked_xid` is what the feed goes by: see `upkeep.ts`. */
const END_ALL = sql`
  UPDATE nightlatch.session SET revoked_at = $1, reason = $2, revoked_xid = pg_current_xact_id()
  WHERE id IN (
    SELECT id FROM nightlatch.session
    WHERE account_id = $3 AND id IS DISTINCT FROM $4 AND revoked_at IS NULL ORDER BY id FOR UPDATE)
  RETURNING id`
const FORGET = sql`UPDATE nightlatch.session SET client = '', address_prefix = '' WHERE account_id = $1`
/** The rows stay for the limit on all mails; nothing is sent any more. */
const FORGET_MAILS = sql`
  UPDATE nightlatch.outbox SET email = '', due_at = NULL, leased = false
  WHERE account_id = $1 OR email = (SELECT email FROM nightlatch.account WHERE id = $1)`
const DROP_FLOWS = sql`
  DELETE FROM nightlatch.mail_flow
  WHERE account_id = $1 OR email = (SELECT email FROM nightlatch.account WHERE id = $1)`
const DROP_TOKENS = sql`
  DELETE FROM nightlatch.one_time_token
  WHERE account_id = $1 OR email = (SELECT email FROM nightlatch.account WHERE id = $1)`
/** Mails under way keep their row, which counts for the limits, but are not sent any more. Notices are. */
const DROP_MAILS = sql`
  UPDATE nightlatch.outbox SET due_at = NULL, leased = false
  WHERE account_id = $1 AND due_at IS NOT NULL AND purpose IN
    ('register', 'already-registered', 'invite', 'reset', 'email-link', 'email-change-old', 'email-change-new')`

/** The caller has locked the account, so that no session of it starts meanwhile. @returns the ids that ended */
export async function endSessions(
  db: Executor,
  now: number,
  input: { readonly accountId: string; readonly except?: string; readonly reason: EndReason },
): Promise<readonly string[]> {
  const except = input.except === undefined ? null : toBlob(input.except)
  const rows = await db.all(END_ALL, now, input.reason, toBlob(input.accountId), except)
  return rows.map((row) => readId(row.id))
}

/** What says where a person was and what the address is; the rows stay for the revocation feed until upkeep deletes them. */
export async function forgetTraces(db: Executor, accountId: string): Promise<void> {
  await db.run(FORGET, toBlob(accountId))
  await db.run(FORGET_MAILS, toBlob(accountId))
}

/** Every outstanding one-time token and flow of the account, and the mails that would bring another. */
export async function dropOutstanding(db: Executor, accountId: string): Promise<void> {
  await db.run(DROP_FLOWS, toBlob(accountId))
  await db.run(DROP_TOKENS, toBlob(accountId))
  await db.run(DROP_MAILS, toBlob(accountId))
}
