import { sql } from "../../core/statement.ts"
import { readAccount, toBlob } from "../rows.ts"
import type { Account, Changed, ImportedAccount, Store } from "../store.ts"
import { dropOutstanding, endSessions, forgetTraces } from "./end.ts"
import { countEvent, writeEvents } from "./events.ts"
import type { Executor } from "./executor.ts"
import { findAccount } from "./find.ts"
import { insertMail } from "./mail.ts"

const LIST = sql`
  SELECT * FROM account
  WHERE (created_at, id) > (ifnull((SELECT created_at FROM account WHERE id = ?), -1), ?)
  ORDER BY created_at, id LIMIT ?`
const INSERT = sql`
  INSERT INTO account (id, email, password_hash, roles, epoch_at, created_at, verified_at)
  VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
const IMPORT = sql`
  INSERT INTO account (id, email, password_hash, roles, epoch_at, created_at, verified_at, disabled_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
/** The condition is that of its index. */
const COUNT_FOREIGN = sql`SELECT count(*) AS n FROM account WHERE substr(password_hash, 1, 10) <> '$argon2id$'`
const SET_ROLES = sql`UPDATE account SET roles = ?, epoch = epoch + 1, epoch_at = ? WHERE id = ?`
const SET_DISABLED = sql`UPDATE account SET disabled_at = ?, epoch = epoch + 1, epoch_at = ? WHERE id = ?`
const DELETE = sql`DELETE FROM account WHERE id = ?`
const DELETE_IDENTITIES = sql`DELETE FROM identity WHERE account_id = ?`
const SCHEDULE = sql`UPDATE account SET deletion_at = ? WHERE id = ?`
const DUE_DELETIONS = sql`SELECT * FROM account WHERE deletion_at <= ? ORDER BY deletion_at LIMIT ?`
const FAIL = sql`UPDATE account SET failures = failures + 1 WHERE id = ? RETURNING failures`

export function listAccounts(db: Executor, page: Parameters<Store["listAccounts"]>[0]): readonly Account[] {
  const after = toBlob(page.after ?? "")
  return db.all(LIST, after, after, page.limit).map(readAccount)
}

export function createAccount(
  db: Executor,
  now: number,
  input: Parameters<Store["createAccount"]>[0],
): Awaited<ReturnType<Store["createAccount"]>> {
  const roles = JSON.stringify(input.roles)
  const verifiedAt = input.verified ? now : null
  const { changes } = db.run(
    INSERT,
    toBlob(input.id),
    input.email,
    input.passwordHash,
    roles,
    now,
    now,
    verifiedAt,
  )
  const account = changes === 0 ? undefined : findAccount(db, input.id)
  if (account === undefined) return { kind: "taken" }
  writeEvents(db, now, input.events)
  if (input.mail !== undefined) insertMail(db, now, input.mail)
  return { kind: "created", account }
}

export function importAccounts(
  db: Executor,
  now: number,
  input: readonly ImportedAccount[],
): Awaited<ReturnType<Store["importAccounts"]>> {
  return input.map((account) => {
    const { changes } = db.run(
      IMPORT,
      toBlob(account.id),
      account.email,
      account.passwordHash,
      JSON.stringify(account.roles),
      now,
      Math.min(account.createdAt ?? now, now),
      account.verified ? now : null,
      account.disabled ? now : null,
    )
    if (changes === 0) return "taken"
    writeEvents(db, now, account.events)
    return "created"
  })
}

export function countForeignHashes(db: Executor): number {
  return Number(db.first(COUNT_FOREIGN)?.n)
}

export function setRoles(db: Executor, now: number, input: Parameters<Store["setRoles"]>[0]): Changed {
  const { changes } = db.run(SET_ROLES, JSON.stringify(input.roles), now, toBlob(input.accountId))
  return finishChange(db, now, input, changes)
}

export function setDisabled(db: Executor, now: number, input: Parameters<Store["setDisabled"]>[0]): Changed {
  const { changes } = db.run(SET_DISABLED, input.disabled ? now : null, now, toBlob(input.accountId))
  if (changes === 0 || !input.disabled) return finishChange(db, now, input, changes)
  const revoked = endSessions(db, now, { accountId: input.accountId, reason: "disabled" })
  dropOutstanding(db, input.accountId)
  return finishChange(db, now, input, changes, revoked)
}

export function deleteAccount(
  db: Executor,
  now: number,
  input: Parameters<Store["deleteAccount"]>[0],
): Changed {
  const account = findAccount(db, input.accountId)
  if (account === undefined) return { kind: "unknown" }
  const revoked = endSessions(db, now, { accountId: account.id, reason: "deleted" })
  forgetTraces(db, account.id)
  dropOutstanding(db, account.id)
  db.run(DELETE_IDENTITIES, toBlob(account.id))
  db.run(DELETE, toBlob(account.id))
  writeEvents(db, now, input.events)
  return { kind: "changed", account, revoked }
}

export function scheduleDeletion(
  db: Executor,
  now: number,
  input: Parameters<Store["scheduleDeletion"]>[0],
): Changed {
  const at = input.delayMs === null ? null : now + input.delayMs
  const { changes } = db.run(SCHEDULE, at, toBlob(input.accountId))
  if (changes > 0 && input.mail !== undefined) insertMail(db, now, input.mail)
  return finishChange(db, now, input, changes)
}

export function listDueDeletions(db: Executor, now: number, limit: number): readonly Account[] {
  return db.all(DUE_DELETIONS, now, limit).map(readAccount)
}

export function countFailure(db: Executor, now: number, input: Parameters<Store["countFailure"]>[0]): void {
  countEvent(db, now, input.event)
  // For an unknown account the same statement runs and matches nothing.
  const row = db.first(FAIL, toBlob(input.accountId ?? ""))
  if (row !== undefined && Number(row.failures) === input.closesAt) writeEvents(db, now, [input.closedEvent])
}

function finishChange(
  db: Executor,
  now: number,
  input: Parameters<Store["deleteAccount"]>[0],
  changes: number,
  revoked: readonly string[] = [],
): Changed {
  const account = changes === 0 ? undefined : findAccount(db, input.accountId)
  if (account === undefined) return { kind: "unknown" }
  writeEvents(db, now, input.events)
  return { kind: "changed", account, revoked }
}
