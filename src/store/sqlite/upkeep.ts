import { sql } from "../../core/statement.ts"
import { readId, toBlob } from "../rows.ts"
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
const WALK = sql`
  SELECT max(id) AS last, count(*) AS looked FROM (SELECT id FROM session WHERE id > ? ORDER BY id LIMIT ?)`
const PURGE_ENDED = sql`DELETE FROM session WHERE id > ? AND id <= ? AND min(idle_end, absolute_end) <= ?`
const DECLARE_OLD = sql`UPDATE meta SET value = max(value, ?) WHERE key = 'event_purge_before'`
const PURGE_EVENTS = sql`DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? ORDER BY at LIMIT ?)`
const PING_READ = sql`SELECT count(*) AS n FROM meta`
const PING_WRITE = sql`UPDATE meta SET value = value WHERE key = 'event_purge_before'`

/** A revocation commits up to this long after it took its time; so far each poll looks back. The cursor is a time. */
const OVERLAP_MS = 5_000
/** Per-recipient limits count a day back; an hour more for clocks. */
const OUTBOX_KEPT_MS = 25 * 3_600_000
const PIECE = 500
/** Sessions looked at a call: a few milliseconds, for which nothing else of this process runs. */
const WALKED = 500

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

/** A bounded piece of everything that has outlived its retention. */
export function purge(
  db: Executor,
  now: number,
  input: Parameters<Store["purge"]>[0],
): Awaited<ReturnType<Store["purge"]>> {
  const eventsBefore = now - input.eventRetentionMs
  const sessionsBefore = now - input.revocationRetentionMs
  db.run(DECLARE_OLD, eventsBefore)
  const deleted = [
    db.run(PURGE_TOKENS, now, PIECE),
    db.run(PURGE_FLOWS, now, PIECE),
    db.run(PURGE_STATES, now, PIECE),
    db.run(PURGE_OUTBOX, now - OUTBOX_KEPT_MS, PIECE),
    db.run(PURGE_REVOKED, sessionsBefore, PIECE),
    db.run(PURGE_EVENTS, eventsBefore, PIECE),
  ]
  const after = purgeEnded(db, sessionsBefore, input.after)
  return { more: after !== undefined || deleted.some(({ changes }) => changes === PIECE), after }
}

/** @returns the last session looked at; undefined at the end */
function purgeEnded(db: Executor, before: number, after: string | undefined): string | undefined {
  if (after === undefined) return undefined
  const from = toBlob(after)
  const { last = null, looked = 0 } = db.first(WALK, from, WALKED) ?? {}
  if (last === null) return undefined
  db.run(PURGE_ENDED, from, last, before)
  return looked === WALKED ? readId(last) : undefined
}

export function ping(db: Executor): void {
  db.first(PING_READ)
  db.run(PING_WRITE)
}
