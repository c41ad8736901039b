import { AsyncLocalStorage } from "node:async_hooks"
import { UnavailableError } from "../core/unavailable.ts"
import type { Store } from "./store.ts"

/** Verbs that are not on a request's way, or have time limits of their own. */
const PATIENT: ReadonlySet<string> = new Set([
  "describe",
  "close",
  "purge",
  "claimMail",
  "startAnew",
  "readRevocations",
  "watchRevocations",
  "takeBuckets",
])

/** What one request may still wait for the store, in milliseconds; nothing of it holds for what goes on after its answer. */
interface Patience {
  leftMs: number
  over: boolean
}

const patience = new AsyncLocalStorage<Patience>()

/**
 * A store whose verbs answer or fail in time: whoever waits for a hanging engine holds a connection, and many of them are
 * an outage. What the engine does afterwards is its own affair; a caller that was told 503 may ask again.
 */
export function withDeadline(store: Store, milliseconds: number): Store {
  return Object.fromEntries(
    Object.entries(store).map(([name, verb]) => [
      name,
      PATIENT.has(name)
        ? verb
        : (...input: unknown[]) =>
            race(verb as (...input: unknown[]) => Promise<unknown>, input, milliseconds),
    ]),
  ) as unknown as Store
}

/**
 * All verbs that `run` calls wait so long together, so that several late answers do not add up. Only the waiting counts:
 * what else a request does, like hashing, has limits of its own.
 */
export function withOneDeadline<Result>(
  milliseconds: number,
  run: () => Result | Promise<Result>,
): Result | Promise<Result> {
  const mine: Patience = { leftMs: milliseconds, over: false }
  const result = patience.run(mine, run)
  if (!(result instanceof Promise)) {
    mine.over = true
    return result
  }
  return result.finally(() => {
    mine.over = true
  })
}

function race(
  verb: (...input: unknown[]) => Promise<unknown>,
  input: unknown[],
  milliseconds: number,
): Promise<unknown> {
  const request = patience.getStore()
  const mine = request === undefined || request.over ? undefined : request
  const leftMs = mine?.leftMs ?? milliseconds
  if (leftMs <= 0) return Promise.reject(late())
  const since = performance.now()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), leftMs)
    // Before the caller goes on, who may ask at once for more.
    const settle = () => {
      clearTimeout(timer)
      if (mine !== undefined) mine.leftMs -= performance.now() - since
    }
    verb(...input)
      .finally(settle)
      .then(resolve, reject)
  })
}

function late(): UnavailableError {
  return new UnavailableError("the store does not answer")
}
