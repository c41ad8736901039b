import { checkClear, graceAge } from "./invariants.ts"
import {
  GRACE,
  MIN_ROTATE,
  NO_TOKEN,
  OLD,
  type Protocol,
  RESTART_WINDOW,
  sessionOf,
  type Token,
  tokenOf,
} from "./protocol.ts"
import { isLive, isParent, type Message, pass, type State } from "./state.ts"
import { type Fate, revoked, serve } from "./steps.ts"
import type { Incident, World } from "./worlds.ts"

const SESSIONS = 3
/** How long a process stays down: longer than the grace, shorter than the restart window allows for. */
const DOWN = GRACE + 1

/** Names a step and, when it is asked for, makes the state after it; undefined where the bounds end. */
type Push = (label: string, make: () => State | undefined) => void

/** Every step that is possible in a state. */
export function expand(world: World, protocol: Protocol, state: State, push: Push): void {
  const may = (incident: Incident) => world.incidents.includes(incident) && state.spent < world.budget
  const spent = state.spent + 1
  const spend: State = { ...state, spent, older: spent < world.budget ? state.older : null }
  clients(state, spend, world, may, push)
  server(state, spend, world, protocol, may, push)
  network(state, spend, may, push)
  if (mayTick(state, world)) {
    const by = world.timely ? 1 : untilNextClass(state, world)
    if (by > 0) push(`${by} later`, () => settle(pass(state, by, world.timely)))
  }
  misfortunes(state, spend, protocol, may, push)
}

function clients(
  state: State,
  spend: State,
  world: World,
  may: (incident: Incident) => boolean,
  push: Push,
): void {
  const busy = state.net.filter((message) => !message.thief).length
  if (busy < world.tabs && state.jar !== NO_TOKEN) {
    const tab = { ...REQUEST, token: state.jar }
    push(`tab sends ${state.jar}`, () => sent(state, tab))
    for (const kind of ["login", "logout", "password"] as const) {
      if (may(kind)) push(`tab: ${kind}`, () => sent(spend, { ...tab, kind }))
    }
  }
  if (state.net.some((message) => message.thief)) return
  for (const token of state.thief) {
    push(`thief sends ${token}`, () => sent(state, { ...REQUEST, thief: true, token }))
  }
  if (may("inject") && state.jar !== NO_TOKEN) {
    push("script sends the cookie's token in a body", () =>
      sent(spend, { ...REQUEST, thief: true, token: state.jar, bearer: true }),
    )
  }
  if (!may("forge")) return
  const generation = state.rows[1]?.generation ?? 1
  for (const forged of [generation - 2, generation - 1, generation, generation + 1]) {
    if (forged < 1) continue
    const token = tokenOf(1, forged, 9)
    push(`forged ${token}`, () => sent(spend, { ...REQUEST, thief: true, token, forged: true }))
  }
}

const REQUEST: Message = {
  kind: "refresh",
  thief: false,
  token: NO_TOKEN,
  bearer: false,
  forged: false,
  clear: false,
  age: 0,
}

function sent(state: State, message: Message): State {
  return { ...state, net: [...state.net, message] }
}

function isRequest(message: Message): boolean {
  return message.kind !== "answer" && message.kind !== "logged-out"
}

function server(
  state: State,
  spend: State,
  world: World,
  protocol: Protocol,
  may: (incident: Incident) => boolean,
  push: Push,
): void {
  const bounds = { timely: world.timely, top: world.top, sessions: SESSIONS }
  const requests = state.net.filter(isRequest)
  const run = (list: readonly Message[], fate: Fate) => {
    const served = serve(protocol, fate === "commit" ? state : spend, list, fate, bounds)
    if (served === undefined) return undefined
    return settle(fate === "commit" ? keepOlder(world, served) : crash(world, keepOlder(world, served)))
  }
  const fates: readonly Fate[] =
    may("crash") && !tooLongDown(state, world) ? ["commit", "crash-before", "crash-after"] : ["commit"]
  requests.forEach((one, index) => {
    const name = `${one.kind} ${one.token}${one.thief ? " of the thief" : ""}`
    for (const fate of fates) push(`serve ${name}: ${fate}`, () => run([one], fate))
    if (!world.batches) return
    requests.forEach((two, other) => {
      if (index === other) return
      for (const fate of fates)
        push(`serve ${name} with ${two.kind} ${two.token}: ${fate}`, () => run([one, two], fate))
    })
  })
}

/** The state before the last write is only kept where a store may still go back to it. */
function keepOlder(world: World, state: State): State {
  return world.incidents.includes("back") && state.spent < world.budget ? state : { ...state, older: null }
}

