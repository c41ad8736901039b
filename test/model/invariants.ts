import {
  ABSOLUTE_END,
  GRACE,
  generationOf,
  MIN_ROTATE,
  NO_TOKEN,
  type Protocol,
  RESTART_WINDOW,
  type RefreshAnswer,
  sessionOf,
  type Token,
} from "./protocol.ts"
import type { Presentation, Row, Verdict } from "./reference.ts"
import { isLive, isParent, type Message, type State } from "./state.ts"

/** A sentence of the protocol that does not hold, by its number. */
export class Violation extends Error {
  override readonly name = "Violation"
  readonly rule: string
  constructor(rule: string, text: string) {
    super(text)
    this.rule = rule
  }
}

const ACCEPTED: readonly string[] = ["rotated", "retry", "coalesced"]
const REVOKING: readonly string[] = ["late-parent", "reuse", "rollback"]

export function isAccepted(verdict: string): boolean {
  return ACCEPTED.includes(verdict)
}

export function isRevoking(verdict: string): boolean {
  return REVOKING.includes(verdict)
}

/** The age the grace is measured by, from what the observer saw and not from the row. */
export function graceAge(state: State, session: number): number {
  const rotated = state.witness[session]?.rotated ?? -1
  if (rotated < 0) return Number.POSITIVE_INFINITY
  const restarted = state.ready < rotated && rotated - state.ready < RESTART_WINDOW
  return restarted ? state.ready : rotated
}

/** What sessions.md says of a token, without the decision's code. */
function isGood(state: State, token: Token): boolean {
  const row = state.rows[sessionOf(token)]
  const witness = state.witness[sessionOf(token)]
  if (!isLive(row) || witness === undefined || witness.dead || witness.expired) return false
  if (row.currentHash === String(token)) return true
  return isParent(row, token) && graceAge(state, sessionOf(token)) <= GRACE
}

/** I1 and I5 as one predicate over a state: exactly the current token and, inside the grace, its parent are accepted. */
export function checkState(protocol: Protocol, state: State, present: (token: Token) => Presentation): void {
  for (const token of state.handed) {
    const accepted = isAccepted(protocol.decide(state.rows[sessionOf(token)], present(token), 0).verdict)
    const good = isGood(state, token)
    if (accepted && !good) throw new Violation("I1", `token ${token} is accepted`)
    if (!accepted && good) throw new Violation("I5", `token ${token} of an honest client is refused`)
  }
}

/** One served refresh: `before` is the state it was served in, with the rows as the request before it left them. */
export interface Served {
  readonly before: State
  readonly rows: readonly Row[]
  readonly request: Message
  readonly verdict: Verdict | "invalid"
  readonly answer: RefreshAnswer
}

export function checkRefresh(served: Served, timely: boolean): void {
  const { before, rows, request, verdict, answer } = served
  const session = sessionOf(request.token)
  const row = before.rows[session]
  const after = rows[session]
  rows.forEach((other, index) => {
    if (index !== session && other !== before.rows[index]) {
      throw new Violation("I9", `a refresh of session ${session} changed session ${index}`)
    }
  })
  if (request.forged && after !== row) throw new Violation("I8", "a forged token changed a row")
  if (request.bearer && (answer.ok || after !== row)) {
    throw new Violation("transport", "a cookie session's token was taken from a body")
  }
  if (request.forged || request.bearer) {
    if (answer.ok) throw new Violation("I8", "a forged token was accepted")
    return
  }
  checkAcceptance(served, session, row)
  checkWrites(row, after, verdict)
  if (timely && isRevoking(verdict)) throw new Violation("I7", `${verdict} without a thief`)
}

function checkAcceptance(served: Served, session: number, row: Row | undefined): void {
  const { before, rows, request, verdict, answer } = served
  const { token } = request
  if (answer.ok && before.witness[session]?.dead) throw new Violation("I10", `${verdict} after the end`)
  if (isGood(before, token) && !answer.ok) throw new Violation("I5", `${verdict} for a good token`)
  if (!isGood(before, token) && answer.ok) throw new Violation("I1", `${verdict} for token ${token}`)
  if (!isLive(row)) return
  const generation = generationOf(token)
  if (!isGood(before, token) && rows[session]?.revokedAt === null) {
    const rule = generation < row.generation ? "I6" : "7"
    throw new Violation(rule, `token ${token} was presented and the session lives on: ${verdict}`)
  }
  if (row.currentHash === String(token) && graceAge(before, session) >= MIN_ROTATE && verdict !== "rotated") {
    throw new Violation("3", `${verdict} where the current token is due to rotate`)
  }
  const parent = isParent(row, token)
  if (verdict === "retry" && answer.set !== Number(row.currentHash)) {
    throw new Violation("4", "a retry did not get the current token")
  }
  const known = row.currentHash === String(token) || parent || generation < row.generation - 1
  if (isRevoking(verdict) && known === (verdict === "rollback")) {
    throw new Violation("7", `${verdict} for token ${token} while the row is at ${row.currentHash}`)
  }
  if (isRevoking(verdict) && parent !== (verdict === "late-parent")) {
    throw new Violation("5", `${verdict} for token ${token} while the row is at ${row.currentHash}`)
  }
}

function checkWrites(row: Row | undefined, after: Row | undefined, verdict: Verdict | "invalid"): void {
  if (verdict === "rotated" || after === row) return
  if (!isRevoking(verdict)) throw new Violation("I12", `${verdict} wrote to the row`)
  const same = row && after && { ...after, revokedAt: row.revokedAt }
  if (JSON.stringify(same) !== JSON.stringify(row)) throw new Violation("I12", `${verdict} wrote more`)
}

/** I3: what is on disk after a commit or a crash. */
export function checkDisk(state: State): void {
  state.rows.forEach((row, session) => {
    const witness = state.witness[session]
    if (witness === undefined) return
    if (row.generation < witness.top) throw new Violation("I3", "the generation fell")
    if (witness.dead && row.revokedAt === null) throw new Violation("I3", "an ended session lives")
    if (!witness.expired && row.absoluteEnd !== ABSOLUTE_END) throw new Violation("I3", "the end moved")
  })
}

/** I2 and I4: an answer on its way out, against what is on disk at that moment. */
export function checkAnswer(state: State, answer: RefreshAnswer, verdict: string, session: number): void {
  const row = state.rows[session]
  if (isRevoking(verdict) && row?.revokedAt === null) {
    throw new Violation("I4", "an ending was told before it was durable")
  }
  if (answer.set === NO_TOKEN) return
  const generation = generationOf(answer.set)
  if (row === undefined || row.generation < generation) {
    throw new Violation("I4", `token ${answer.set} was told before it was durable`)
  }
  for (const other of state.handed) {
    const rival = sessionOf(other) === session && generationOf(other) === generation && other !== answer.set
    if (rival && !state.wentBack) throw new Violation("I2", `${other} and ${answer.set} are both out`)
  }
}

/** A refresh never clears cookies: its answer may come after a newer session began. */
export function checkClear(state: State, clear: boolean): void {
  if (clear && isGood(state, state.jar)) throw new Violation("cookie", "a late answer deleted a good cookie")
}
