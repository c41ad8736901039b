import { sql } from "../../core/statement.ts"
import { readId, toBlob } from "../rows.ts"
import type { RevocationPage, Store } from "../store.ts"
import type { Executor, Row } from "./executor.ts"
import { readNow } from "./find.ts"

/**
 * The cursor is the oldest transaction that was still open when the rows of the last answer were taken, out of the very
 * snapshot that took them: what that answer could not see has at least this number, however late it commits. Numbers mean
 * something on one server only: after a fail-over or a restore, or when they fell, everything of $3 ms is read again.
 */
const REVOKED = sql`
  WITH moment AS MATERIALIZED (
    SELECT pg_current_snapshot() AS snapshot, nightlatch.now_ms() AS now,
      (SELECT system_identifier FROM pg_control_system()) || '/'
        || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS server
  ), place AS MATERIALIZED (
    SELECT now, server, pg_snapshot_xmin(snapshot) AS oldest,
      CASE WHEN server = $1 AND $2::xid8 <= pg_snapshot_xmax(snapshot) THEN $2::xid8 END AS after
    FROM moment
  )
  SELECT now, server, oldest, NULL::bytea AS session_id, NULL::bigint AS revoked_at, NULL::bytea AS account_id,
    NULL::bigint AS epoch, (SELECT value FROM nightlatch.meta WHERE key = 'sessions_not_before') AS not_before
  FROM place
  UNION ALL
  SELECT 0, '', NULL, id, session.revoked_at, NULL, NULL, NULL FROM place, nightlatch.session
  WHERE place.after IS NOT NULL AND session.revoked_xid >= place.after
  UNION ALL
  SELECT 0, '', NULL, id, session.revoked_at, NULL, NULL, NULL FROM place, nightlatch.session
  WHERE place.after IS NULL AND session.revoked_at >= place.now - $3::bigint
  UNION ALL
  SELECT 0, '', NULL, NULL, NULL, id, account.epoch, NULL FROM place, nightlatch.account
  WHERE place.after IS NOT NULL AND account.epoch_xid >= place.after
  UNION ALL
  SELECT 0, '', NULL, NULL, NULL, id, account.epoch, NULL FROM place, nightlatch.account
  WHERE place.after IS NULL AND account.epoch_at >= place.now - $3 AND account.epoch > 1`
const PURGE_TOKENS = sql`
  DELETE FROM nightlatch.one_time_token WHERE hash IN
    (SELECT hash FROM nightlatch.one_time_token WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
const PURGE_FLOWS = sql`
  DELETE FROM nightlatch.mail_flow WHERE id IN
    (SELECT id FROM nightlatch.mail_flow WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
const PURGE_STATES = sql`
  DELETE FROM nightlatch.redeemed_state WHERE hash IN
    (SELECT hash FROM nightlatch.redeemed_state WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
const PURGE_OUTBOX = sql`
  DELETE FROM nightlatch.outbox WHERE id IN
    (SELECT id FROM nightlatch.outbox WHERE created_at <= $1 AND due_at IS NULL LIMIT $2 FOR UPDATE SKIP LOCKED)`
const PURGE_REVOKED = sql`
  DELETE FROM nightlatch.session WHERE id IN
    (SELECT id FROM nightlatch.session WHERE revoked_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
const WALK = sql`
  SELECT id FROM nightlatch.session WHERE id > $1 ORDER BY id OFFSET $2 - 1 LIMIT 1`
const PURGE_ENDED = sql`
  DELETE FROM nightlatch.session WHERE id IN
    (SELECT id FROM nightlatch.session WHERE id > $1 AND ($2::bytea IS NULL OR id <= $2)
      AND least(idle_end, absolute_end) <= $3 FOR UPDATE SKIP LOCKED)`
const PURGE_EVENTS = sql`
  DELETE FROM nightlatch.event WHERE id IN
    (SELECT id FROM nightlatch.event WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)`
const PURGE_BUCKETS = sql`
  DELETE FROM nightlatch.bucket WHERE id IN
    (SELECT id FROM nightlatch.bucket WHERE full_at < (SELECT nightlatch.bucket_now()) LIMIT $1 FOR UPDATE SKIP LOCKED)`
const PING = sql`UPDATE nightlatch.meta SET value = value WHERE key = 'ping' RETURNING value`

/** Per-recipient limits count a day back; an hour more for clocks. */
const OUTBOX_KEPT_MS = 25 * 3_600_000
const PIECE = 500
/** Sessions looked at a call. */
const WALKED = 2_000

export async function readRevocations(
  db: Executor,
  input: Parameters<Store["readRevocations"]>[0],
): Promise<RevocationPage> {
  const [, server, after] = /^(.+)@(\d{1,20})$/.exec(input.cursor ?? "") ?? []
  const rows = await db.all(REVOKED, server ?? null, after ?? null, input.withinMs)
  const head = rows.find(({ oldest }) => oldest !== null)
  const told = (column: string) => rows.filter((row: Row) => row[column] !== null)
  return {
    sessions: told("session_id").map((row) => ({
      sessionId: readId(row.session_id),
      revokedAt: Number(row.revoked_at),
    })),
    epochs: told("account_id").map((row) => ({
      accountId: readId(row.account_id),
      epoch: Number(row.epoch),
    })),
    notBefore: Number(head?.not_before),
    now: Number(head?.now),
    cursor: `${head?.server}@${head?.oldest}`,
  }
}

/** A bounded piece of everything that has outlived its retention. */
export async function purge(db: Executor, input: Parameters<Store["purge"]>[0]): ReturnType<Store["purge"]> {
  const now = await readNow(db)
  const eventsBefore = now - input.eventRetentionMs
  const sessionsBefore = now - input.revocationRetentionMs
  const deleted = [
    await db.run(PURGE_TOKENS, now, PIECE),
    await db.run(PURGE_FLOWS, now, PIECE),
    await db.run(PURGE_STATES, now, PIECE),
    await db.run(PURGE_OUTBOX, now - OUTBOX_KEPT_MS, PIECE),
    await db.run(PURGE_REVOKED, sessionsBefore, PIECE),
    await db.run(PURGE_EVENTS, eventsBefore, PIECE),
    await db.run(PURGE_BUCKETS, PIECE),
  ]
  const after = input.after === undefined ? undefined : await purgeEnded(db, sessionsBefore, input.after)
  return { more: after !== undefined || deleted.some(({ changes }) => changes === PIECE), after }
}

/** @returns the last session looked at; undefined at the end */
async function purgeEnded(db: Executor, before: number, after: string): Promise<string | undefined> {
  const row = await db.first(WALK, toBlob(after), WALKED)
  const last = row === undefined ? null : (row.id as Uint8Array)
  await db.run(PURGE_ENDED, toBlob(after), last, before)
  return last === null ? undefined : readId(last)
}

export async function ping(db: Executor): Promise<void> {
  await db.first(PING)
}
