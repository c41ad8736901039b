import { sql } from "../../core/statement.ts"
import type { Mark, Store } from "../store.ts"
import { writeEvents } from "./events.ts"
import type { Executor } from "./executor.ts"

const READ = sql`
  SELECT (SELECT value FROM meta WHERE key = 'lineage') AS lineage,
    (SELECT value FROM meta WHERE key = 'counter') AS counter`
const RAISE = sql`UPDATE meta SET value = max(value, ?) + 1 WHERE key = 'counter'`
const REFUSE_OLDER = sql`UPDATE meta SET value = max(value, ?) WHERE key = 'sessions_not_before'`
const DROP_SESSIONS = sql`DELETE FROM session`
const DROP_TOKENS = sql`DELETE FROM one_time_token`
const DROP_FLOWS = sql`DELETE FROM mail_flow`
/** The rows stay for the limits; nothing of them is sent any more. */
const DROP_MAILS = sql`UPDATE outbox SET due_at = NULL, leased = 0 WHERE due_at IS NOT NULL`

export function readMark(db: Executor): Mark {
  const row = db.first(READ)
  return { lineage: Number(row?.lineage), counter: Number(row?.counter) }
}

export function raiseMark(db: Executor): Mark {
  db.run(RAISE, 0)
  return readMark(db)
}

export function startAnew(
  db: Executor,
  now: number,
  input: Parameters<Store["startAnew"]>[0],
): Awaited<ReturnType<Store["startAnew"]>> {
  const { changes: sessions } = db.run(DROP_SESSIONS)
  db.run(DROP_TOKENS)
  db.run(DROP_FLOWS)
  db.run(DROP_MAILS)
  db.run(REFUSE_OLDER, now)
  db.run(RAISE, input.above)
  writeEvents(db, now, input.events)
  return { mark: readMark(db), sessions }
}
