import { ABSOLUTE_END, generationOf, NO_TOKEN, OLD, type Protocol, type Token, tokenOf } from "./protocol.ts"
import type { Row } from "./reference.ts"

/** What a message asks or answers. `thief` messages carry answers to the thief, all others to the jar the tabs share. */
export interface Message {
  readonly kind: "refresh" | "login" | "logout" | "password" | "answer" | "logged-out"
  readonly thief: boolean
  /** The cookie a request carries, or the one an answer sets. */
  readonly token: Token
  /** Presented in a body instead of a cookie. */
  readonly bearer: boolean
  /** Right session and generation, made-up secret and mac. */
  readonly forged: boolean
  readonly clear: boolean
  /** For how long it has been on its way; counted only where the network is timely. */
  readonly age: number
}

/** What the observer remembers of a session, whatever the row says. */
export interface Witness {
  /** Age of the last committed rotation; -1 before the first. */
  readonly rotated: number
  /** A committed logout, password change, disablement, replacement or ending verdict. */
  readonly dead: boolean
  readonly top: number
  readonly expired: boolean
}

export interface State {
  /** What is on disk. Session 0 is a bystander: the same person on another device, never seen by tabs or thief. */
  readonly rows: readonly Row[]
  readonly witness: readonly Witness[]
  /** Every refresh token that ever left the service. */
  readonly handed: readonly Token[]
  /** Age of the process's readiness. */
  readonly ready: number
  readonly jar: Token
  readonly thief: readonly Token[]
  readonly net: readonly Message[]
  /** Incidents so far: theft, loss, crash, sign-in and the like. */
  readonly spent: number
  /** An answer with a token was lost and its receiver has not caught up. */
  readonly lost: boolean
  /** The disk and its witnesses before the last write, for a store that goes back. */
  readonly older: { readonly rows: readonly Row[]; readonly witness: readonly Witness[] } | null
  readonly wentBack: boolean
}

export function newRow(session: number): Row {
  const first = String(tokenOf(session, 1, 1))
  return {
    generation: 1,
    currentHash: first,
    previousHash: null,
    salt: first,
    rotatedAt: null,
    revokedAt: null,
    idleEnd: 1,
    absoluteEnd: ABSOLUTE_END,
  }
}

export const NEW_WITNESS: Witness = { rotated: -1, dead: false, top: 1, expired: false }

export function initialState(protocol: Protocol): State {
  return {
    rows: [protocol.begin(newRow(0)), protocol.begin(newRow(1))],
    witness: [NEW_WITNESS, NEW_WITNESS],
    handed: [tokenOf(0, 1, 1), tokenOf(1, 1, 1)],
    ready: OLD,
    jar: tokenOf(1, 1, 1),
    thief: [],
    net: [],
    spent: 0,
    lost: false,
    older: null,
    wentBack: false,
  }
}

/** The next unused secret of a generation. */
export function freshToken(
  state: State,
  rows: readonly Row[],
  session: number,
  generation: number,
  not: Token,
): Token {
  for (let variant = 1; ; variant++) {
    const token = tokenOf(session, generation, variant)
    const row = rows[session]
    const used = row?.currentHash === String(token) || row?.previousHash === String(token)
    if (!used && token !== not && !state.handed.includes(token)) return token
  }
}

/** Lets time pass for everything that has an age. */
export function pass(state: State, by: number, timely: boolean): State {
  const row = (it: Row): Row =>
    it.rotatedAt === null ? it : { ...it, rotatedAt: -Math.min(OLD, by - it.rotatedAt) }
  const witness = (it: Witness): Witness =>
    it.rotated < 0 ? it : { ...it, rotated: Math.min(OLD, it.rotated + by) }
  return {
    ...state,
    rows: state.rows.map(row),
    witness: state.witness.map(witness),
    ready: Math.min(OLD, state.ready + by),
    net: timely ? state.net.map((message) => ({ ...message, age: message.age + by })) : state.net,
    older:
      state.older === null
        ? null
        : { rows: state.older.rows.map(row), witness: state.older.witness.map(witness) },
  }
}

/** One text per state; messages in flight have no order. */
export function keyOf(state: State): string {
  const net = state.net.map(keyOfMessage).sort()
  let key = `${state.jar}/${state.ready}/${state.spent}/${state.lost}/${state.wentBack}/${state.handed}/${state.thief}/${net}`
  for (const row of state.rows) key += keyOfRow(row)
  for (const it of state.witness) key += `;${it.rotated},${it.dead},${it.top},${it.expired}`
  if (state.older !== null) {
    for (const row of state.older.rows) key += keyOfRow(row)
    for (const it of state.older.witness) key += `;${it.rotated},${it.dead}`
  }
  return key
}

function keyOfMessage(it: Message): string {
  return `${it.kind}${it.thief ? "!" : ""}${it.token}${it.bearer ? "b" : ""}${it.forged ? "f" : ""}${it.clear ? "c" : ""}@${it.age}`
}

function keyOfRow(row: Row): string {
  return `|${row.generation},${row.currentHash},${row.previousHash},${row.salt},${row.rotatedAt},${row.revokedAt},${row.idleEnd},${row.absoluteEnd}`
}

export function isLive(row: Row | undefined): row is Row {
  return row !== undefined && row.revokedAt === null && row.idleEnd > 0 && row.absoluteEnd > 0
}

/** Whether the client's token is the parent of the row's current one. */
export function isParent(row: Row, token: Token): boolean {
  return (
    token !== NO_TOKEN && generationOf(token) === row.generation - 1 && row.previousHash === String(token)
  )
}
