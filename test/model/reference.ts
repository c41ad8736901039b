/**
 * The refresh decision as a pure function over plain values, written from the protocol and not from the SQL. The
 * exploration runs it, and the store must agree with it on every input. Hashes and salts are texts here.
 */
export interface Row {
  readonly generation: number
  readonly currentHash: string
  readonly previousHash: string | null
  readonly salt: string
  /** null in generation 1, so that the first refresh always rotates. */
  readonly rotatedAt: number | null
  readonly revokedAt: number | null
  readonly idleEnd: number
  readonly absoluteEnd: number
}

/** A token whose mac was right, with the successor derived from it. */
export interface Presentation {
  readonly generation: number
  readonly hash: string
  readonly nextHash: string
  readonly nextSalt: string
  readonly graceMs: number
  readonly minRotateMs: number
  readonly idleMs: number
  readonly readyAt: number
}

export type Verdict =
  | "rotated"
  | "coalesced"
  | "retry"
  | "late-parent"
  | "reuse"
  | "rollback"
  | "ended"
  | "unknown"

export interface Decision {
  readonly verdict: Verdict
  /** The row afterwards: the very same value when nothing is written. */
  readonly row: Row | undefined
}

/** A restart within this time after a rotation starts the grace anew, once. */
export const RESTART_WINDOW_MS: number = 5 * 60_000

export function decide(
  row: Row | undefined,
  presented: Presentation,
  now: number,
  restartWindowMs: number = RESTART_WINDOW_MS,
): Decision {
  // 1: no row, revoked, past an end
  if (row === undefined) return { verdict: "unknown", row }
  if (row.revokedAt !== null || now >= row.idleEnd || now >= row.absoluteEnd) return { verdict: "ended", row }

  // 7: ahead of the row
  if (presented.generation > row.generation) return revoke(row, "rollback", now)

  // 3: the current generation
  if (presented.generation === row.generation) {
    if (presented.hash !== row.currentHash) return revoke(row, "rollback", now)
    const age = ageOfRotation(row, presented, now, restartWindowMs)
    return age < presented.minRotateMs ? { verdict: "coalesced", row } : rotate(row, presented, now)
  }

  // 4, 5 and 7: the generation before
  if (presented.generation === row.generation - 1) {
    if (presented.hash !== row.previousHash) return revoke(row, "rollback", now)
    return insideGrace(row, presented, now, restartWindowMs)
      ? { verdict: "retry", row }
      : revoke(row, "late-parent", now)
  }

  // 6: any older one
  return revoke(row, "reuse", now)
}

function insideGrace(row: Row, presented: Presentation, now: number, restartWindowMs: number): boolean {
  return presented.graceMs > 0 && ageOfRotation(row, presented, now, restartWindowMs) <= presented.graceMs
}

/**
 * Counted from the later of the rotation and, if it followed within the window, the moment the process became ready. Both
 * windows use it: were only the grace to start anew after a restart, one tab could rotate while another's retry, still
 * inside the grace, is on its way, and the retry would look like reuse.
 */
function ageOfRotation(row: Row, presented: Presentation, now: number, restartWindowMs: number): number {
  if (row.rotatedAt === null) return Number.POSITIVE_INFINITY
  const restarted = presented.readyAt > row.rotatedAt && presented.readyAt - row.rotatedAt < restartWindowMs
  return now - (restarted ? presented.readyAt : row.rotatedAt)
}

function rotate(row: Row, presented: Presentation, now: number): Decision {
  return {
    verdict: "rotated",
    row: {
      ...row,
      generation: row.generation + 1,
      currentHash: presented.nextHash,
      previousHash: row.currentHash,
      salt: presented.nextSalt,
      rotatedAt: now,
      idleEnd: now + presented.idleMs,
    },
  }
}

function revoke(row: Row, verdict: Verdict, now: number): Decision {
  return { verdict, row: { ...row, revokedAt: now } }
}
