import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { readSession, toBlob } from "../rows.ts"
import type { NewSession, Started, Store } from "../store.ts"
import { toRecords } from "./events.ts"
import type { Executor } from "./executor.ts"
import { findAccount } from "./find.ts"

const INSERT = sql`
  INSERT INTO nightlatch.session (id, account_id, created_at, absolute_end, idle_end, generation, current_hash, salt,
    transport, persistent, authenticated_at, methods, client, address_prefix)
  VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $3, $10, $11, $12)
  RETURNING *`
/** The account's id goes into the events that do not name one. */
const END = sql`
  WITH ended AS (
    UPDATE nightlatch.session
    SET revoked_at = coalesce($1, nightlatch.now_ms()), reason = $2, revoked_xid = pg_current_xact_id()
    WHERE id = $3 AND ($4::bytea IS NULL OR account_id = $4) AND revoked_at IS NULL
    RETURNING account_id, revoked_at
  ), told AS (
    INSERT INTO nightlatch.event (at, type, account_id, session_id, address_prefix, client, detail)
    SELECT ended.revoked_at, told.type, coalesce(decode(told.account_id, 'hex'), ended.account_id),
      decode(told.session_id, 'hex'), told.address_prefix, told.client, told.detail
    FROM ended, jsonb_to_recordset($5::jsonb) AS told (type text, account_id text, session_id text,
      address_prefix text, client text, detail jsonb)
  )
  SELECT FROM ended`

export type Begun = Extract<Started, { kind: "started" }>

/** The session whose cookie came with a sign-in ends with it. */
export async function replaceSession(
  db: Executor,
  now: number,
  sessionId: string | undefined,
): Promise<void> {
  if (sessionId === undefined) return
  const events = [{ type: "session.replaced", sessionId }] as const
  await endSession(db, now, { sessionId, reason: "replaced", events })
}

/** @param now null: the moment of the statement */
async function endSession(
  db: Executor,
  now: number | null,
  input: Parameters<Store["revokeSession"]>[0],
): Promise<{ revoked: boolean }> {
  const owner = input.accountId === undefined ? null : toBlob(input.accountId)
  const rows = await db.all(END, now, input.reason, toBlob(input.sessionId), owner, toRecords(input.events))
  return { revoked: rows.length > 0 }
}

/** The first row of a session: generation 1, never rotated. The caller has locked the account and found it enabled. */
export async function insertSession(
  db: Executor,
  now: number,
  accountId: string,
  session: NewSession,
): Promise<Begun> {
  const row = await db.first(
    INSERT,
    toBlob(session.id),
    toBlob(accountId),
    now,
    now + session.absoluteMs,
    now + session.idleMs,
    session.hash,
    session.salt,
    session.transport,
    session.persistent,
    JSON.stringify(session.methods),
    session.client,
    session.addressPrefix,
  )
  const account = await findAccount(db, accountId)
  if (account === undefined || row === undefined) throw new UnavailableError("a session was not stored")
  return { kind: "started", account, session: readSession(row) }
}
