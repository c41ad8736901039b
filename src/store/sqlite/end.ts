import { sql } from "../../core/statement.ts"
import { readId, toBlob } from "../rows.ts"
import type { EndReason } from "../store.ts"
import type { Executor } from "./executor.ts"

const END_ALL = sql`
  UPDATE session SET revoked_at = ?, reason = ?
  WHERE account_id = ? AND id <> ? AND revoked_at IS NULL RETURNING id`
const FORGET = sql`UPDATE session SET client = '', address_prefix = '' WHERE account_id = ?`
/** The rows stay for the limit on all mails; nothing is sent any more. */
const FORGET_MAILS = sql`
  UPDATE outbox SET email = '', due_at = NULL, leased = 0
  WHERE account_id = ?1 OR email = (SELECT email FROM account WHERE id = ?1)`
const DROP_FLOWS = sql`
  DELETE FROM mail_flow
  WHERE account_id = ?1 OR email = (SELECT email FROM account WHERE id = ?1)`
const DROP_TOKENS = sql`
  DELETE FROM one_time_token
  WHERE account_id = ?1 OR email = (SELECT email FROM account WHERE id = ?1)`
/** Mails under way keep their row, which counts for the limits, but are not sent any more. Notices are. */
const DROP_MAILS = sql`
  UPDATE outbox SET due_at = NULL, leased = 0
  WHERE account_id = ? AND due_at IS NOT NULL AND purpose IN
    ('register', 'already-registered', 'invite', 'reset', 'email-link', 'email-change-old', 'email-change-new')`

const NONE = new Uint8Array(0)

export function endSessions(
  db: Executor,
  now: number,
  input: { readonly accountId: string; readonly except?: string; readonly reason: EndReason },
): readonly string[] {
  const except = input.except === undefined ? NONE : toBlob(input.except)
  return db.all(END_ALL, now, input.reason, toBlob(input.accountId), except).map((row) => readId(row.id))
}

/** What says where a person was and what the address is; the rows stay for the revocation feed until upkeep deletes them. */
export function forgetTraces(db: Executor, accountId: string): void {
  db.run(FORGET, toBlob(accountId))
  db.run(FORGET_MAILS, toBlob(accountId))
}

/** Every outstanding one-time token and flow of the account, and the mails that would bring another. */
export function dropOutstanding(db: Executor, accountId: string): void {
  db.run(DROP_FLOWS, toBlob(accountId))
  db.run(DROP_TOKENS, toBlob(accountId))
  db.run(DROP_MAILS, toBlob(accountId))
}
