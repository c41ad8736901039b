import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { readOwner, readSession, toBlob } from "../rows.ts"
import type { NewSession, Started, Store, StoredSession } from "../store.ts"
import { lockAccount } from "./address.ts"
import { dropOutstanding, endSessions } from "./end.ts"
import { toRecords, writeEvents } from "./events.ts"
import type { Executor, Value } from "./executor.ts"
import { findAccount, readNow } from "./find.ts"
import { insertMail } from "./mail.ts"

/**
 * The whole sign-in. The update waits for whoever holds the account and then looks again, so that after a password change,
 * a disablement or a deletion no session starts; and who does one of these afterwards waits for this, and ends the session.
 */
const START = sql`
  WITH signed AS (
    UPDATE nightlatch.account SET failures = 0, password_hash = coalesce($3, password_hash)
    WHERE id = $1 AND disabled_at IS NULL AND password_hash = $2
    RETURNING *
  ), owner AS MATERIALIZED (
    SELECT signed.*, nightlatch.now_ms() AS now FROM signed
  ), replaced AS (
    UPDATE nightlatch.session
    SET revoked_at = owner.now, reason = 'replaced', revoked_xid = pg_current_xact_id()
    FROM owner WHERE session.id = $4 AND session.revoked_at IS NULL
    RETURNING session.id, session.account_id, session.revoked_at
  ), told_first AS (
    INSERT INTO nightlatch.event (at, type, account_id, session_id)
    SELECT revoked_at, 'session.replaced', account_id, id FROM replaced
  ), told AS (
    INSERT INTO nightlatch.event (at, type, account_id, session_id, address_prefix, client, detail)
    SELECT owner.now, told.type, decode(told.account_id, 'hex'), decode(told.session_id, 'hex'), told.address_prefix,
      told.client, told.detail
    FROM owner, jsonb_to_recordset($5::jsonb) AS told (type text, account_id text, session_id text,
      address_prefix text, client text, detail jsonb)
  ), started AS (
    INSERT INTO nightlatch.session (id, account_id, created_at, absolute_end, idle_end, generation, current_hash, salt,
      transport, persistent, authenticated_at, methods, client, address_prefix)
    SELECT $6, owner.id, owner.now, owner.now + $7::bigint, owner.now + $8::bigint, 1, $9, $10, $11, $12, owner.now,
      $13::jsonb, $14, $15
    FROM owner
    RETURNING *
  )
  SELECT started.*, owner.email AS account_email, owner.password_hash AS account_password_hash,
    owner.roles AS account_roles, owner.epoch AS account_epoch, owner.failures AS account_failures,
    owner.created_at AS account_created_at, owner.verified_at AS account_verified_at,
    owner.disabled_at AS account_disabled_at, owner.deletion_at AS account_deletion_at
  FROM started, owner`

const INSERT = sql`
  INSERT INTO nightlatch.session (id, account_id, created_at, absolute_end, idle_end, generation, current_hash, salt,
    transport, persistent, authenticated_at, methods, client, address_prefix)
  VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $3, $10, $11, $12)
  RETURNING *`
const LIST = sql`
  WITH clock AS MATERIALIZED (SELECT nightlatch.now_ms() AS now)
  SELECT session.* FROM nightlatch.session, clock
  WHERE account_id = $1 AND revoked_at IS NULL AND idle_end > now AND absolute_end > now
  ORDER BY created_at DESC, id`
const SET_PASSWORD = sql`
  UPDATE nightlatch.account SET failures = 0, password_hash = $1
  WHERE id = $2 AND disabled_at IS NULL AND password_hash = $3`
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

type Begun = Extract<Started, { kind: "started" }>

export async function startSession(
  db: Executor,
  input: Parameters<Store["startSession"]>[0],
): Promise<Started> {
  const { session, replaces } = input
  const row = await db.first(
    START,
    toBlob(input.accountId),
    input.verifiedHash,
    input.rehashed ?? null,
    replaces === undefined ? null : toBlob(replaces),
    toRecords(input.events),
    toBlob(session.id),
    session.absoluteMs,
    session.idleMs,
    ...aboutOf(session),
  )
  if (row === undefined) return { kind: "refused" }
  return { kind: "started", account: readOwner(row), session: readSession(row) }
}

function aboutOf(session: NewSession): readonly Value[] {
  const { hash, salt, transport, persistent, methods, client, addressPrefix } = session
  return [hash, salt, transport, persistent, JSON.stringify(methods), client, addressPrefix]
}

export async function startTrustedSession(
  db: Executor,
  input: Parameters<Store["startTrustedSession"]>[0],
): Promise<Started> {
  const account = await lockAccount(db, input.accountId)
  if (account === undefined || account.disabledAt !== null) return { kind: "refused" }
  const now = await readNow(db)
  await writeEvents(db, now, input.events)
  return insertSession(db, now, input.accountId, input.session)
}

export async function changePassword(
  db: Executor,
  input: Parameters<Store["changePassword"]>[0],
): ReturnType<Store["changePassword"]> {
  const { accountId } = input
  const { changes } = await db.run(SET_PASSWORD, input.passwordHash, toBlob(accountId), input.verifiedHash)
  if (changes === 0) return { kind: "refused" }
  const now = await readNow(db)
  const revoked = await endSessions(db, now, { accountId, reason: "password" })
  await dropOutstanding(db, accountId)
  await writeEvents(db, now, input.events)
  await insertMail(db, now, input.mail)
  return { ...(await insertSession(db, now, accountId, input.session)), revoked }
}

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
    ...aboutOf(session),
  )
  const account = await findAccount(db, accountId)
  if (account === undefined || row === undefined) throw new UnavailableError("a session was not stored")
  return { kind: "started", account, session: readSession(row) }
}

export async function listSessions(db: Executor, accountId: string): Promise<readonly StoredSession[]> {
  return (await db.all(LIST, toBlob(accountId))).map(readSession)
}

export function revokeSession(
  db: Executor,
  input: Parameters<Store["revokeSession"]>[0],
): ReturnType<Store["revokeSession"]> {
  return endSession(db, null, input)
}

export async function revokeSessions(
  db: Executor,
  input: Parameters<Store["revokeSessions"]>[0],
): ReturnType<Store["revokeSessions"]> {
  const { accountId } = input
  await lockAccount(db, accountId)
  const now = await readNow(db)
  const revoked = await endSessions(db, now, input)
  await dropOutstanding(db, accountId)
  await writeEvents(db, now, input.events, accountId)
  if (input.mail !== undefined) await insertMail(db, now, input.mail)
  return { revoked }
}
