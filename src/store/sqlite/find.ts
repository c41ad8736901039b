import { sql } from "../../core/statement.ts"
import { readAccount, readSession, toBlob } from "../rows.ts"
import type { Account, StoredSession } from "../store.ts"
import type { Executor } from "./executor.ts"

const ACCOUNT = sql`SELECT * FROM account WHERE id = ?`
const ACCOUNT_BY_EMAIL = sql`SELECT * FROM account WHERE email = ?`
const SESSION = sql`SELECT * FROM session WHERE id = ?`

export function findAccount(db: Executor, accountId: string): Account | undefined {
  const row = db.first(ACCOUNT, toBlob(accountId))
  return row === undefined ? undefined : readAccount(row)
}

export function findAccountByEmail(db: Executor, email: string): Account | undefined {
  const row = db.first(ACCOUNT_BY_EMAIL, email)
  return row === undefined ? undefined : readAccount(row)
}

export function findSession(db: Executor, sessionId: string): StoredSession | undefined {
  const row = db.first(SESSION, toBlob(sessionId))
  return row === undefined ? undefined : readSession(row)
}
