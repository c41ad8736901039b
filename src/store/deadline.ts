import { UnavailableError } from "../core/unavailable.ts"
import type { Store } from "./store.ts"

/** Verbs that are not on a request's way, or have time limits of their own. */
const PATIENT: ReadonlySet<string> = new Set(["describe", "close", "purge", "claimMail", "readRevocations"])

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

function race(
  verb: (...input: unknown[]) => Promise<unknown>,
  input: unknown[],
  milliseconds: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new UnavailableError("the store does not answer")), milliseconds)
    verb(...input)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
