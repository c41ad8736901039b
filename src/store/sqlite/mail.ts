import { sql } from "../../core/statement.ts"
import { readFlow, readId, readIdOrNull, toBlobOrNull } from "../rows.ts"
import type { ClaimedMail, MailPurpose, NewMail, Store } from "../store.ts"
import { countEvent, writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"

const INSERT = sql`
  INSERT INTO outbox (purpose, email, account_id, decoy, language, created_at, counted, due_at, budget, flow_id, about)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
/**
 * For a recipient decoys count like mails: a limit that only known addresses reach would tell them apart. In total they
 * have a budget of their own, of the same size: what is never sent must not use up what is.
 */
const COUNTS = sql`
  SELECT
    (SELECT count(*) FROM outbox
      WHERE email = ?1 AND created_at > ?2 - 3600000 AND counted = 1 AND budget = ?3) AS hour,
    (SELECT count(*) FROM outbox
      WHERE email = ?1 AND created_at > ?2 - 86400000 AND counted = 1 AND budget = ?3) AS day,
    (SELECT count(*) FROM outbox WHERE created_at > ?2 - 3600000 AND counted = 1 AND decoy = ?4) AS total`
const CLAIM = sql`
  UPDATE outbox SET leased = 1, due_at = ?1 + ?2, attempts = attempts + 1
  WHERE id IN (SELECT id FROM outbox WHERE due_at <= ?1 AND decoy = 0 ORDER BY due_at LIMIT ?3)
  RETURNING *`
const DROP_DECOYS = sql`UPDATE outbox SET due_at = NULL WHERE due_at <= ? AND decoy = 1`
const FIND_LEASED = sql`SELECT * FROM outbox WHERE id = ? AND leased = 1 AND due_at IS NOT NULL`
const DROP_OLDER_TOKENS = sql`DELETE FROM one_time_token WHERE email = ? AND purpose = ?`
const INSERT_TOKEN = sql`
  INSERT INTO one_time_token (hash, purpose, email, account_id, expires_at) VALUES (?, ?, ?, ?, ?)`
const FLOW = sql`SELECT * FROM mail_flow WHERE id = ? AND expires_at > ?`
const FINISH = sql`UPDATE outbox SET due_at = NULL, leased = 0 WHERE id = ?`
const RETRY = sql`UPDATE outbox SET due_at = ?, leased = 0 WHERE id = ? AND due_at IS NOT NULL`

/** A notice that nobody can provoke at will: no limit. */
export function insertMail(db: Executor, now: number, mail: NewMail): void {
  insert(db, now, mail, false, now)
}

export function enqueueMail(db: Executor, now: number, input: Parameters<Store["enqueueMail"]>[0]): void {
  const counts = db.first(COUNTS, input.email, now, input.budget ?? "mail", input.decoy ? 1 : 0)
  const { perRecipientHour, perRecipientDay, totalHour } = input.limits
  const limited =
    Number(counts?.hour) >= perRecipientHour ||
    Number(counts?.day) >= perRecipientDay ||
    Number(counts?.total) >= totalHour
  insert(db, now, input, !limited, limited ? null : now)
  if (limited) countEvent(db, now, input.limitedEvent)
}

function insert(db: Executor, now: number, mail: NewMail, counted: boolean, dueAt: number | null): void {
  db.run(
    INSERT,
    mail.purpose,
    mail.email,
    toBlobOrNull(mail.accountId),
    mail.decoy ? 1 : 0,
    mail.language,
    now,
    counted ? 1 : 0,
    dueAt,
    mail.budget ?? "mail",
    toBlobOrNull(mail.flowId),
    mail.about ?? null,
  )
}

export function claimMail(
  db: Executor,
  now: number,
  input: Parameters<Store["claimMail"]>[0],
): readonly ClaimedMail[] {
  db.run(DROP_DECOYS, now)
  return db.all(CLAIM, now, input.leaseMs, input.limit).map((row) => {
    const flow = row.flow_id === null ? undefined : db.first(FLOW, row.flow_id ?? null, now)
    return { ...readMail(row), flow: flow === undefined ? undefined : readFlow(flow) }
  })
}

export function issueToken(
  db: Executor,
  now: number,
  input: Parameters<Store["issueToken"]>[0],
): { issued: boolean } {
  const row = db.first(FIND_LEASED, input.mailId)
  if (row === undefined) return { issued: false }
  const mail = readMail(row)
  db.run(DROP_OLDER_TOKENS, mail.email, input.purpose)
  db.run(
    INSERT_TOKEN,
    input.hash,
    input.purpose,
    mail.email,
    toBlobOrNull(mail.accountId),
    now + input.lifetimeMs,
  )
  return { issued: true }
}

export function finishMail(db: Executor, mailId: number): void {
  db.run(FINISH, mailId)
}

export function retryMail(db: Executor, now: number, input: Parameters<Store["retryMail"]>[0]): void {
  if ("delayMs" in input) {
    db.run(RETRY, now + input.delayMs, input.mailId)
    return
  }
  finishMail(db, input.mailId)
  writeEvents(db, now, [input.giveUp])
}

function readMail(row: Row): Omit<ClaimedMail, "flow"> {
  return {
    id: Number(row.id),
    purpose: String(row.purpose) as MailPurpose,
    email: String(row.email),
    accountId: readIdOrNull(row.account_id),
    decoy: row.decoy === 1,
    language: String(row.language),
    attempts: Number(row.attempts),
    ...(typeof row.about === "string" ? { about: row.about } : {}),
    ...(row.flow_id instanceof Uint8Array ? { flowId: readId(row.flow_id) } : {}),
  }
}
