import { sql } from "../../core/statement.ts"
import { readAccount, toBlob } from "../rows.ts"
import type { Account } from "../store.ts"
import type { Executor } from "./executor.ts"

/**
 * One number per address, taken in the order of the numbers: two transactions that want the same two never wait for one
 * another in a ring. The seed keeps them apart from locks that other programs take in the same database.
 */
const LOCK_ADDRESSES = sql`
  SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(email, 5271009) AS key FROM unnest($1::text[]) AS email ORDER BY key OFFSET 0
  ) AS in_order`
const LOCK_ACCOUNT = sql`SELECT * FROM nightlatch.account WHERE id = $1 FOR UPDATE`
const LOCK_HOLDER = sql`SELECT * FROM nightlatch.account WHERE email = $1 FOR UPDATE`
const CREATE = sql`
  INSERT INTO nightlatch.account (id, email, password_hash, roles, epoch_at, created_at, verified_at)
  VALUES ($1, $2, $3, '[]', $4, $4, $4)
  ON CONFLICT (email) DO NOTHING`

/**
 * Until the transaction ends nobody else is registered by a mailbox, moves to, or mails one of these addresses. Taken
 * before any row is locked: addresses, then the account, then its sessions, then mails and flows.
 */
export async function lockAddresses(db: Executor, emails: readonly string[]): Promise<void> {
  await db.all(LOCK_ADDRESSES, emails)
}

/** The account as it is now, and stays until the transaction ends. */
export async function lockAccount(db: Executor, accountId: string): Promise<Account | undefined> {
  const row = await db.first(LOCK_ACCOUNT, toBlob(accountId))
  return row === undefined ? undefined : readAccount(row)
}

/** Whoever has the address, locked like the account it is. */
export async function lockHolder(db: Executor, email: string): Promise<Account | undefined> {
  const row = await db.first(LOCK_HOLDER, email)
  return row === undefined ? undefined : readAccount(row)
}

/** The account of a mailbox that was just proved. @returns false when the address became somebody's at the same moment */
export async function createProved(
  db: Executor,
  now: number,
  account: { readonly id: string; readonly email: string; readonly passwordHash: string | null },
): Promise<boolean> {
  const { changes } = await db.run(CREATE, toBlob(account.id), account.email, account.passwordHash, now)
  return changes > 0
}
