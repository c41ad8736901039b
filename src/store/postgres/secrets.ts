import { sql } from "../../core/statement.ts"
import { FORGOTTEN_MS, HOLDER_LIVES_MS, readHolder, readKnownSecret, SECRET_KEPT_MS } from "../secret-rows.ts"
import type { Store } from "../store.ts"
import { writeEvents } from "./events.ts"
import type { Executor } from "./executor.ts"
import { readNow } from "./find.ts"

/** Of all instances one at a time: they say it at the same moments, and about the same rows. */
const LOCK = sql`SELECT pg_advisory_xact_lock(hashtextextended('nightlatch secrets', 5271009))`
/** Until now, also if another one comes first from now on. */
const SIGNED = sql`
  UPDATE nightlatch.root_secret SET signed_at = $1
  WHERE id IN (SELECT secret FROM nightlatch.secret_holder WHERE instance = $2 AND place = 0)`
const DROP = sql`DELETE FROM nightlatch.secret_holder WHERE instance = $1 AND secret <> ALL ($2::text[])`
const ANY = sql`SELECT EXISTS (SELECT FROM nightlatch.root_secret) AS known`
const KNOW = sql`
  INSERT INTO nightlatch.root_secret (id, known_at) SELECT id, $1 FROM unnest($2::text[]) AS listed (id)
  ON CONFLICT DO NOTHING`
const LIST = sql`
  UPDATE nightlatch.root_secret SET removed_at = NULL, signed_at = CASE WHEN id = $1 THEN $2 ELSE signed_at END
  WHERE id = ANY ($3::text[]) AND (removed_at IS NOT NULL OR id = $1)`
const HOLD = sql`
  INSERT INTO nightlatch.secret_holder AS known (instance, secret, place, since, seen_at, address)
  SELECT $1, listed.id, listed.place - 1, $2, $2, $3
  FROM unnest($4::text[]) WITH ORDINALITY AS listed (id, place)
  ON CONFLICT (instance, secret) DO UPDATE SET place = excluded.place, seen_at = excluded.seen_at`
const FORGET = sql`DELETE FROM nightlatch.secret_holder WHERE seen_at < $1`
const REMOVED = sql`
  UPDATE nightlatch.root_secret SET removed_at = $1
  WHERE removed_at IS NULL
    AND NOT EXISTS (SELECT FROM nightlatch.secret_holder WHERE secret = root_secret.id AND seen_at >= $2)
  RETURNING id, known_at, signed_at`
const PURGE = sql`DELETE FROM nightlatch.root_secret WHERE removed_at < $1`
const LEAVE = sql`DELETE FROM nightlatch.secret_holder WHERE instance = $1`
const SECRETS = sql`
  SELECT id, known_at, signed_at FROM nightlatch.root_secret WHERE removed_at IS NULL ORDER BY known_at, id`
const HOLDERS = sql`
  SELECT instance, address, secret, place, since FROM nightlatch.secret_holder WHERE seen_at >= $1
  ORDER BY instance, place`

export async function noteSecrets(
  db: Executor,
  input: Parameters<Store["noteSecrets"]>[0],
): ReturnType<Store["noteSecrets"]> {
  const { instance, address, secrets } = input
  await db.first(LOCK)
  const now = await readNow(db)
  const begins = (await db.first(ANY))?.known !== true
  await db.run(SIGNED, now, instance)
  await db.run(DROP, instance, secrets)
  const { changes: added } = await db.run(KNOW, now, secrets)
  await db.run(LIST, secrets[0] ?? "", now, secrets)
  await db.run(HOLD, instance, now, address, secrets)
  await db.run(FORGET, now - FORGOTTEN_MS)
  const removed = (await db.all(REMOVED, now, now - HOLDER_LIVES_MS)).map(readKnownSecret)
  await db.run(PURGE, now - SECRET_KEPT_MS)
  // What a new database begins with is no change.
  if (added > 0 && !begins) await writeEvents(db, now, input.added)
  if (removed.length > 0) await writeEvents(db, now, input.removed)
  return { now, removed }
}

export async function leaveSecrets(db: Executor, instance: string): Promise<void> {
  await db.first(LOCK)
  await db.run(SIGNED, await readNow(db), instance)
  await db.run(LEAVE, instance)
}

export async function listSecrets(db: Executor): ReturnType<Store["listSecrets"]> {
  const now = await readNow(db)
  return {
    now,
    secrets: (await db.all(SECRETS)).map(readKnownSecret),
    holders: (await db.all(HOLDERS, now - HOLDER_LIVES_MS)).map(readHolder),
  }
}
