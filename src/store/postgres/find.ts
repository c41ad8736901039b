import { sql } from "../../core/statement.ts"
import { readAccount, readSession, toBlob } from "../rows.ts"
import type { Account, StoredSession } from "../store.ts"
import type { Executor } from "./executor.ts"

const ACCOUNT = sql`SELECT * FROM nightlatch.account WHERE id = $1`
const ACCOUNT_BY_EMAIL = sql`SELECT * FROM nightlatch.account WHERE email = $1`
const SESSION = sql`SELECT * FROM nightlatch.session WHERE id = $1`
const NOW = sql`SELECT nightlatch.now_ms() AS now`

export async function findAccount(db: Executor, accountId: string): Promise<Account | undefined> {
  const row = await db.first(ACCOUNT, toBlob(accountId))
  return row === undefined ? undefined : readAccount(row)
}

export async function findAccountByEmail(db: Executor, email: string): Promise<Account | undefined> {
  const row = await db.first(ACCOUNT_BY_EMAIL, email)
  return row === undefined ? undefined : readAccount(row)
}

export async function findSession(db: Executor, sessionId: string): Promise<StoredSession | undefined> {
  const row = await db.first(SESSION, toBlob(sessionId))
  return row === undefined ? undefined : readSession(row)
}

/** The database's clock at this moment, not at the start of the transaction: ask after the lock. */
export async function readNow(db: Executor): Promise<number> {
  return Number((await db.first(NOW))?.now)
}
