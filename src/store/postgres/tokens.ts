import { sql } from "../../core/statement.ts"
import { readIdOrNull, toBlob } from "../rows.ts"
import type { Account, OneTimeToken, Store, TokenKey } from "../store.ts"
import { createProved, lockAccount, lockAddresses, lockHolder } from "./address.ts"
import { dropOutstanding, endSessions } from "./end.ts"
import { writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { readNow } from "./find.ts"
import { insertMail } from "./mail.ts"
import { insertSession, replaceSession } from "./sessions.ts"

const FIND = sql`
  SELECT * FROM nightlatch.one_time_token WHERE hash = $1 AND purpose = $2 AND expires_at > nightlatch.now_ms()`
const REDEEM = sql`
  DELETE FROM nightlatch.one_time_token WHERE hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING *`
const COMPLETE = sql`
  UPDATE nightlatch.account SET password_hash = $1, verified_at = $2, failures = 0
  WHERE id = $3 AND verified_at IS NULL AND disabled_at IS NULL`
const RESET = sql`
  UPDATE nightlatch.account SET password_hash = $1, verified_at = coalesce(verified_at, $2), failures = 0
  WHERE id = $3 AND disabled_at IS NULL`

export async function findToken(db: Executor, input: TokenKey): Promise<OneTimeToken | undefined> {
  const row = await db.first(FIND, input.hash, input.purpose)
  return row === undefined ? undefined : readToken(row)
}

export async function completeRegistration(
  db: Executor,
  input: Parameters<Store["completeRegistration"]>[0],
): ReturnType<Store["completeRegistration"]> {
  // Only to learn whom to lock: it is redeemed under the lock, by one of all that present it.
  const seen = await findToken(db, input.token)
  if (seen === undefined) return { kind: "refused" }
  await lockAddresses(db, [seen.email])
  const holder = await lockHolder(db, seen.email)
  const now = await readNow(db)
  const token = await redeem(db, now, input.token)
  if (token === undefined) return { kind: "refused" }
  const accountId = await settle(db, now, token, holder, input)
  if (accountId === undefined) return { kind: "refused" }
  await dropOutstanding(db, accountId)
  await replaceSession(db, now, input.replaces)
  await writeEvents(db, now, input.events(accountId))
  return insertSession(db, now, accountId, input.session)
}

/** Creates the account or completes the invitation; undefined when neither may be. */
async function settle(
  db: Executor,
  now: number,
  token: OneTimeToken,
  holder: Account | undefined,
  input: { readonly newAccountId: string; readonly passwordHash: string },
): Promise<string | undefined> {
  const { newAccountId: id, passwordHash } = input
  let known = holder
  if (known === undefined) {
    // An invitation that was deleted or disabled meanwhile does not come back as a new account.
    if (token.accountId !== null) return undefined
    if (await createProved(db, now, { id, email: token.email, passwordHash })) return id
    // Invited or created by an administrator at this moment.
    known = await lockHolder(db, token.email)
  }
  if (known === undefined) return undefined
  const { changes } = await db.run(COMPLETE, passwordHash, now, toBlob(known.id))
  return changes === 0 ? undefined : known.id
}

export async function resetPassword(
  db: Executor,
  input: Parameters<Store["resetPassword"]>[0],
): ReturnType<Store["resetPassword"]> {
  const accountId = (await findToken(db, input.token))?.accountId
  if (accountId === undefined) return { kind: "refused" }
  if (accountId !== null) await lockAccount(db, accountId)
  const now = await readNow(db)
  const token = await redeem(db, now, input.token)
  if (token === undefined || token.accountId === null) return { kind: "refused" }
  const { changes } = await db.run(RESET, input.passwordHash, now, toBlob(token.accountId))
  // Read again, with the hash and the proof of this moment.
  const account = changes === 0 ? undefined : await lockAccount(db, token.accountId)
  if (account === undefined) return { kind: "refused" }
  const revoked = await endSessions(db, now, { accountId: account.id, reason: "reset" })
  await dropOutstanding(db, account.id)
  await writeEvents(db, now, input.events(account.id))
  await insertMail(db, now, input.mail(account))
  return { kind: "reset", account, revoked }
}

async function redeem(db: Executor, now: number, token: TokenKey): Promise<OneTimeToken | undefined> {
  const row = await db.first(REDEEM, token.hash, token.purpose, now)
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
