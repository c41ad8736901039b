import { equalBytes } from "../../core/bytes.ts"
import { sql } from "../../core/statement.ts"
import { readFlow, readId, toBlob, toBlobOrNull } from "../rows.ts"
import type {
  CodeProof,
  FlowKey,
  FlowProof,
  MailFlow,
  MailFlowPurpose,
  NewMailFlow,
  Store,
} from "../store.ts"
import { dropOutstanding } from "./end.ts"
import { countEvent, writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { findAccountByEmail } from "./find.ts"
import { enqueueMail } from "./mail.ts"
import { insertSession, replaceSession } from "./sessions.ts"

const INSERT = sql`
  INSERT INTO mail_flow (id, purpose, email, account_id, secret_hash, client, address_prefix, persistent, created_at,
    expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
/** An account changes its address once at a time. */
const DROP_CHANGE = sql`DELETE FROM mail_flow WHERE account_id = ? AND purpose <> 'sign-in'`
const FIND = sql`SELECT * FROM mail_flow WHERE id = ? AND secret_hash = ? AND expires_at > ? AND tries < 3`
const FIND_BY_TOKEN = sql`
  SELECT * FROM mail_flow WHERE token_hash = ? AND purpose = 'sign-in' AND expires_at > ? AND tries < 3`
const OF_MAIL = sql`
  SELECT mail_flow.id FROM outbox JOIN mail_flow ON mail_flow.id = outbox.flow_id
  WHERE outbox.id = ? AND outbox.leased = 1 AND outbox.due_at IS NOT NULL AND mail_flow.expires_at > ?`
const ISSUE = sql`UPDATE mail_flow SET token_hash = ?, code_mac = ? WHERE id = ?`
const COUNT_TRY = sql`
  UPDATE mail_flow SET tries = tries + 1 WHERE id = ? AND purpose = ? AND expires_at > ? AND tries < 3 RETURNING *`
const DELETE = sql`DELETE FROM mail_flow WHERE id = ?`
const CREATE_ACCOUNT = sql`
  INSERT INTO account (id, email, roles, epoch_at, created_at, verified_at) VALUES (?, ?, '[]', ?, ?, ?)`
const PROVED = sql`
  UPDATE account SET failures = 0, verified_at = ifnull(verified_at, ?) WHERE id = ? AND disabled_at IS NULL`

export function startMailFlow(db: Executor, now: number, input: Parameters<Store["startMailFlow"]>[0]): void {
  for (const flow of input.flows) {
    if (flow.purpose === "email-change-old") db.run(DROP_CHANGE, toBlobOrNull(flow.accountId))
    insert(db, now, flow)
  }
  const { limits, limitedEvent } = input
  for (const mail of input.mails) enqueueMail(db, now, { ...mail, limits, limitedEvent })
  writeEvents(db, now, input.events)
}

function insert(db: Executor, now: number, flow: NewMailFlow): void {
  db.run(
    INSERT,
    toBlob(flow.id),
    flow.purpose,
    flow.email,
    toBlobOrNull(flow.accountId),
    flow.secretHash,
    flow.client,
    flow.addressPrefix,
    flow.persistent ? 1 : 0,
    now,
    now + flow.lifetimeMs,
  )
}

export function findMailFlow(db: Executor, now: number, key: FlowKey): MailFlow | undefined {
  return readOne(db.first(FIND, toBlob(key.flowId), key.secretHash, now))
}

export function findMailFlowByToken(db: Executor, now: number, tokenHash: Uint8Array): MailFlow | undefined {
  return readOne(db.first(FIND_BY_TOKEN, tokenHash, now))
}

export function issueFlow(
  db: Executor,
  now: number,
  input: Parameters<Store["issueFlow"]>[0],
): { issued: boolean } {
  const row = db.first(OF_MAIL, input.mailId, now)
  if (row === undefined) return { issued: false }
  db.run(ISSUE, input.tokenHash, input.codeMac, toBlob(readId(row.id)))
  return { issued: true }
}

export function denyMailFlow(
  db: Executor,
  now: number,
  input: Parameters<Store["denyMailFlow"]>[0],
): { denied: boolean } {
  const flow = findMailFlowByToken(db, now, input.tokenHash)
  if (flow === undefined) return { denied: false }
  db.run(DELETE, toBlob(flow.id))
  writeEvents(db, now, input.events(flow))
  return { denied: true }
}

/** What a try at a flow comes to: its row, gone now, or how many tries are left. */
export type Redeemed =
  | { readonly kind: "redeemed"; readonly flow: MailFlow }
  | { readonly kind: "refused"; readonly triesLeft: number }

const REFUSED: Redeemed = { kind: "refused", triesLeft: 0 }

function redeem(db: Executor, now: number, key: FlowKey, proof: FlowProof): Redeemed {
  const row = db.first(FIND, toBlob(key.flowId), key.secretHash, now)
  if (row === undefined || row.purpose !== "sign-in") return REFUSED
  if ("codeMacs" in proof) {
    const tried = tryCode(db, now, { flowId: key.flowId, codeMacs: proof.codeMacs }, "sign-in")
    if (tried.kind === "redeemed") db.run(DELETE, toBlob(key.flowId))
    return tried
  }
  if (!(row.token_hash instanceof Uint8Array) || !equalBytes(row.token_hash, proof.tokenHash)) return REFUSED
  db.run(DELETE, toBlob(key.flowId))
  return { kind: "redeemed", flow: readFlow(row) }
}

/** One try, counted before the comparison; the row stays for the caller to delete. */
export function tryCode(
  db: Executor,
  now: number,
  input: CodeProof & { readonly flowId: string },
  purpose: MailFlowPurpose,
): Redeemed {
  const row = db.first(COUNT_TRY, toBlob(input.flowId), purpose, now)
  if (row === undefined) return REFUSED
  const flow = readFlow(row)
  const mac = row.code_mac
  const right = mac instanceof Uint8Array && input.codeMacs.some((each) => equalBytes(mac, each))
  return right ? { kind: "redeemed", flow } : { kind: "refused", triesLeft: flow.triesLeft }
}

export function completeEmailLink(
  db: Executor,
  now: number,
  input: Parameters<Store["completeEmailLink"]>[0],
): Awaited<ReturnType<Store["completeEmailLink"]>> {
  const redeemed = redeem(db, now, input.flow, input.proof)
  if (redeemed.kind === "refused") {
    if ("codeMacs" in input.proof) countEvent(db, now, input.failedEvent)
    return redeemed
  }
  const { flow } = redeemed
  const known = findAccountByEmail(db, flow.email)
  // The account was deleted, or its address given up, after it had asked.
  if (flow.accountId !== null && known?.id !== flow.accountId) return { kind: "refused", triesLeft: 0 }
  const created = known === undefined
  const accountId = known?.id ?? input.newAccountId
  if (created) db.run(CREATE_ACCOUNT, toBlob(accountId), flow.email, now, now, now)
  else if (db.run(PROVED, now, toBlob(accountId)).changes === 0) return { kind: "refused", triesLeft: 0 }
  // An invitation that is accepted this way, and a registration that was asked for as well, are settled.
  if (known?.verifiedAt === null || created) dropOutstanding(db, accountId)
  replaceSession(db, now, input.replaces)
  writeEvents(db, now, input.events(accountId, created))
  const session = { ...input.session, persistent: flow.persistent }
  return { ...insertSession(db, now, accountId, session), created }
}

function readOne(row: Row | undefined): MailFlow | undefined {
  return row === undefined ? undefined : readFlow(row)
}
