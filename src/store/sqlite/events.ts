import type { NewEvent, SecurityEvent } from "../../core/event.ts"
import { sql } from "../../core/statement.ts"
import { readEvent, toBlob, toBlobOrNull } from "../rows.ts"
import type { Store } from "../store.ts"
import type { Executor } from "./executor.ts"

const INSERT = sql`
  INSERT INTO event (at, type, account_id, session_id, address_prefix, client, detail, minute)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
const COUNT_UP = sql`
  UPDATE event SET count = count + 1
  WHERE minute = ? AND type = ? AND account_id IS ? AND address_prefix IS ?`
const ROWS_OF_MINUTE = sql`SELECT count(*) AS n FROM event WHERE minute = ?`
const LIST = sql`SELECT * FROM event WHERE id < ? ORDER BY id DESC LIMIT ?`
const LIST_ACCOUNT = sql`SELECT * FROM event WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?`

const MINUTE_MS = 60_000
/** Aggregated rows a minute at most, however many networks attack; the rest is counted in one. */
const ROWS_A_MINUTE = 1_000
/** Stands for all networks beyond that. */
const OVERFLOW = "others"

/** Written in the transaction of what they tell. `accountId` is filled in where the caller could not know it. */
export function writeEvents(
  db: Executor,
  now: number,
  events: readonly NewEvent[],
  accountId?: string,
): void {
  for (const event of events)
    insert(db, now, { ...(accountId === undefined ? {} : { accountId }), ...event }, null)
}

/** One row per kind, account, network and minute, counting upwards. */
export function countEvent(db: Executor, now: number, event: NewEvent): void {
  const minute = Math.floor(now / MINUTE_MS)
  if (countUp(db, minute, event)) return
  if (Number(db.first(ROWS_OF_MINUTE, minute)?.n) < ROWS_A_MINUTE) {
    insert(db, now, event, minute)
    return
  }
  const overflow: NewEvent = { type: event.type, addressPrefix: OVERFLOW }
  if (!countUp(db, minute, overflow)) insert(db, now, overflow, minute)
}

function countUp(db: Executor, minute: number, event: NewEvent): boolean {
  const { type, accountId, addressPrefix } = event
  return db.run(COUNT_UP, minute, type, toBlobOrNull(accountId), addressPrefix ?? null).changes > 0
}

function insert(db: Executor, now: number, event: NewEvent, minute: number | null): void {
  db.run(
    INSERT,
    now,
    event.type,
    toBlobOrNull(event.accountId),
    toBlobOrNull(event.sessionId),
    event.addressPrefix ?? null,
    event.client ?? null,
    event.detail === undefined ? null : JSON.stringify(event.detail),
    minute,
  )
}

export function listEvents(db: Executor, page: Parameters<Store["listEvents"]>[0]): readonly SecurityEvent[] {
  const before = page.before ?? Number.MAX_SAFE_INTEGER
  const rows =
    page.accountId === undefined
      ? db.all(LIST, before, page.limit)
      : db.all(LIST_ACCOUNT, toBlob(page.accountId), before, page.limit)
  return rows.map(readEvent)
}
