import { sql } from "../../core/statement.ts"
import { readId } from "../rows.ts"
import type { RevocationPage, Store } from "../store.ts"
import type { Executor } from "./executor.ts"

const REVOKED_SINCE = sql`
  SELECT id, revoked_at FROM session WHERE revoked_at IS NOT NULL AND revoked_at >= ? ORDER BY revoked_at`
const NOT_BEFORE = sql`SELECT value FROM meta WHERE key = 'sessions_not_before'`
const EPOCHS_SINCE = sql`SELECT id, epoch FROM account WHERE epoch_at >= ? AND epoch > 1`
const PURGE_TOKENS = sql`
  DELETE FROM one_time_token WHERE hash IN (SELECT hash FROM one_time_token WHERE expires_at <= ? LIMIT ?)`
const PURGE_FLOWS = sql`
  DELETE FROM mail_flow WHERE id IN (SELECT id FROM mail_flow WHERE expires_at <= ? LIMIT ?)`
const PURGE_STATES = sql`
  DELETE FROM redeemed_state WHERE hash IN (SELECT hash FROM redeemed_state WHERE expires_at <= ? LIMIT ?)`
const PURGE_OUTBOX = sql`
  DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE created_at <= ? AND due_at IS NULL LIMIT ?)`
const PURGE_REVOKED = sql`
  DELETE FROM session WHERE id IN
    (SELECT id FROM session WHERE revoked_at IS NOT NULL AND revoked_at <= ? LIMIT ?)`
const PURGE_ENDED = sql`
  DELETE FROM session WHERE id IN (SELECT id FROM session WHERE min(idle_end, absolute_end) <= ? LIMIT ?)`
const DECLARE_OLD = sql`UPDATE meta SET value = max(value, ?) WHERE key = 'event_purge_before'`
const PURGE_EVENTS = sql`DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? ORDER BY at LIMIT ?)`
const PING_READ = sql`SELECT count(*) AS n FROM meta`
const PING_WRITE = sql`UPDATE meta SET value = value WHERE key = 'event_purge_before'`

/** A revocation commits up to this long after it took its time; so far each poll looks back. The cursor is a time. */
const OVERLAP_MS = 5_000
/** Per-recipient limits count a day back; an hour more for clocks. */
const OUTBOX_KEPT_MS = 25 * 3_600_000
const PIECE = 500

export function readRevocations(
  db: Executor,
  now: number,
  input: Parameters<Store["readRevocations"]>[0],
): RevocationPage {
  const since = Number(input.cursor)
  // A clock that went back would hide what is revoked until it has caught up.
  const from = input.cursor === undefined || !(since <= now) ? now - input.withinMs : since - OVERLAP_MS
  return {
    sessions: db.all(REVOKED_SINCE, from).map((row) => ({
      sessionId: readId(row.id),
      revokedAt: Number(row.revoked_at),
    })),
    epochs: db
      .all(EPOCHS_SINCE, from)
      .map((row) => ({ accountId: readId(row.id), epoch: Number(row.epoch) })),
    notBefore: Number(db.first(NOT_BEFORE)?.value),
    now,
    cursor: String(now),
  }
}

/** A bounded piece of everything that has outlived its retention; true when there is more. */
export function purge(db: Executor, now: number, input: Parameters<Store["purge"]>[0]): boolean {
  const eventsBefore = now - input.eventRetentionMs
  const sessionsBefore = now - input.revocationRetentionMs
  db.run(DECLARE_OLD, eventsBefore)
  const deleted = [
    db.run(PURGE_TOKENS, now, PIECE),
    db.run(PURGE_FLOWS, now, PIECE),
    db.run(PURGE_STATES, now, PIECE),
    db.run(PURGE_OUTBOX, now - OUTBOX_KEPT_MS, PIECE),
    db.run(PURGE_REVOKED, sessionsBefore, PIECE),
    db.run(PURGE_ENDED, sessionsBefore, PIECE),
    db.run(PURGE_EVENTS, eventsBefore, PIECE),
  ]
  return deleted.some(({ changes }) => changes === PIECE)
}

export function ping(db: Executor): void {
  db.first(PING_READ)
  db.run(PING_WRITE)
}
