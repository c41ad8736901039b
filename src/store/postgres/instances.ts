import { sql } from "../../core/statement.ts"
import type { Instance, Store } from "../store.ts"
import type { Executor, Row } from "./executor.ts"

/** Four heartbeats. */
const LIVE_MS = 20_000
/** Processes that were killed have not said farewell. */
const FORGOTTEN_MS = 3_600_000

const BEAT = sql`
  WITH clock AS MATERIALIZED (
    SELECT nightlatch.now_ms() AS now
  ), beat AS (
    INSERT INTO nightlatch.instance AS known
      (id, started_at, seen_at, version, secret_id, limits, clock_offset_ms, address)
    SELECT $1, now, now, $2, $3, $4, $5::bigint - now, $6 FROM clock
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, secret_id = excluded.secret_id, limits = excluded.limits,
      clock_offset_ms = excluded.clock_offset_ms
    RETURNING id, version, secret_id, limits, clock_offset_ms, address
  ), forgotten AS (
    DELETE FROM nightlatch.instance USING clock WHERE instance.id <> $1 AND seen_at < clock.now - $8::bigint
  )
  SELECT id, version, secret_id, limits, clock_offset_ms, address FROM beat
  UNION ALL
  SELECT id, version, secret_id, limits, clock_offset_ms, address FROM nightlatch.instance, clock
  WHERE id <> $1 AND seen_at >= clock.now - $7::bigint
  ORDER BY id`
const LEAVE = sql`DELETE FROM nightlatch.instance WHERE id = $1`

export async function beat(
  db: Executor,
  input: Parameters<NonNullable<Store["beat"]>>[0],
): Promise<readonly Instance[]> {
  const { id, version, secretId, limits, clock, address } = input
  const about = [id, version, secretId, limits, Math.round(clock), address]
  const rows = await db.all(BEAT, ...about, LIVE_MS, FORGOTTEN_MS)
  return rows.map(readInstance)
}

export async function leave(db: Executor, id: string): Promise<void> {
  await db.run(LEAVE, id)
}

function readInstance(row: Row): Instance {
  return {
    id: String(row.id),
    address: String(row.address ?? ""),
    version: String(row.version),
    secretId: String(row.secret_id),
    limits: String(row.limits),
    clockOffsetMs: Number(row.clock_offset_ms),
  }
}
