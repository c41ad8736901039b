import type { Logger } from "../../core/logger.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { readBytes, readId, toBlob } from "../rows.ts"
import type { EndReason, Peek, RefreshPresentation, RefreshResult, RefreshVerdict, Store } from "../store.ts"
import { lockAccount } from "./address.ts"
import { writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { findAccount, findSession } from "./find.ts"
import { insertMail } from "./mail.ts"
import type { Pool } from "./pool.ts"

/**
 * Rotates, and answers with what tokens are issued from, if that is the decision: nearly every presentation ends here, so its
 * case stands by itself. What another transaction changes or revokes meanwhile the update waits for and then finds changed.
 */
const ROTATE = sql`
  UPDATE nightlatch.session
  SET generation = generation + 1, previous_hash = current_hash, current_hash = $7, salt = $8, rotated_at = clock.now,
    idle_end = clock.now + $9::bigint
  FROM (SELECT nightlatch.now_ms() AS now OFFSET 0) AS clock, nightlatch.account
  WHERE session.id = $1 AND transport = $2 AND generation = $3 AND current_hash = $4
    AND account.id = account_id AND disabled_at IS NULL
    AND revoked_at IS NULL AND clock.now < idle_end AND clock.now < absolute_end
    AND greatest(session.created_at, rotated_at) <= clock.now + 60000
    AND (rotated_at IS NULL OR clock.now
      - CASE WHEN $6::bigint > rotated_at AND $6 - rotated_at < 300000 THEN $6 ELSE rotated_at END >= $5::bigint)
  RETURNING account_id, absolute_end, idle_end, persistent, authenticated_at, methods, roles, epoch, clock.now`

/**
 * The decision for every other presentation, without a lock. `counted_from` is the moment both windows count from: the start
 * of the process ($6), if that is after the rotation and less than five minutes after it.
 */
const DECIDE = sql`
  SELECT account_id, absolute_end, idle_end, persistent, authenticated_at, methods, roles, epoch, now, current_hash, salt,
    CASE
      WHEN greatest(created_at, rotated_at) > now + 60000 THEN 'future'
      WHEN closed OR revoked_at IS NOT NULL OR now >= idle_end OR now >= absolute_end THEN 'ended'
      WHEN generation = $3::bigint AND current_hash = $4::bytea THEN
        CASE WHEN rotated_at IS NOT NULL AND now - counted_from < $5::bigint THEN 'coalesced' ELSE 'rotated' END
      WHEN generation = $3 + 1 AND previous_hash = $4 THEN
        CASE WHEN $7::bigint > 0 AND now - counted_from <= $7 THEN 'retry' ELSE 'late-parent' END
      WHEN generation > $3 + 1 THEN 'reuse'
      ELSE 'rollback'
    END AS verdict
  FROM (
    SELECT session.*, clock.now, roles, epoch, account.id IS NULL OR account.disabled_at IS NOT NULL AS closed,
      CASE WHEN $6::bigint > rotated_at AND $6 - rotated_at < 300000 THEN $6 ELSE rotated_at END AS counted_from
    FROM (SELECT nightlatch.now_ms() AS now OFFSET 0) AS clock
    CROSS JOIN nightlatch.session LEFT JOIN nightlatch.account ON account.id = session.account_id
    WHERE session.id = $1 AND session.transport = $2
  ) AS presented`
const LOCK = sql`SELECT account_id FROM nightlatch.session WHERE id = $1 FOR UPDATE`
const REVOKE = sql`
  UPDATE nightlatch.session SET revoked_at = $1, reason = $2, revoked_xid = pg_current_xact_id() WHERE id = $3`

/** Each lost race means that another presentation of the same token was answered; after that all are retries. */
const RACES = 5

/** What the decision looks at. */
type Question = Parameters<Store["peekRefresh"]>[0]
type Passing = "rotated" | "coalesced" | "retry"
type Decided = Row & {
  /** `future`: the session lies in it, because the database's clock went back. */
  readonly verdict: RefreshVerdict | "future"
}

const aboutOf = (input: Question) =>
  [
    toBlob(input.sessionId),
    input.transport,
    input.generation,
    input.hash,
    input.minRotateMs,
    input.readyAt,
  ] as const

async function decide(db: Executor, input: Question): Promise<Decided | undefined> {
  return (await db.first(DECIDE, ...aboutOf(input), input.graceMs)) as Decided | undefined
}

/** The decision without its consequences. */
export async function peekRefresh(db: Executor, input: Question): Promise<Peek> {
  const row = await decide(db, input)
  switch (row?.verdict) {
    case "rotated":
    case "coalesced":
    case "retry": {
      const session = await findSession(db, input.sessionId)
      const account = await findAccount(db, session?.accountId ?? "")
      const gone = session === undefined || account === undefined
      return gone ? { verdict: "unknown" } : { verdict: row.verdict, session, account }
    }
    case "future":
      throw inTheFuture()
    default:
      return { verdict: row?.verdict ?? "unknown" }
  }
}

export async function presentRefresh(
  pool: Pool,
  input: RefreshPresentation,
  logger: Logger,
): Promise<RefreshResult> {
  for (let race = 0; race < RACES; race++) {
    const rotated = await pool.db.first(
      ROTATE,
      ...aboutOf(input),
      input.nextHash,
      input.nextSalt,
      input.idleMs,
    )
    if (rotated !== undefined) return pass(rotated, "rotated", input)
    const row = await decide(pool.db, input)
    if (row === undefined) return { verdict: "unknown" }
    switch (row.verdict) {
      case "rotated":
        continue
      case "coalesced":
      case "retry":
        return pass(row, row.verdict, input)
      case "future":
        logger.error({ sessionId: input.sessionId }, "a session lies in the future: the clock went back")
        throw inTheFuture()
      case "late-parent":
      case "reuse":
      case "rollback": {
        const revoked = await pool.transaction((db) => revoke(db, input, readId(row.account_id)))
        if (revoked !== undefined) return revoked
        continue
      }
      default:
        return { verdict: "ended", accountId: readId(row.account_id) }
    }
  }
  throw new UnavailableError("a refresh lost too many races")
}

/** Under the locks the decision is made again: what passes now is not for this path, and undefined. */
async function revoke(
  db: Executor,
  input: RefreshPresentation,
  accountId: string,
): Promise<RefreshResult | undefined> {
  const account = await lockAccount(db, accountId)
  await db.first(LOCK, toBlob(input.sessionId))
  const row = await decide(db, input)
  if (row === undefined) return { verdict: "unknown" }
  switch (row.verdict) {
    case "late-parent":
    case "reuse":
    case "rollback": {
      const now = Number(row.now)
      await db.run(REVOKE, now, row.verdict satisfies EndReason, toBlob(input.sessionId))
      await writeEvents(db, now, input.events[row.verdict], accountId)
      if (row.verdict !== "rollback" && account !== undefined) await insertMail(db, now, input.mail(account))
      return { verdict: row.verdict, accountId }
    }
    case "future":
      throw inTheFuture()
    case "ended":
      return { verdict: "ended", accountId }
    default:
      return undefined
  }
}

function pass(row: Row, verdict: Passing, input: RefreshPresentation): RefreshResult {
  const [rotated, accountId] = [verdict === "rotated", readId(row.account_id)]
  return {
    verdict,
    session: {
      id: input.sessionId,
      accountId,
      absoluteEnd: Number(row.absolute_end),
      idleEnd: Number(row.idle_end),
      transport: input.transport,
      persistent: row.persistent === true,
      authenticatedAt: Number(row.authenticated_at),
      methods: row.methods as string[],
    },
    account: { id: accountId, roles: row.roles as string[], epoch: Number(row.epoch) },
    salt: rotated ? input.nextSalt : readBytes(row.salt),
    currentHash: rotated ? input.nextHash : readBytes(row.current_hash),
    now: Number(row.now),
  }
}

function inTheFuture(): UnavailableError {
  return new UnavailableError("a session lies more than 60 s in the future")
}
