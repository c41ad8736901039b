import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { readSession, toBlob } from "../rows.ts"
import type { NewSession, Started, Store, StoredSession } from "../store.ts"
import { dropOutstanding, endSessions } from "./end.ts"
import { writeEvents } from "./events.ts"
import type { Executor } from "./executor.ts"
import { findAccount, findSession } from "./find.ts"
import { insertMail } from "./mail.ts"

const INSERT = sql`
  INSERT INTO session (id, account_id, created_at, absolute_end, idle_end, generation, current_hash, salt, transport,
    persistent, authenticated_at, methods, client, address_prefix)
  VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)`
const LIST = sql`
  SELECT * FROM session
  WHERE account_id = ? AND revoked_at IS NULL AND idle_end > ? AND absolute_end > ?
  ORDER BY created_at DESC, id`
const END = sql`
  UPDATE session SET revoked_at = ?, reason = ?
  WHERE id = ? AND account_id = ifnull(?, account_id) AND revoked_at IS NULL`
const SIGNED_IN = sql`
  UPDATE account SET failures = 0, password_hash = ifnull(?, password_hash)
  WHERE id = ? AND disabled_at IS NULL AND password_hash = ?`
const SET_PASSWORD = sql`
  UPDATE account SET failures = 0, password_hash = ?
  WHERE id = ? AND disabled_at IS NULL AND password_hash = ?`

type Begun = Extract<Started, { kind: "started" }>

export function startSession(
  db: Executor,
  now: number,
  input: Parameters<Store["startSession"]>[0],
): Started {
  const { changes } = db.run(SIGNED_IN, input.rehashed ?? null, toBlob(input.accountId), input.verifiedHash)
  if (changes === 0) return { kind: "refused" }
  replaceSession(db, now, input.replaces)
  writeEvents(db, now, input.events)
  return insertSession(db, now, input.accountId, input.session)
}

export function startTrustedSession(
  db: Executor,
  now: number,
  input: Parameters<Store["startTrustedSession"]>[0],
): Started {
  const account = findAccount(db, input.accountId)
  if (account === undefined || account.disabledAt !== null) return { kind: "refused" }
  writeEvents(db, now, input.events)
  return insertSession(db, now, input.accountId, input.session)
}

export function changePassword(
  db: Executor,
  now: number,
  input: Parameters<Store["changePassword"]>[0],
): Awaited<ReturnType<Store["changePassword"]>> {
  const { changes } = db.run(SET_PASSWORD, input.passwordHash, toBlob(input.accountId), input.verifiedHash)
  if (changes === 0) return { kind: "refused" }
  const revoked = endSessions(db, now, { accountId: input.accountId, reason: "password" })
  dropOutstanding(db, input.accountId)
  writeEvents(db, now, input.events)
  insertMail(db, now, input.mail)
  const started = insertSession(db, now, input.accountId, input.session)
  return { ...started, revoked }
}

/** The session whose cookie came with a sign-in ends with it. */
export function replaceSession(db: Executor, now: number, sessionId: string | undefined): void {
  if (sessionId === undefined) return
  revokeSession(db, now, { sessionId, reason: "replaced", events: [{ type: "session.replaced", sessionId }] })
}

/** The first row of a session: generation 1, never rotated. */
export function insertSession(db: Executor, now: number, accountId: string, session: NewSession): Begun {
  db.run(
    INSERT,
    toBlob(session.id),
    toBlob(accountId),
    now,
    now + session.absoluteMs,
    now + session.idleMs,
    session.hash,
    session.salt,
    session.transport,
    session.persistent ? 1 : 0,
    now,
    JSON.stringify(session.methods),
    session.client,
    session.addressPrefix,
  )
  const [account, stored] = [findAccount(db, accountId), findSession(db, session.id)]
  if (account === undefined || stored === undefined) throw new UnavailableError("a session was not stored")
  return { kind: "started", account, session: stored }
}

export function listSessions(db: Executor, now: number, accountId: string): readonly StoredSession[] {
  return db.all(LIST, toBlob(accountId), now, now).map(readSession)
}

export function revokeSession(
  db: Executor,
  now: number,
  input: Parameters<Store["revokeSession"]>[0],
): { revoked: boolean } {
  const session = findSession(db, input.sessionId)
  const owner = input.accountId === undefined ? null : toBlob(input.accountId)
  const { changes } = db.run(END, now, input.reason, toBlob(input.sessionId), owner)
  if (changes > 0) writeEvents(db, now, input.events, session?.accountId)
  return { revoked: changes > 0 }
}

export function revokeSessions(
  db: Executor,
  now: number,
  input: Parameters<Store["revokeSessions"]>[0],
): { revoked: readonly string[] } {
  const revoked = endSessions(db, now, input)
  dropOutstanding(db, input.accountId)
  writeEvents(db, now, input.events, input.accountId)
  if (input.mail !== undefined) insertMail(db, now, input.mail)
  return { revoked }
}
