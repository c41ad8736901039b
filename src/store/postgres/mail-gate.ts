import { sql } from "../../core/statement.ts"
import type { NewMail } from "../store.ts"
import type { Executor } from "./executor.ts"

const SHARE = sql`
  SAVEPOINT gate;
  SELECT pg_advisory_xact_lock_shared(hashtextextended('nightlatch outbox', 5271009))`
/** A shared lock that grew would wait for others that want to grow: it is given back first. */
const ALONE = sql`
  ROLLBACK TO SAVEPOINT gate;
  SELECT pg_advisory_xact_lock(hashtextextended('nightlatch outbox', 5271009))`
/** `unseen`: what other transactions may have inserted and not committed, as many of them as the server lets in. */
const ROOM = sql`
  SELECT $3::int * current_setting('max_connections')::int AS unseen,
    (SELECT count(*) FROM nightlatch.outbox
      WHERE created_at > $1::bigint - 3600000 AND counted AND decoy = kind) AS total
  FROM unnest($2::boolean[]) AS kind`

/** A change of address tells the old one and the new one. */
const MAILS_A_VERB = 2

/**
 * The limit on all mails together, which transactions that do not see one another must not exceed, and which must not make
 * them wait in one line while it is far away. Those that are far from it, or beyond it, pass together, holding the gate
 * shared; those close to it pass one at a time and count exactly. Far is: whatever all others may have inserted unseen
 * still fits. Everybody counts after getting the gate, so that what the one before it inserted is seen.
 */
export async function openGate(
  db: Executor,
  now: number,
  mails: readonly NewMail[],
  totalHour: number,
): Promise<void> {
  if (mails.length === 0) return
  const kinds = [...new Set(mails.map(({ decoy }) => decoy))]
  await db.run(SHARE)
  const rooms = await db.all(ROOM, now, kinds, MAILS_A_VERB)
  const free = rooms.every(({ total, unseen }) => {
    const counted = Number(total)
    return counted >= totalHour || counted + Number(unseen) <= totalHour
  })
  if (!free || mails.length > MAILS_A_VERB) await db.run(ALONE)
}