/** Where nothing may be lost for too long, an outage ends within the restart window of the last rotation. */
function tooLongDown(state: State, world: World): boolean {
  const session = world.timely ? parentIsAbout(state) : undefined
  return session !== undefined && (state.witness[session]?.rotated ?? 0) + DOWN >= RESTART_WINDOW
}

/** A timely network loses what was under way when the process died; a slow one still holds it. */
function crash(world: World, state: State): State {
  const net = world.timely ? [] : state.net
  return {
    ...pass({ ...state, net }, DOWN, false),
    ready: 0,
    lost: state.lost || net.length < state.net.length,
  }
}

function network(state: State, spend: State, may: (incident: Incident) => boolean, push: Push): void {
  state.net.forEach((message, index) => {
    const net = state.net.toSpliced(index, 1)
    const to = message.thief ? "the thief" : "a tab"
    if (isRequest(message)) {
      if (may("duplicate") && message.kind === "refresh") {
        push(`${message.token} is sent twice`, () => sent(spend, message))
      }
      return
    }
    push(`${message.token} reaches ${to}`, () => settle(receive({ ...state, net }, message)))
    if (may("drop")) {
      push(`${message.token} is lost on its way to ${to}`, () =>
        settle({ ...spend, net, lost: state.lost || message.token !== NO_TOKEN }),
      )
    }
  })
}

function receive(state: State, message: Message): State {
  if (message.thief) {
    if (message.token === NO_TOKEN || state.thief.includes(message.token)) return state
    return { ...state, thief: [...state.thief, message.token].sort((a, b) => a - b) }
  }
  if (message.kind === "answer") checkClear(state, message.clear)
  if (message.clear) return { ...state, jar: NO_TOKEN }
  return message.token === NO_TOKEN ? state : { ...state, jar: message.token }
}

function misfortunes(
  state: State,
  spend: State,
  protocol: Protocol,
  may: (incident: Incident) => boolean,
  push: Push,
): void {
  if (may("steal") && state.jar !== NO_TOKEN && !state.thief.includes(state.jar)) {
    push(`theft of ${state.jar}`, () => ({
      ...spend,
      thief: [...state.thief, state.jar].sort((a, b) => a - b),
    }))
  }
  if (may("disable")) {
    push("disabled", () => ({
      ...spend,
      rows: protocol.disablingEnds ? state.rows.map(revoked) : state.rows,
      witness: state.witness.map((it) => ({ ...it, dead: true })),
    }))
  }
  if (may("expire")) {
    for (const end of ["idleEnd", "absoluteEnd"] as const) push(`past ${end}`, () => expire(spend, end))
  }
  const { older } = state
  if (may("back") && older !== null && older.rows.length === state.rows.length) {
    push("the store goes back", () => ({ ...spend, ...older, older: null, wentBack: true }))
  }
}

function expire(state: State, end: "idleEnd" | "absoluteEnd"): State {
  const session = state.rows.length - 1
  const row = state.rows[session]
  const witness = state.witness[session]
  if (row === undefined || witness === undefined) return state
  return {
    ...state,
    rows: state.rows.with(session, { ...row, [end]: 0 }),
    witness: state.witness.with(session, { ...witness, expired: true }),
  }
}

/** Whether the jar or a request on its way carries the parent of a live row. */
function parentIsAbout(state: State): number | undefined {
  const tokens: Token[] = [state.jar, ...state.net.filter(isRequest).map((message) => message.token)]
  for (const token of tokens) {
    const row = state.rows[sessionOf(token)]
    if (isLive(row) && isParent(row, token)) return sessionOf(token)
  }
  return undefined
}

function settle(state: State): State {
  return state.lost && parentIsAbout(state) === undefined ? { ...state, lost: false } : state
}

/**
 * On a slow network only the class of an age matters: inside the grace, between grace and rotation, beyond. So time jumps to
 * where the first age changes its class.
 */
function untilNextClass(state: State, world: World): number {
  const marks = world.incidents.includes("crash") ? [...CLASSES, RESTART_WINDOW, OLD] : CLASSES
  // Nothing about an ended session depends on time.
  if (!state.rows.some((row, session) => session > 0 && isLive(row))) return 0
  let least = 0
  for (const age of [...state.witness.map((it) => it.rotated), state.ready]) {
    const next = age < 0 ? undefined : marks.find((mark) => mark > age)
    if (next !== undefined && (least === 0 || next - age < least)) least = next - age
  }
  return least
}

const CLASSES = [GRACE, GRACE + 1, MIN_ROTATE]

function mayTick(state: State, world: World): boolean {
  if (!world.timely) return true
  if (state.net.some((message) => message.age >= 1)) return false
  const session = state.lost ? parentIsAbout(state) : undefined
  return session === undefined || graceAge(state, session) < GRACE
}
