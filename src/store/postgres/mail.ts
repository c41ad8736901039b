import { sql } from "../../core/statement.ts"
import { readId, readIdOrNull, toBlobOrNull } from "../rows.ts"
import type { ClaimedMail, MailLimits, MailPurpose, NewMail, Store } from "../store.ts"
import { lockAccount, lockAddresses } from "./address.ts"
import { countEvent, writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { readNow } from "./find.ts"
import { openGate } from "./mail-gate.ts"

const INSERT = sql`
  INSERT INTO nightlatch.outbox
    (purpose, email, account_id, decoy, language, created_at, counted, due_at, budget, flow_id, about)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
/**
 * For a recipient decoys count like mails: a limit that only known addresses reach would tell them apart. In total they
 * have a budget of their own, of the same size: what is never sent must not use up what is.
 */
const COUNTS = sql`
  SELECT
    (SELECT count(*) FROM nightlatch.outbox
      WHERE email = $1 AND created_at > $2::bigint - 3600000 AND counted AND budget = $3) AS hour,
    (SELECT count(*) FROM nightlatch.outbox
      WHERE email = $1 AND created_at > $2::bigint - 86400000 AND counted AND budget = $3) AS day,
    (SELECT count(*) FROM nightlatch.outbox
      WHERE created_at > $2::bigint - 3600000 AND counted AND decoy = $4) AS total`
/** What another claimer has in its hands is passed over, so that any number of them share the outbox without waiting. */
const CLAIM = sql`
  WITH clock AS MATERIALIZED (SELECT nightlatch.now_ms() AS now),
  decoys AS MATERIALIZED (
    SELECT id FROM nightlatch.outbox WHERE due_at <= (SELECT now FROM clock) AND decoy
    ORDER BY due_at LIMIT 1000 FOR UPDATE SKIP LOCKED
  ),
  dropped AS (
    UPDATE nightlatch.outbox AS mail SET due_at = NULL FROM decoys WHERE mail.id = decoys.id
  ),
  due AS MATERIALIZED (
    SELECT id FROM nightlatch.outbox WHERE due_at <= (SELECT now FROM clock) AND NOT decoy
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ),
  claimed AS (
    UPDATE nightlatch.outbox AS mail
    SET leased = true, due_at = (SELECT now FROM clock) + $2::bigint, attempts = attempts + 1
    FROM due WHERE mail.id = due.id
    RETURNING mail.*
  )
  SELECT claimed.*, flow.id AS live_flow_id, flow.client AS flow_client, flow.address_prefix AS flow_address_prefix,
    flow.created_at AS flow_created_at
  FROM claimed LEFT JOIN nightlatch.mail_flow AS flow
    ON flow.id = claimed.flow_id AND flow.expires_at > (SELECT now FROM clock)
  ORDER BY claimed.id`
const LEASED = sql`SELECT * FROM nightlatch.outbox WHERE id = $1 AND leased AND due_at IS NOT NULL`
const LOCK_LEASED = sql`
  SELECT * FROM nightlatch.outbox WHERE id = $1 AND leased AND due_at IS NOT NULL FOR UPDATE`
const DROP_OLDER_TOKENS = sql`DELETE FROM nightlatch.one_time_token WHERE email = $1 AND purpose = $2`
const INSERT_TOKEN = sql`
  INSERT INTO nightlatch.one_time_token (hash, purpose, email, account_id, expires_at) VALUES ($1, $2, $3, $4, $5)`
const FINISH = sql`UPDATE nightlatch.outbox SET due_at = NULL, leased = false WHERE id = $1`
const RETRY = sql`
  UPDATE nightlatch.outbox SET due_at = nightlatch.now_ms() + $1::bigint, leased = false
  WHERE id = $2 AND due_at IS NOT NULL`

/** A notice that nobody can provoke at will: no limit. */
export async function insertMail(db: Executor, now: number, mail: NewMail): Promise<void> {
  await insert(db, now, mail, false, now)
}

export async function enqueueMail(db: Executor, input: Parameters<Store["enqueueMail"]>[0]): Promise<void> {
  await lockAddresses(db, [input.email])
  const now = await readNow(db)
  await enqueueAll(db, now, { ...input, mails: [input] })
}

/** Last in its transaction. The caller has locked the addresses: the counts of a recipient stand still. */
export async function enqueueAll(
  db: Executor,
  now: number,
  input: {
    readonly mails: readonly NewMail[]
    readonly limits: MailLimits
    readonly limitedEvent: Parameters<Store["enqueueMail"]>[0]["limitedEvent"]
  },
): Promise<void> {
  const { mails, limits } = input
  await openGate(db, now, mails, limits.totalHour)
  let refused = 0
  for (const mail of mails) {
    const counts = await db.first(COUNTS, mail.email, now, mail.budget ?? "mail", mail.decoy)
    const limited =
      Number(counts?.hour) >= limits.perRecipientHour ||
      Number(counts?.day) >= limits.perRecipientDay ||
      Number(counts?.total) >= limits.totalHour
    await insert(db, now, mail, !limited, limited ? null : now)
    if (limited) refused++
  }
  for (; refused > 0; refused--) await countEvent(db, now, input.limitedEvent)
}

async function insert(
  db: Executor,
  now: number,
  mail: NewMail,
  counted: boolean,
  dueAt: number | null,
): Promise<void> {
  await db.run(
    INSERT,
    mail.purpose,
    mail.email,
    toBlobOrNull(mail.accountId),
    mail.decoy,
    mail.language,
    now,
    counted,
    dueAt,
    mail.budget ?? "mail",
    toBlobOrNull(mail.flowId),
    mail.about ?? null,
  )
}

export async function claimMail(
  db: Executor,
  input: Parameters<Store["claimMail"]>[0],
): Promise<readonly ClaimedMail[]> {
  return (await db.all(CLAIM, input.limit, input.leaseMs)).map(readClaimed)
}

export async function issueToken(
  db: Executor,
  input: Parameters<Store["issueToken"]>[0],
): ReturnType<Store["issueToken"]> {
  const seen = await db.first(LEASED, input.mailId)
  if (seen === undefined) return { issued: false }
  // Of two mails of one address the later token ends the earlier one; and what ends everything outstanding of an account
  // holds the account.
  await lockAddresses(db, [String(seen.email)])
  const accountId = readIdOrNull(seen.account_id)
  if (accountId !== null) await lockAccount(db, accountId)
  const mail = await db.first(LOCK_LEASED, input.mailId)
  if (mail === undefined) return { issued: false }
  const now = await readNow(db)
  const email = String(mail.email)
  await db.run(DROP_OLDER_TOKENS, email, input.purpose)
  await db.run(
    INSERT_TOKEN,
    input.hash,
    input.purpose,
    email,
    toBlobOrNull(accountId),
    now + input.lifetimeMs,
  )
  return { issued: true }
}

export async function finishMail(db: Executor, mailId: number): Promise<void> {
  await db.run(FINISH, mailId)
}

export async function retryMail(db: Executor, input: Parameters<Store["retryMail"]>[0]): Promise<void> {
  if ("delayMs" in input) {
    await db.run(RETRY, input.delayMs, input.mailId)
    return
  }
  await finishMail(db, input.mailId)
  await writeEvents(db, await readNow(db), [input.giveUp])
}

function readClaimed(row: Row): ClaimedMail {
  return {
    id: Number(row.id),
    purpose: String(row.purpose) as MailPurpose,
    email: String(row.email),
    accountId: readIdOrNull(row.account_id),
    decoy: row.decoy === true,
    language: String(row.language),
    attempts: Number(row.attempts),
    ...(typeof row.about === "string" ? { about: row.about } : {}),
    ...(row.flow_id instanceof Uint8Array ? { flowId: readId(row.flow_id) } : {}),
    flow:
      row.live_flow_id instanceof Uint8Array
        ? {
            id: readId(row.live_flow_id),
            client: String(row.flow_client),
            addressPrefix: String(row.flow_address_prefix),
            createdAt: Number(row.flow_created_at),
          }
        : undefined,
  }
}
