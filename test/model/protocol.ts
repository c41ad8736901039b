import { type Decision, decide, type Presentation, type Row } from "./reference.ts"

/**
 * Time in the exploration is counted in legs of the network (D = 1), and "now" is always 0. These are the smallest whole
 * numbers that satisfy the protocol: grace >= 2D, minRotate > 3D.
 */
export const GRACE: number = 2
export const MIN_ROTATE: number = 4
/** Stands for the five minutes after a rotation in which a restart starts the grace anew. */
export const RESTART_WINDOW: number = 6
/** Ages beyond this make no difference to anything. */
export const OLD: number = RESTART_WINDOW + GRACE + 1
export const ABSOLUTE_END: number = 100

/** A token in the exploration: session, generation and which of that generation's secrets, in one number. */
export type Token = number
export const NO_TOKEN: Token = 0
export function tokenOf(session: number, generation: number, variant: number): Token {
  return session * 1000 + generation * 10 + variant
}
export function sessionOf(token: Token): number {
  return Math.floor(token / 1000)
}
export function generationOf(token: Token): number {
  return Math.floor((token % 1000) / 10)
}

export interface RefreshAnswer {
  readonly ok: boolean
  /** The refresh token it sets, or NO_TOKEN. */
  readonly set: Token
  readonly clear: boolean
}

/** Everything that a planted mistake may change. */
export interface Protocol {
  readonly graceMs: number
  readonly minRotateMs: number
  decide(row: Row | undefined, presented: Presentation, now: number): Decision
  answer(decision: Decision, presented: Presentation): RefreshAnswer
  /** What a signed-in row looks like. */
  begin(row: Row): Row
  /** Whether a write is conditional on the row the decision was made from. */
  readonly compareAndSwap: boolean
  /** Which answers of a transaction wait for its commit. */
  readonly waitsForCommit: "all" | "writes" | "none"
  readonly revocationIsDurable: boolean
  readonly macIsChecked: boolean
  readonly transportIsChecked: boolean
  readonly signInReplaces: boolean
  readonly logoutRevokes: boolean
  readonly passwordEndsAll: boolean
  readonly disablingEnds: boolean
  /** Whether the process tells the store when it became ready. */
  readonly restartMovesGrace: boolean
  /** Which sessions an ending verdict revokes. */
  readonly ends: "this" | "all" | "neighbour"
}

export const CORRECT: Protocol = {
  graceMs: GRACE,
  minRotateMs: MIN_ROTATE,
  decide: (row, presented, now) => decide(row, presented, now, RESTART_WINDOW),
  answer(decision, _presented) {
    const { verdict, row } = decision
    const ok = verdict === "rotated" || verdict === "retry" || verdict === "coalesced"
    // The salt names the successor: this is "recompute it from what the client sent and the row".
    const set = ok && verdict !== "coalesced" && row !== undefined ? Number(row.salt) : NO_TOKEN
    return { ok, set, clear: false }
  },
  begin: (row) => row,
  compareAndSwap: true,
  waitsForCommit: "all",
  revocationIsDurable: true,
  macIsChecked: true,
  transportIsChecked: true,
  signInReplaces: true,
  logoutRevokes: true,
  passwordEndsAll: true,
  disablingEnds: true,
  restartMovesGrace: true,
  ends: "this",
}
