import { sql } from "../../core/statement.ts"
import { readId, toBlob } from "../rows.ts"
import type { Identity, NewIdentity, Started, Store } from "../store.ts"
import { createProved, lockAccount, lockAddresses } from "./address.ts"
import { dropOutstanding } from "./end.ts"
import { writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { findAccountByEmail, readNow } from "./find.ts"
import { insertMail } from "./mail.ts"
import { insertSession, replaceSession } from "./sessions.ts"

const FIND = sql`SELECT * FROM nightlatch.identity WHERE issuer = $1 AND subject = $2`
const LIST = sql`SELECT * FROM nightlatch.identity WHERE account_id = $1 ORDER BY created_at, id`
/**
 * Waits for another transaction that inserts the same identity, and yields to it if it commits. Without a named constraint,
 * since of two that are the same in every column either index may be the first to notice.
 */
const INSERT = sql`
  INSERT INTO nightlatch.identity
    (issuer, subject, id, account_id, provider, email, tokens, created_at, last_used_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
  ON CONFLICT DO NOTHING`
const USE = sql`
  UPDATE nightlatch.identity SET last_used_at = $1, tokens = coalesce($2, tokens)
  WHERE issuer = $3 AND subject = $4 AND account_id = $5`
const TOKENS = sql`SELECT tokens FROM nightlatch.identity WHERE id = $1`
const DELETE = sql`DELETE FROM nightlatch.identity WHERE account_id = $1 AND id = $2`
const REDEEM_STATE = sql`
  INSERT INTO nightlatch.redeemed_state (hash, expires_at) VALUES ($1, nightlatch.now_ms() + $2::bigint)
  ON CONFLICT DO NOTHING`
const PROVED = sql`
  UPDATE nightlatch.account SET verified_at = coalesce(verified_at, $1) WHERE id = $2 AND disabled_at IS NULL`

type Key = { readonly issuer: string; readonly subject: string }

export async function findIdentity(db: Executor, key: Key): Promise<Identity | undefined> {
  const row = await db.first(FIND, key.issuer, key.subject)
  return row === undefined ? undefined : readIdentity(row)
}

export async function listIdentities(db: Executor, accountId: string): Promise<readonly Identity[]> {
  return (await db.all(LIST, toBlob(accountId))).map(readIdentity)
}

export async function findTokens(db: Executor, identityId: string): Promise<Uint8Array | undefined> {
  const tokens = (await db.first(TOKENS, toBlob(identityId)))?.tokens
  return tokens instanceof Uint8Array ? tokens : undefined
}

/** Of all that present it, whoever inserts the row. */
export async function redeemState(
  db: Executor,
  input: Parameters<Store["redeemState"]>[0],
): ReturnType<Store["redeemState"]> {
  const { changes } = await db.run(REDEEM_STATE, input.hash, input.lifetimeMs)
  return { fresh: changes === 1 }
}

export async function signInByIdentity(
  db: Executor,
  input: Parameters<Store["signInByIdentity"]>[0],
): Promise<Started> {
  const identity = await findIdentity(db, input)
  const account = identity === undefined ? undefined : await lockAccount(db, identity.accountId)
  if (account === undefined || account.disabledAt !== null) return { kind: "refused" }
  const now = await readNow(db)
  const { issuer, subject, tokens } = input
  // Unlinked while the account was waited for.
  const { changes } = await db.run(USE, now, tokens, issuer, subject, toBlob(account.id))
  if (changes === 0) return { kind: "refused" }
  await replaceSession(db, now, input.replaces)
  await writeEvents(db, now, input.events(account.id))
  return insertSession(db, now, account.id, input.session)
}

export async function createByIdentity(
  db: Executor,
  input: Parameters<Store["createByIdentity"]>[0],
): Promise<Started> {
  const { identity, newAccountId, email } = input
  await lockAddresses(db, [email])
  if ((await findAccountByEmail(db, email)) !== undefined) return { kind: "refused" }
  const now = await readNow(db)
  if (!(await insert(db, now, newAccountId, identity))) return { kind: "refused" }
  if (!(await createProved(db, now, { id: newAccountId, email, passwordHash: null }))) {
    // The address became somebody's at this moment: nothing of this may stay.
    await db.run(DELETE, toBlob(newAccountId), toBlob(identity.id))
    return { kind: "refused" }
  }
  // A registration that somebody asked for in the name of this address is settled.
  await dropOutstanding(db, newAccountId)
  await replaceSession(db, now, input.replaces)
  await writeEvents(db, now, input.events(newAccountId))
  return insertSession(db, now, newAccountId, input.session)
}

export async function linkIdentity(
  db: Executor,
  input: Parameters<Store["linkIdentity"]>[0],
): ReturnType<Store["linkIdentity"]> {
  const { accountId, identity } = input
  const account = await lockAccount(db, accountId)
  const whose = async () => {
    const known = await findIdentity(db, identity)
    return known === undefined ? undefined : known.accountId === accountId ? "linked" : "taken"
  }
  const known = await whose()
  if (known !== undefined) return { kind: known }
  if (account === undefined || account.disabledAt !== null) return { kind: "unknown" }
  const now = await readNow(db)
  // Another account was faster; that it has given the identity up again since is as good as not having asked.
  if (!(await insert(db, now, accountId, identity))) return { kind: (await whose()) ?? "taken" }
  await db.run(PROVED, now, toBlob(accountId))
  await writeEvents(db, now, input.events)
  await insertMail(db, now, input.mail)
  return { kind: "linked" }
}

export async function unlinkIdentity(
  db: Executor,
  input: Parameters<Store["unlinkIdentity"]>[0],
): ReturnType<Store["unlinkIdentity"]> {
  // Under the account's lock the ways in are counted one removal at a time.
  const account = await lockAccount(db, input.accountId)
  const identities = await listIdentities(db, input.accountId)
  if (account === undefined || !identities.some(({ id }) => id === input.identityId))
    return { kind: "unknown" }
  const others = identities.length - 1 + (account.passwordHash === null ? 0 : 1) + (input.mailIsWayIn ? 1 : 0)
  if (others === 0) return { kind: "last" }
  await db.run(DELETE, toBlob(input.accountId), toBlob(input.identityId))
  const now = await readNow(db)
  await writeEvents(db, now, input.events)
  await insertMail(db, now, input.mail)
  return { kind: "unlinked" }
}

async function insert(db: Executor, now: number, accountId: string, identity: NewIdentity): Promise<boolean> {
  const { changes } = await db.run(
    INSERT,
    identity.issuer,
    identity.subject,
    toBlob(identity.id),
    toBlob(accountId),
    identity.provider,
    identity.email,
    identity.tokens,
    now,
  )
  return changes > 0
}

function readIdentity(row: Row): Identity {
  return {
    id: readId(row.id),
    accountId: readId(row.account_id),
    issuer: String(row.issuer),
    subject: String(row.subject),
    provider: String(row.provider),
    email: typeof row.email === "string" ? row.email : null,
    createdAt: Number(row.created_at),
    lastUsedAt: Number(row.last_used_at),
  }
}
