import { checkAnswer, checkDisk, checkRefresh, isAccepted, isRevoking, Violation } from "./invariants.ts"
import {
  generationOf,
  NO_TOKEN,
  type Protocol,
  type RefreshAnswer,
  sessionOf,
  type Token,
} from "./protocol.ts"
import type { Presentation, Row, Verdict } from "./reference.ts"
import { freshToken, type Message, NEW_WITNESS, newRow, type State, type Witness } from "./state.ts"

/** What becomes of a transaction. */
export type Fate = "commit" | "crash-before" | "crash-after"

interface Result {
  readonly rows: readonly Row[]
  readonly request: Message
  readonly verdict: Verdict | "invalid" | "done"
  readonly answer: RefreshAnswer
  readonly wrote: boolean
}

/** What the room hands to the store for a token, with the successor the room would derive. */
export function presentationOf(protocol: Protocol, state: State, token: Token, next: Token): Presentation {
  return {
    generation: generationOf(token),
    hash: String(token),
    nextHash: String(next),
    nextSalt: String(next),
    graceMs: protocol.graceMs,
    minRotateMs: protocol.minRotateMs,
    idleMs: 1,
    // "Long ago" for a process that does not tell: the grace then counts from the rotation alone.
    readyAt: protocol.restartMovesGrace ? -state.ready : -1000,
  }
}

/**
 * Serves one or two requests in one transaction and lets their answers out.
 * @returns undefined where the bounds of the exploration end
 */
export function serve(
  protocol: Protocol,
  state: State,
  requests: readonly Message[],
  fate: Fate,
  bounds: { readonly timely: boolean; readonly top: number; readonly sessions: number },
): State | undefined {
  let rows = state.rows
  let witness = state.witness
  let taken = NO_TOKEN
  const results: Result[] = []
  for (const request of requests) {
    const before: State = { ...state, rows, witness }
    const result =
      request.kind === "refresh"
        ? refresh(protocol, before, state.rows, request, taken)
        : signOutOrIn(protocol, before, request)
    if (result.rows.length > bounds.sessions) return undefined
    if (result.rows.some((row) => row.generation > bounds.top)) return undefined
    if (request.kind === "refresh" && result.verdict !== "done") {
      checkRefresh({ ...result, before, verdict: result.verdict }, bounds.timely)
    }
    witness = observe(before, result)
    rows = result.rows
    taken = result.answer.set
    results.push(result)
  }
  const net = [...state.net]
  for (const request of requests) net.splice(net.indexOf(request), 1)
  const ended = results.some((result) => isRevoking(result.verdict))
  const lastsCrash = protocol.revocationIsDurable || fate !== "crash-after" || !ended
  const committed =
    fate === "crash-before"
      ? state
      : { ...state, rows: lastsCrash ? rows : state.rows, witness, older: state }
  let next: State = { ...committed, net, older: olderOf(committed) }
  checkDisk(next)
  for (const result of results) {
    const waits = protocol.waitsForCommit
    const early = waits === "none" || (waits === "writes" && !result.wrote)
    if (fate === "commit" || (fate === "crash-before" && early)) next = send(next, result)
    else if (result.answer.set !== NO_TOKEN) next = { ...next, lost: true }
  }
  return next
}

function olderOf(committed: State & { older: State["older"] }): State["older"] {
  return committed.older === null ? null : { rows: committed.older.rows, witness: committed.older.witness }
}

function send(state: State, result: Result): State {
  const { answer, request, verdict } = result
  if (verdict !== "done") checkAnswer(state, answer, verdict, sessionOf(request.token))
  const handed =
    answer.set === NO_TOKEN || state.handed.includes(answer.set)
      ? state.handed
      : [...state.handed, answer.set].sort((a, b) => a - b)
  const message: Message = {
    ...request,
    kind: request.kind === "logout" ? "logged-out" : "answer",
    token: answer.set,
    clear: answer.clear,
    bearer: false,
    forged: false,
    age: 0,
  }
  return { ...state, handed, net: [...state.net, message] }
}

const REFUSED: RefreshAnswer = { ok: false, set: NO_TOKEN, clear: false }

function refresh(
  protocol: Protocol,
  before: State,
  snapshot: readonly Row[],
  request: Message,
  taken: Token,
): Result {
  const { rows } = before
  const unproved =
    (request.forged && protocol.macIsChecked) || (request.bearer && protocol.transportIsChecked)
  if (unproved) return { rows, request, verdict: "invalid", answer: REFUSED, wrote: false }
  const session = sessionOf(request.token)
  const generation = generationOf(request.token)
  const next = freshToken(before, rows, session, generation + 1, taken)
  const presented = presentationOf(protocol, before, request.token, next)
  const row = protocol.compareAndSwap ? rows[session] : snapshot[session]
  const decision = protocol.decide(row, presented, 0)
  const answer = protocol.answer(decision, presented)
  const wrote = decision.row !== row
  if (!wrote || decision.row === undefined) {
    return { rows, request, verdict: decision.verdict, answer, wrote }
  }
  const changed = rows.with(session, decision.row)
  return {
    rows: spread(protocol, changed, session, decision.verdict),
    request,
    verdict: decision.verdict,
    answer,
    wrote,
  }
}

/** Whom an ending verdict hits besides the session itself. */
function spread(protocol: Protocol, rows: readonly Row[], session: number, verdict: Verdict): readonly Row[] {
  if (protocol.ends === "this" || !isRevoking(verdict)) return rows
  return rows.map((row, index) => (index === session ? row : revoked(row)))
}

function signOutOrIn(protocol: Protocol, before: State, request: Message): Result {
  const session = sessionOf(request.token)
  let rows = before.rows
  const answer = { ok: true, set: NO_TOKEN, clear: request.kind === "logout" }
  if (request.kind === "logout") {
    if (protocol.logoutRevokes) rows = end(rows, session)
    return { rows, request, verdict: "done", answer, wrote: true }
  }
  if (request.kind === "password" && protocol.passwordEndsAll) rows = rows.map(revoked)
  if (request.kind === "login" && protocol.signInReplaces) rows = end(rows, session)
  const row = newRow(rows.length)
  const set = Number(row.currentHash)
  rows = [...rows, protocol.begin(row)]
  return { rows, request, verdict: "done", answer: { ...answer, set }, wrote: true }
}

function end(rows: readonly Row[], session: number): readonly Row[] {
  const row = rows[session]
  return row === undefined ? rows : rows.with(session, revoked(row))
}

export function revoked(row: Row): Row {
  return row.revokedAt === null ? { ...row, revokedAt: 0 } : row
}

/** What an onlooker knows after a commit: from the requests and verdicts, not from the protocol's switches. */
function observe(before: State, result: Result): readonly Witness[] {
  const named = sessionOf(result.request.token)
  const { kind } = result.request
  const witness = before.witness.map((it, session) => {
    const row = result.rows[session]
    const rotated = row !== undefined && row.generation > (before.rows[session]?.generation ?? 0)
    const dies =
      kind === "password" ||
      (session === named && (kind === "logout" || kind === "login" || isRevoking(result.verdict)))
    if (!rotated && !dies) return it
    if (rotated && isAccepted(result.verdict) && it.dead) throw new Violation("I10", "a dead session rotated")
    return {
      ...it,
      dead: it.dead || dies,
      rotated: rotated ? 0 : it.rotated,
      top: Math.max(it.top, row?.generation ?? 0),
    }
  })
  while (witness.length < result.rows.length) witness.push(NEW_WITNESS)
  return witness
}
