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
 * The decision and the rotation in one statement, without a lock for the answers that write nothing. The verdict comes from
 * the statement's snapshot; the update compares and swaps, and what another transaction has changed or revoked meanwhile it
 * waits for and then finds changed: `moved` is false, and everything is asked again. `counted_from` is the moment both windows count
 * from: the start of the process ($8), if that is after the rotation and less than five minutes after it.
 * Each column costs both sides with each answer: here are those that tokens are issued from.
 */
const PRESENT = sql`
  WITH clock AS MATERIALIZED (SELECT nightlatch.now_ms() AS now),
  presented AS (
    SELECT clock.now, account_id, session.created_at, rotated_at, revoked_at, idle_end, absolute_end, generation,
      current_hash, previous_hash, salt, persistent, authenticated_at, methods, account.roles, account.epoch,
      account.id IS NULL OR account.disabled_at IS NOT NULL AS closed,
      CASE WHEN $8::bigint > rotated_at AND $8 - rotated_at < 300000 THEN $8 ELSE rotated_at END AS counted_from
    FROM clock CROSS JOIN nightlatch.session LEFT JOIN nightlatch.account ON account.id = session.account_id
    WHERE session.id = $1 AND session.transport = $2
  ),
  decided AS MATERIALIZED (
    SELECT *,
      CASE
        WHEN greatest(created_at, rotated_at) > now + 60000 THEN 'future'
        WHEN closed OR revoked_at IS NOT NULL OR now >= idle_end OR now >= absolute_end THEN 'ended'
        WHEN generation = $3::bigint AND current_hash = $4::bytea THEN
          CASE WHEN rotated_at IS NOT NULL AND now - counted_from < $6::bigint THEN 'coalesced' ELSE 'rotated' END
        WHEN generation = $3 + 1 AND previous_hash = $4 THEN
          CASE WHEN $5::bigint > 0 AND now - counted_from <= $5 THEN 'retry' ELSE 'late-parent' END
        WHEN generation > $3 + 1 THEN 'reuse'
        ELSE 'rollback'
      END AS verdict
    FROM presented
  ),
  moved AS (
    UPDATE nightlatch.session
    SET generation = session.generation + 1, previous_hash = session.current_hash, current_hash = $9, salt = $10,
      rotated_at = decided.now, idle_end = decided.now + $7::bigint
    FROM decided
    WHERE decided.verdict = 'rotated' AND $9::bytea IS NOT NULL
      AND session.id = $1 AND session.generation = $3 AND session.current_hash = $4 AND session.revoked_at IS NULL
    RETURNING session.id
  )
  SELECT account_id, absolute_end, idle_end, persistent, authenticated_at, methods, roles, epoch, now,
    verdict, EXISTS (SELECT FROM moved) AS moved,
    CASE WHEN verdict <> 'rotated' THEN current_hash END AS current_hash,
    CASE WHEN verdict <> 'rotated' THEN salt END AS salt
  FROM decided`
const LOCK = sql`SELECT account_id FROM nightlatch.session WHERE id = $1 FOR UPDATE`
const REVOKE = sql`
  UPDATE nightlatch.session SET revoked_at = $1, reason = $2, revoked_xid = pg_current_xact_id() WHERE id = $3`

/** Each lost race means that another presentation of the same token was answered; after that all are retries. */
const RACES = 5

/** What the decision looks at. */
type Question = Parameters<Store["peekRefresh"]>[0]
type Next = Pick<RefreshPresentation, "nextHash" | "nextSalt" | "idleMs">
type Passing = "rotated" | "coalesced" | "retry"
type Decided = Row & {
  /** `future`: the session lies in it, because the database's clock went back. */
  readonly verdict: RefreshVerdict | "future"
}

/** @param next without it nothing is written */
async function decide(db: Executor, input: Question, next?: Next): Promise<Decided | undefined> {
  const row = await db.first(
    PRESENT,
    toBlob(input.sessionId),
    input.transport,
    input.generation,
    input.hash,
    input.graceMs,
    input.minRotateMs,
    next?.idleMs ?? 0,
    input.readyAt,
    next?.nextHash ?? null,
    next?.nextSalt ?? null,
  )
  return row as Decided | undefined
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
    const row = await decide(pool.db, input, input)
    if (row === undefined) return { verdict: "unknown" }
    switch (row.verdict) {
      case "rotated":
        if (row.moved !== true) continue
        return pass(row, row.verdict, input)
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
  const [now, rotated, accountId] = [Number(row.now), verdict === "rotated", readId(row.account_id)]
  return {
    verdict,
    session: {
      id: input.sessionId,
      accountId,
      absoluteEnd: Number(row.absolute_end),
      idleEnd: rotated ? now + input.idleMs : Number(row.idle_end),
      transport: input.transport,
      persistent: row.persistent === true,
      authenticatedAt: Number(row.authenticated_at),
      methods: row.methods as string[],
    },
    account: { id: accountId, roles: row.roles as string[], epoch: Number(row.epoch) },
    salt: rotated ? input.nextSalt : readBytes(row.salt),
    currentHash: rotated ? input.nextHash : readBytes(row.current_hash),
    now,
  }
}

function inTheFuture(): UnavailableError {
  return new UnavailableError("a session lies more than 60 s in the future")
}
