import { sql } from "../../core/statement.ts"
import { FORGOTTEN_MS, HOLDER_LIVES_MS, readHolder, readKnownSecret, SECRET_KEPT_MS } from "../secret-rows.ts"
import type { Store } from "../store.ts"
import { writeEvents } from "./events.ts"
import type { Executor } from "./executor.ts"

/** Until now, also if another one comes first from now on. */
const SIGNED = sql`
  UPDATE root_secret SET signed_at = ?
  WHERE id IN (SELECT secret FROM secret_holder WHERE instance = ? AND place = 0)`
const DROP = sql`
  DELETE FROM secret_holder WHERE instance = ? AND secret NOT IN (SELECT value FROM json_each(?))`
const ANY = sql`SELECT EXISTS (SELECT 1 FROM root_secret) AS known`
const KNOW = sql`INSERT INTO root_secret (id, known_at) VALUES (?, ?) ON CONFLICT DO NOTHING`
const LIST = sql`
  UPDATE root_secret SET removed_at = NULL, signed_at = CASE WHEN ? = 0 THEN ? ELSE signed_at END WHERE id = ?`
const HOLD = sql`
  INSERT INTO secret_holder (instance, secret, place, since, seen_at, address) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (instance, secret) DO UPDATE SET place = excluded.place, seen_at = excluded.seen_at`
const FORGET = sql`DELETE FROM secret_holder WHERE seen_at < ?`
const REMOVED = sql`
  UPDATE root_secret SET removed_at = ?
  WHERE removed_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM secret_holder WHERE secret = root_secret.id AND seen_at >= ?)
  RETURNING id, known_at, signed_at`
const PURGE = sql`DELETE FROM root_secret WHERE removed_at < ?`
const LEAVE = sql`DELETE FROM secret_holder WHERE instance = ?`
const SECRETS = sql`SELECT id, known_at, signed_at FROM root_secret WHERE removed_at IS NULL ORDER BY known_at, id`
const HOLDERS = sql`
  SELECT instance, address, secret, place, since FROM secret_holder WHERE seen_at >= ? ORDER BY instance, place`

export function noteSecrets(
  db: Executor,
  now: number,
  input: Parameters<Store["noteSecrets"]>[0],
): Awaited<ReturnType<Store["noteSecrets"]>> {
  const { instance, address, secrets } = input
  const begins = Number(db.first(ANY)?.known) === 0
  db.run(SIGNED, now, instance)
  db.run(DROP, instance, JSON.stringify(secrets))
  let added = 0
  for (const [place, id] of secrets.entries()) {
    added += db.run(KNOW, id, now).changes
    db.run(LIST, place, now, id)
    db.run(HOLD, instance, id, place, now, now, address)
  }
  db.run(FORGET, now - FORGOTTEN_MS)
  const removed = db.all(REMOVED, now, now - HOLDER_LIVES_MS).map(readKnownSecret)
  db.run(PURGE, now - SECRET_KEPT_MS)
  // What a new database begins with is no change.
  if (added > 0 && !begins) writeEvents(db, now, input.added)
  if (removed.length > 0) writeEvents(db, now, input.removed)
  return { now, removed }
}

export function leaveSecrets(db: Executor, now: number, instance: string): void {
  db.run(SIGNED, now, instance)
  db.run(LEAVE, instance)
}

export function listSecrets(db: Executor, now: number): Awaited<ReturnType<Store["listSecrets"]>> {
  return {
    now,
    secrets: db.all(SECRETS).map(readKnownSecret),
    holders: db.all(HOLDERS, now - HOLDER_LIVES_MS).map(readHolder),
  }
}
