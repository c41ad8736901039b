import { sql } from "../../core/statement.ts"
import { readId, toBlob } from "../rows.ts"
import type { Identity, NewIdentity, Started, Store } from "../store.ts"
import { dropOutstanding } from "./end.ts"
import { writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { findAccount, findAccountByEmail } from "./find.ts"
import { insertMail } from "./mail.ts"
import { insertSession, replaceSession } from "./sessions.ts"

const FIND = sql`SELECT * FROM identity WHERE issuer = ? AND subject = ?`
const LIST = sql`SELECT * FROM identity WHERE account_id = ? ORDER BY created_at, id`
const INSERT = sql`
  INSERT INTO identity (issuer, subject, id, account_id, provider, email, tokens, created_at, last_used_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
const USE = sql`
  UPDATE identity SET last_used_at = ?, tokens = ifnull(?, tokens) WHERE issuer = ? AND subject = ?`
const TOKENS = sql`SELECT tokens FROM identity WHERE id = ?`
const DELETE = sql`DELETE FROM identity WHERE account_id = ? AND id = ?`
const REDEEM_STATE = sql`INSERT INTO redeemed_state (hash, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING`
const CREATE_ACCOUNT = sql`
  INSERT INTO account (id, email, roles, epoch_at, created_at, verified_at) VALUES (?, ?, '[]', ?, ?, ?)`
const PROVED = sql`
  UPDATE account SET verified_at = ifnull(verified_at, ?) WHERE id = ? AND disabled_at IS NULL`

type Key = { readonly issuer: string; readonly subject: string }

export function findIdentity(db: Executor, key: Key): Identity | undefined {
  const row = db.first(FIND, key.issuer, key.subject)
  return row === undefined ? undefined : readIdentity(row)
}

export function listIdentities(db: Executor, accountId: string): readonly Identity[] {
  return db.all(LIST, toBlob(accountId)).map(readIdentity)
}

export function findTokens(db: Executor, identityId: string): Uint8Array | undefined {
  const tokens = db.first(TOKENS, toBlob(identityId))?.tokens
  return tokens instanceof Uint8Array ? tokens : undefined
}

export function redeemState(
  db: Executor,
  now: number,
  input: Parameters<Store["redeemState"]>[0],
): { fresh: boolean } {
  return { fresh: db.run(REDEEM_STATE, input.hash, now + input.lifetimeMs).changes === 1 }
}

export function signInByIdentity(
  db: Executor,
  now: number,
  input: Parameters<Store["signInByIdentity"]>[0],
): Started {
  const identity = findIdentity(db, input)
  const account = identity === undefined ? undefined : findAccount(db, identity.accountId)
  if (account === undefined || account.disabledAt !== null) return { kind: "refused" }
  db.run(USE, now, input.tokens, input.issuer, input.subject)
  replaceSession(db, now, input.replaces)
  writeEvents(db, now, input.events(account.id))
  return insertSession(db, now, account.id, input.session)
}

export function createByIdentity(
  db: Executor,
  now: number,
  input: Parameters<Store["createByIdentity"]>[0],
): Started {
  const { identity, newAccountId } = input
  if (findIdentity(db, identity) !== undefined || findAccountByEmail(db, input.email) !== undefined) {
    return { kind: "refused" }
  }
  db.run(CREATE_ACCOUNT, toBlob(newAccountId), input.email, now, now, now)
  insert(db, now, newAccountId, identity)
  // A registration that somebody asked for in the name of this address is settled.
  dropOutstanding(db, newAccountId)
  replaceSession(db, now, input.replaces)
  writeEvents(db, now, input.events(newAccountId))
  return insertSession(db, now, newAccountId, input.session)
}

export function linkIdentity(
  db: Executor,
  now: number,
  input: Parameters<Store["linkIdentity"]>[0],
): Awaited<ReturnType<Store["linkIdentity"]>> {
  const known = findIdentity(db, input.identity)
  if (known !== undefined) return { kind: known.accountId === input.accountId ? "linked" : "taken" }
  if (db.run(PROVED, now, toBlob(input.accountId)).changes === 0) return { kind: "unknown" }
  insert(db, now, input.accountId, input.identity)
  writeEvents(db, now, input.events)
  insertMail(db, now, input.mail)
  return { kind: "linked" }
}

export function unlinkIdentity(
  db: Executor,
  now: number,
  input: Parameters<Store["unlinkIdentity"]>[0],
): Awaited<ReturnType<Store["unlinkIdentity"]>> {
  const account = findAccount(db, input.accountId)
  const identities = listIdentities(db, input.accountId)
  if (account === undefined || !identities.some(({ id }) => id === input.identityId))
    return { kind: "unknown" }
  const others = identities.length - 1 + (account.passwordHash === null ? 0 : 1) + (input.mailIsWayIn ? 1 : 0)
  if (others === 0) return { kind: "last" }
  db.run(DELETE, toBlob(input.accountId), toBlob(input.identityId))
  writeEvents(db, now, input.events)
  insertMail(db, now, input.mail)
  return { kind: "unlinked" }
}

function insert(db: Executor, now: number, accountId: string, identity: NewIdentity): void {
  db.run(
    INSERT,
    identity.issuer,
    identity.subject,
    toBlob(identity.id),
    toBlob(accountId),
    identity.provider,
    identity.email,
    identity.tokens,
    now,
    now,
  )
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
