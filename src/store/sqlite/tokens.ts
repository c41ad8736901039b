import { sql } from "../../core/statement.ts"
import { readIdOrNull, toBlob } from "../rows.ts"
import type { OneTimeToken, Store, TokenPurpose } from "../store.ts"
import { dropOutstanding, endSessions } from "./end.ts"
import { writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { findAccount, findAccountByEmail } from "./find.ts"
import { insertMail } from "./mail.ts"
import { insertSession, replaceSession } from "./sessions.ts"

const FIND = sql`SELECT * FROM one_time_token WHERE hash = ? AND purpose = ? AND expires_at > ?`
const REDEEM = sql`DELETE FROM one_time_token WHERE hash = ? AND purpose = ? AND expires_at > ? RETURNING *`
const CREATE = sql`
  INSERT INTO account (id, email, password_hash, roles, epoch_at, created_at, verified_at)
  VALUES (?, ?, ?, '[]', ?, ?, ?)`
const COMPLETE = sql`
  UPDATE account SET password_hash = ?, verified_at = ?, failures = 0
  WHERE id = ? AND verified_at IS NULL AND disabled_at IS NULL`
const RESET = sql`
  UPDATE account SET password_hash = ?, verified_at = ifnull(verified_at, ?), failures = 0
  WHERE id = ? AND disabled_at IS NULL`

export function findToken(
  db: Executor,
  now: number,
  input: Parameters<Store["findToken"]>[0],
): OneTimeToken | undefined {
  const row = db.first(FIND, input.hash, input.purpose, now)
  return row === undefined ? undefined : readToken(row)
}

export function completeRegistration(
  db: Executor,
  now: number,
  input: Parameters<Store["completeRegistration"]>[0],
): Awaited<ReturnType<Store["completeRegistration"]>> {
  const token = redeem(db, now, input.token)
  if (token === undefined) return { kind: "refused" }
  const known = findAccountByEmail(db, token.email)
  const accountId = known?.id ?? input.newAccountId
  if (known === undefined) {
    // An invitation that was deleted or disabled meanwhile does not come back as a new account.
    if (token.accountId !== null) return { kind: "refused" }
    db.run(CREATE, toBlob(accountId), token.email, input.passwordHash, now, now, now)
  } else if (db.run(COMPLETE, input.passwordHash, now, toBlob(known.id)).changes === 0) {
    return { kind: "refused" }
  }
  dropOutstanding(db, accountId)
  replaceSession(db, now, input.replaces)
  writeEvents(db, now, input.events(accountId))
  return insertSession(db, now, accountId, input.session)
}

export function resetPassword(
  db: Executor,
  now: number,
  input: Parameters<Store["resetPassword"]>[0],
): Awaited<ReturnType<Store["resetPassword"]>> {
  const token = redeem(db, now, input.token)
  if (token?.accountId === undefined || token.accountId === null) return { kind: "refused" }
  const { changes } = db.run(RESET, input.passwordHash, now, toBlob(token.accountId))
  const account = changes === 0 ? undefined : findAccount(db, token.accountId)
  if (account === undefined) return { kind: "refused" }
  const revoked = endSessions(db, now, { accountId: account.id, reason: "reset" })
  dropOutstanding(db, account.id)
  writeEvents(db, now, input.events(account.id))
  insertMail(db, now, input.mail(account))
  return { kind: "reset", account, revoked }
}

function redeem(
  db: Executor,
  now: number,
  token: { readonly hash: Uint8Array; readonly purpose: TokenPurpose },
): OneTimeToken | undefined {
  const row = db.first(REDEEM, token.hash, token.purpose, now)
  return row === undefined ? undefined : readToken(row)
}

function readToken(row: Row): OneTimeToken {
  return {
    purpose: row.purpose === "reset" ? "reset" : "register",
    email: String(row.email),
    accountId: readIdOrNull(row.account_id),
    expiresAt: Number(row.expires_at),
  }
}
