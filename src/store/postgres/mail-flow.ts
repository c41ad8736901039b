import { equalBytes } from "../../core/bytes.ts"
import { sql } from "../../core/statement.ts"
import { readFlow, toBlob, toBlobOrNull } from "../rows.ts"
import type {
  CodeProof,
  FlowKey,
  FlowProof,
  MailFlow,
  MailFlowPurpose,
  NewMailFlow,
  Store,
} from "../store.ts"
import { createProved, lockAccount, lockAddresses, lockHolder } from "./address.ts"
import { dropOutstanding } from "./end.ts"
import { countEvent, writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { readNow } from "./find.ts"
import { enqueueAll } from "./mail.ts"
import { insertSession, replaceSession } from "./sessions.ts"

const INSERT = sql`
  INSERT INTO nightlatch.mail_flow (id, purpose, email, account_id, secret_hash, client, address_prefix, persistent,
    created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
/** An account changes its address once at a time. */
const DROP_CHANGE = sql`DELETE FROM nightlatch.mail_flow WHERE account_id = $1 AND purpose <> 'sign-in'`
const FIND = sql`
  SELECT * FROM nightlatch.mail_flow
  WHERE id = $1 AND secret_hash = $2 AND expires_at > nightlatch.now_ms() AND tries < 3`
const FIND_BY_TOKEN = sql`
  SELECT * FROM nightlatch.mail_flow
  WHERE token_hash = $1 AND purpose = 'sign-in' AND expires_at > nightlatch.now_ms() AND tries < 3`
/** The flow's row decides: what ends everything outstanding deletes it, before this or after. */
const ISSUE = sql`
  UPDATE nightlatch.mail_flow AS flow SET token_hash = $2, code_mac = $3
  FROM nightlatch.outbox AS mail
  WHERE mail.id = $1 AND mail.leased AND mail.due_at IS NOT NULL AND flow.id = mail.flow_id
    AND flow.expires_at > nightlatch.now_ms()`
const COUNT_TRY = sql`
  UPDATE nightlatch.mail_flow SET tries = tries + 1
  WHERE id = $1 AND purpose = $2 AND expires_at > $3 AND tries < 3 RETURNING *`
const DELETE = sql`DELETE FROM nightlatch.mail_flow WHERE id = $1`
const REDEEM_LINK = sql`
  DELETE FROM nightlatch.mail_flow
  WHERE id = $1 AND secret_hash = $2 AND token_hash = $3 AND purpose = 'sign-in' AND expires_at > $4 AND tries < 3
  RETURNING *`
const DENY = sql`
  DELETE FROM nightlatch.mail_flow
  WHERE token_hash = $1 AND purpose = 'sign-in' AND expires_at > nightlatch.now_ms() AND tries < 3 RETURNING *`
const PROVED = sql`
  UPDATE nightlatch.account SET failures = 0, verified_at = coalesce(verified_at, $1)
  WHERE id = $2 AND disabled_at IS NULL`

export async function startMailFlow(
  db: Executor,
  input: Parameters<Store["startMailFlow"]>[0],
): Promise<void> {
  const { flows, mails, limits, limitedEvent } = input
  await lockAddresses(
    db,
    mails.map(({ email }) => email),
  )
  const changes = flows.filter(({ purpose }) => purpose !== "sign-in")
  for (const accountId of new Set(changes.map((flow) => flow.accountId)))
    if (accountId !== null) await lockAccount(db, accountId)
  const now = await readNow(db)
  for (const flow of flows) {
    if (flow.purpose === "email-change-old") await db.run(DROP_CHANGE, toBlobOrNull(flow.accountId))
    await insert(db, now, flow)
  }
  await writeEvents(db, now, input.events)
  await enqueueAll(db, now, { mails, limits, limitedEvent })
}

async function insert(db: Executor, now: number, flow: NewMailFlow): Promise<void> {
  await db.run(
    INSERT,
    toBlob(flow.id),
    flow.purpose,
    flow.email,
    toBlobOrNull(flow.accountId),
    flow.secretHash,
    flow.client,
    flow.addressPrefix,
    flow.persistent,
    now,
    now + flow.lifetimeMs,
  )
}

export async function findMailFlow(db: Executor, key: FlowKey): Promise<MailFlow | undefined> {
  return readOne(await db.first(FIND, toBlob(key.flowId), key.secretHash))
}

export async function findMailFlowByToken(
  db: Executor,
  tokenHash: Uint8Array,
): Promise<MailFlow | undefined> {
  return readOne(await db.first(FIND_BY_TOKEN, tokenHash))
}

export async function issueFlow(
  db: Executor,
  input: Parameters<Store["issueFlow"]>[0],
): ReturnType<Store["issueFlow"]> {
  const { changes } = await db.run(ISSUE, input.mailId, input.tokenHash, input.codeMac)
  return { issued: changes > 0 }
}

export async function denyMailFlow(
  db: Executor,
  input: Parameters<Store["denyMailFlow"]>[0],
): ReturnType<Store["denyMailFlow"]> {
  const flow = readOne(await db.first(DENY, input.tokenHash))
  if (flow === undefined) return { denied: false }
  await writeEvents(db, await readNow(db), input.events(flow))
  return { denied: true }
}

/** What a try at a flow comes to: its row, gone now, or how many tries are left. */
export type Redeemed =
  | { readonly kind: "redeemed"; readonly flow: MailFlow }
  | { readonly kind: "refused"; readonly triesLeft: number }

type Refused = Extract<Redeemed, { kind: "refused" }>

const REFUSED: Refused = { kind: "refused", triesLeft: 0 }

async function redeem(db: Executor, now: number, key: FlowKey, proof: FlowProof): Promise<Redeemed> {
  if ("codeMacs" in proof) {
    const tried = await tryCode(db, now, { flowId: key.flowId, codeMacs: proof.codeMacs }, "sign-in")
    if (tried.kind === "redeemed") await db.run(DELETE, toBlob(key.flowId))
    return tried
  }
  const row = await db.first(REDEEM_LINK, toBlob(key.flowId), key.secretHash, proof.tokenHash, now)
  return row === undefined ? REFUSED : { kind: "redeemed", flow: readFlow(row) }
}

/** One try, counted before the comparison; the row stays, locked, for the caller to delete. */
export async function tryCode(
  db: Executor,
  now: number,
  input: CodeProof & { readonly flowId: string },
  purpose: MailFlowPurpose,
): Promise<Redeemed> {
  const row = await db.first(COUNT_TRY, toBlob(input.flowId), purpose, now)
  if (row === undefined) return REFUSED
  const flow = readFlow(row)
  const mac = row.code_mac
  const right = mac instanceof Uint8Array && input.codeMacs.some((each) => equalBytes(mac, each))
  return right ? { kind: "redeemed", flow } : { kind: "refused", triesLeft: flow.triesLeft }
}

export async function completeEmailLink(
  db: Executor,
  input: Parameters<Store["completeEmailLink"]>[0],
): ReturnType<Store["completeEmailLink"]> {
  // Only to learn whom to lock, and that this browser asked: it is tried and redeemed under the lock.
  const seen = await findMailFlow(db, input.flow)
  if (seen === undefined || seen.purpose !== "sign-in") return fail(db, input, REFUSED)
  await lockAddresses(db, [seen.email])
  const holder = await lockHolder(db, seen.email)
  const now = await readNow(db)
  const redeemed = await redeem(db, now, input.flow, input.proof)
  if (redeemed.kind === "refused") return fail(db, input, redeemed)
  const { flow } = redeemed
  // The account was deleted, or its address given up, after it had asked.
  if (flow.accountId !== null && holder?.id !== flow.accountId) return REFUSED
  const { newAccountId } = input
  const created =
    holder === undefined &&
    (await createProved(db, now, { id: newAccountId, email: flow.email, passwordHash: null }))
  // Not created, and yet nobody's a moment ago: an administrator made it meanwhile.
  const known = created ? undefined : (holder ?? (await lockHolder(db, flow.email)))
  const accountId = known?.id ?? newAccountId
  if (!created && (await db.run(PROVED, now, toBlob(accountId))).changes === 0) return REFUSED
  // An invitation that is accepted this way, and a registration that was asked for as well, are settled.
  if (created || known?.verifiedAt === null) await dropOutstanding(db, accountId)
  await replaceSession(db, now, input.replaces)
  await writeEvents(db, now, input.events(accountId, created))
  const session = { ...input.session, persistent: flow.persistent }
  return { ...(await insertSession(db, now, accountId, session)), created }
}

/** A wrong code is counted, and so is one for a flow that is not there. */
async function fail(
  db: Executor,
  input: Pick<Parameters<Store["completeEmailLink"]>[0], "proof" | "failedEvent">,
  refused: Refused,
): Promise<Refused> {
  if ("codeMacs" in input.proof) await countEvent(db, null, input.failedEvent)
  return refused
}

function readOne(row: Row | undefined): MailFlow | undefined {
  return row === undefined ? undefined : readFlow(row)
}
