import { expand } from "./actions.ts"
import { checkState, Violation } from "./invariants.ts"
import { generationOf, NO_TOKEN, type Protocol, sessionOf } from "./protocol.ts"
import { freshToken, initialState, keyOf, type State } from "./state.ts"
import { presentationOf } from "./steps.ts"
import type { World } from "./worlds.ts"

export interface Exploration {
  readonly states: number
  readonly transitions: number
  readonly violation?: { readonly rule: string; readonly text: string; readonly trace: readonly string[] }
}

/** Breadth first, so that the trace of a violation is a shortest one. Beyond `limit` states it stops, unfinished. */
export function explore(
  world: World,
  protocol: Protocol,
  limit: number = Number.POSITIVE_INFINITY,
): Exploration {
  const start = initialState(protocol)
  const seen = new Set([keyOf(start)])
  const from: number[] = [-1]
  const labels: string[] = ["start"]
  const queue: (State | undefined)[] = [start]
  let transitions = 0
  let at = 0
  let doing = "start"
  try {
    checkAll(protocol, start)
    for (; at < queue.length && seen.size < limit; at++) {
      const state = queue[at] as State
      queue[at] = undefined
      expand(world, protocol, state, (label, make) => {
        doing = label
        const next = make()
        if (next === undefined) return
        transitions++
        const key = keyOf(next)
        if (seen.has(key)) return
        seen.add(key)
        checkAll(protocol, next)
        queue.push(next)
        from.push(at)
        labels.push(label)
      })
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    const trace = [doing]
    for (let step = at; step > 0; step = from[step] ?? 0) trace.unshift(labels[step] ?? "")
    return { states: seen.size, transitions, violation: { rule: error.rule, text: error.message, trace } }
  }
  return { states: seen.size, transitions }
}

function checkAll(protocol: Protocol, state: State): void {
  checkState(protocol, state, (token) => {
    const next = freshToken(state, state.rows, sessionOf(token), generationOf(token) + 1, NO_TOKEN)
    return presentationOf(protocol, state, token, next)
  })
}
