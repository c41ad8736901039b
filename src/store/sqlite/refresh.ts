import type { Logger } from "../../core/logger.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { readAccount, readBytes, readSession, toBlob } from "../rows.ts"
import type {
  Account,
  EndReason,
  Peek,
  RefreshPresentation,
  RefreshResult,
  RefreshVerdict,
  Store,
} from "../store.ts"
import { writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { insertMail } from "./mail.ts"

/**
 * The decision, in one statement beside the row it is about. `counted_from` is the moment both windows count from: the
 * start of the process (:ready), if that is after the rotation and less than five minutes after it; else the rotation.
 * Order and edges are those of the session protocol; the tests compare each cell with a reference that is not SQL.
 */
const DECIDE = sql`
  WITH presented AS (
    SELECT session.*, account.id IS NULL OR account.disabled_at IS NOT NULL AS closed,
      email, password_hash, roles, epoch, failures, account.created_at AS account_created_at, verified_at, disabled_at,
      deletion_at,
      CASE WHEN :ready > rotated_at AND :ready - rotated_at < 300000 THEN :ready ELSE rotated_at END AS counted_from
    FROM session LEFT JOIN account ON account.id = session.account_id
    WHERE session.id = :id AND session.transport = :transport
  )
  SELECT *, max(created_at, ifnull(rotated_at, 0)) > :now + 60000 AS future,
    CASE
      WHEN closed OR revoked_at IS NOT NULL OR :now >= idle_end OR :now >= absolute_end THEN 'ended'
      WHEN generation = :generation AND current_hash = :hash THEN
        CASE WHEN rotated_at IS NOT NULL AND :now - counted_from < :minimum THEN 'coalesced' ELSE 'rotated' END
      WHEN generation = :generation + 1 AND previous_hash = :hash THEN
        CASE WHEN :grace > 0 AND :now - counted_from <= :grace THEN 'retry' ELSE 'late-parent' END
      WHEN generation > :generation + 1 THEN 'reuse'
      ELSE 'rollback'
    END AS verdict
  FROM presented`

const ROTATE = sql`
  UPDATE session
  SET generation = generation + 1, previous_hash = current_hash, current_hash = ?, salt = ?, rotated_at = ?, idle_end = ?
  WHERE id = ? AND generation = ? AND current_hash = ? AND revoked_at IS NULL`
const REVOKE = sql`UPDATE session SET revoked_at = ?, reason = ? WHERE id = ? AND revoked_at IS NULL`

/** What the decision looks at. */
type Question = Parameters<Store["peekRefresh"]>[0]

function decide(db: Executor, now: number, input: Question): Row | undefined {
  return db.first(DECIDE, {
    id: toBlob(input.sessionId),
    now,
    transport: input.transport,
    generation: input.generation,
    hash: input.hash,
    ready: input.readyAt,
    grace: input.graceMs,
    minimum: input.minRotateMs,
  })
}

/** The decision without its consequences. */
export function peekRefresh(db: Executor, now: number, input: Question): Peek {
  const row = decide(db, now, input)
  if (row === undefined) return { verdict: "unknown" }
  if (row.future === 1) throw new UnavailableError("a session lies more than 60 s in the future")
  const verdict = row.verdict as RefreshVerdict
  if (verdict !== "rotated" && verdict !== "coalesced" && verdict !== "retry") return { verdict }
  return { verdict, session: readSession(row), account: accountOf(row) }
}

export function presentRefresh(
  db: Executor,
  now: number,
  input: RefreshPresentation,
  logger: Logger,
): RefreshResult {
  const id = toBlob(input.sessionId)
  const row = decide(db, now, input)
  if (row === undefined) return { verdict: "unknown" }
  if (row.future === 1) {
    logger.error({ sessionId: input.sessionId }, "a session lies in the future: the clock went back")
    throw new UnavailableError("a session lies more than 60 s in the future")
  }
  const session = readSession(row)
  const verdict = row.verdict as RefreshVerdict
  const { accountId } = session
  switch (verdict) {
    case "rotated": {
      const idleEnd = now + input.idleMs
      const { nextHash, nextSalt, generation, hash } = input
      const { changes } = db.run(ROTATE, nextHash, nextSalt, now, idleEnd, id, generation, hash)
      if (changes !== 1) throw new UnavailableError("a rotation found its row changed")
      const moved = { ...session, generation: generation + 1, rotatedAt: now, idleEnd }
      return { verdict, session: moved, account: accountOf(row), salt: nextSalt, currentHash: nextHash, now }
    }
    case "coalesced":
    case "retry":
      return {
        verdict,
        session,
        account: accountOf(row),
        salt: readBytes(row.salt),
        currentHash: readBytes(row.current_hash),
        now,
      }
    case "late-parent":
    case "reuse":
    case "rollback":
      db.run(REVOKE, now, verdict satisfies EndReason, id)
      writeEvents(db, now, input.events[verdict], accountId)
      if (verdict !== "rollback") insertMail(db, now, input.mail(accountOf(row)))
      return { verdict, accountId }
    default:
      return { verdict: "ended", accountId }
  }
}

/** The account of a session that is not closed: there is one, or the verdict would be `ended`. */
function accountOf(row: Row): Account {
  return readAccount({ ...row, id: row.account_id ?? null, created_at: row.account_created_at ?? null })
}
