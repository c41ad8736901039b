import { sql } from "../../core/statement.ts"
import type { Mark, Store } from "../store.ts"
import { writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { readNow } from "./find.ts"

const READ = sql`
  SELECT (SELECT value FROM nightlatch.meta WHERE key = 'lineage') AS lineage,
    (SELECT value FROM nightlatch.meta WHERE key = 'counter') AS counter`
const RAISE = sql`
  UPDATE nightlatch.meta SET value = greatest(value, $1::bigint) + 1 WHERE key = 'counter'
  RETURNING value AS counter, (SELECT value FROM nightlatch.meta WHERE key = 'lineage') AS lineage`
/** It may be many rows. */
const PATIENCE = sql`SET LOCAL statement_timeout = 0`
const REFUSE_OLDER = sql`
  UPDATE nightlatch.meta SET value = greatest(value, $1::bigint) WHERE key = 'sessions_not_before'`
const DROP_SESSIONS = sql`DELETE FROM nightlatch.session`
const DROP_TOKENS = sql`DELETE FROM nightlatch.one_time_token`
const DROP_FLOWS = sql`DELETE FROM nightlatch.mail_flow`
/** The rows stay for the limits; nothing of them is sent any more. */
const DROP_MAILS = sql`UPDATE nightlatch.outbox SET due_at = NULL, leased = false WHERE due_at IS NOT NULL`

const toMark = (row: Row | undefined): Mark => ({
  lineage: Number(row?.lineage),
  counter: Number(row?.counter),
})

export async function readMark(db: Executor): Promise<Mark> {
  return toMark(await db.first(READ))
}

export async function raiseMark(db: Executor): Promise<Mark> {
  return toMark(await db.first(RAISE, 0))
}

export async function startAnew(
  db: Executor,
  input: Parameters<Store["startAnew"]>[0],
): ReturnType<Store["startAnew"]> {
  await db.run(PATIENCE)
  const { changes: sessions } = await db.run(DROP_SESSIONS)
  await db.run(DROP_TOKENS)
  await db.run(DROP_FLOWS)
  await db.run(DROP_MAILS)
  const now = await readNow(db)
  await db.run(REFUSE_OLDER, now)
  const mark = toMark(await db.first(RAISE, input.above))
  await writeEvents(db, now, input.events)
  return { mark, sessions }
}
