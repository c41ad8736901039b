import type { NewEvent, SecurityEvent } from "../../core/event.ts"
import { sql } from "../../core/statement.ts"
import { readEvent, toBlob, toBlobOrNull } from "../rows.ts"
import type { Store } from "../store.ts"
import type { Executor } from "./executor.ts"

const INSERT = sql`
  INSERT INTO nightlatch.event (at, type, account_id, session_id, address_prefix, client, detail)
  SELECT $1, told.type, coalesce(decode(told.account_id, 'hex'), $2), decode(told.session_id, 'hex'),
    told.address_prefix, told.client, told.detail
  FROM jsonb_to_recordset($3::jsonb) AS told (type text, account_id text, session_id text, address_prefix text,
    client text, detail jsonb)`
/**
 * At most 1,000 rows a minute, however many networks attack; the rest is counted in one, `others`. Transactions that count
 * at the same moment may each add one more.
 */
const COUNT = sql`
  WITH moment AS MATERIALIZED (
    SELECT at, at / 60000 AS minute FROM coalesce($1::bigint, nightlatch.now_ms()) AS at
  ), room AS MATERIALIZED (
    SELECT at, minute,
      EXISTS (
        SELECT FROM nightlatch.event
        WHERE event.minute = moment.minute AND type = $2 AND coalesce(account_id, '') = coalesce($3::bytea, '')
          AND coalesce(address_prefix, '') = coalesce($4, '')
      ) OR (
        SELECT count(*) FROM (
          SELECT FROM nightlatch.event WHERE event.minute = moment.minute LIMIT 1000
        ) AS few
      ) < 1000 AS free
    FROM moment
  )
  INSERT INTO nightlatch.event (at, type, account_id, session_id, address_prefix, client, detail, minute)
  SELECT at, $2, CASE WHEN free THEN $3::bytea END, CASE WHEN free THEN $5::bytea END,
    CASE WHEN free THEN $4 ELSE 'others' END, CASE WHEN free THEN $6 END, CASE WHEN free THEN $7::jsonb END, minute
  FROM room
  ON CONFLICT (minute, type, coalesce(account_id, ''), coalesce(address_prefix, '')) WHERE minute IS NOT NULL
  DO UPDATE SET count = event.count + 1`
const LIST = sql`SELECT * FROM nightlatch.event WHERE id < $1 ORDER BY id DESC LIMIT $2`
const LIST_ACCOUNT = sql`
  SELECT * FROM nightlatch.event WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`

/** Written in the transaction of what they tell. `accountId` is filled in where the caller could not know it. */
export async function writeEvents(
  db: Executor,
  now: number,
  events: readonly NewEvent[],
  accountId?: string,
): Promise<void> {
  if (events.length > 0) await db.run(INSERT, now, toBlobOrNull(accountId), toRecords(events))
}

/** Events as one parameter, for `jsonb_to_recordset`; ids in hexadecimal. */
export function toRecords(events: readonly NewEvent[]): string {
  const hex = (id: string | undefined) => (id === undefined ? null : Buffer.from(toBlob(id)).toString("hex"))
  return JSON.stringify(
    events.map((event) => ({
      type: event.type,
      account_id: hex(event.accountId),
      session_id: hex(event.sessionId),
      address_prefix: event.addressPrefix,
      client: event.client,
      detail: event.detail,
    })),
  )
}

/**
 * One row per kind, account, network and minute, counting upwards. Last in its transaction: until that ends, others wait
 * who count the same.
 * @param now null: the moment of the statement
 */
export async function countEvent(db: Executor, now: number | null, event: NewEvent): Promise<void> {
  await db.run(
    COUNT,
    now,
    event.type,
    toBlobOrNull(event.accountId),
    event.addressPrefix ?? null,
    toBlobOrNull(event.sessionId),
    event.client ?? null,
    event.detail === undefined ? null : JSON.stringify(event.detail),
  )
}

export async function listEvents(
  db: Executor,
  page: Parameters<Store["listEvents"]>[0],
): Promise<readonly SecurityEvent[]> {
  const before = page.before ?? Number.MAX_SAFE_INTEGER
  const rows =
    page.accountId === undefined
      ? await db.all(LIST, before, page.limit)
      : await db.all(LIST_ACCOUNT, toBlob(page.accountId), before, page.limit)
  return rows.map(readEvent)
}
