/**
 * Attack: many tries at one moment, each of which looks at the budget before any of them has failed.
 * Promise: what the budget had no place for is owed, and paid from what it gets back before anybody finds it free again. So a
 * burst is lent and never given: in the long run nobody fails more often for nothing than the rate allows.
 */
import { createHmac, randomBytes } from "node:crypto"
import { networkOf } from "../../core/address.ts"
import type { Clock } from "../../core/clock.ts"
import type { Demand, NamedLimits } from "../rate-limit/index.ts"

/** Limits of sign-ins bound each burst; so many keys in debt are an attack from everywhere, and the oldest are let off. */
const MOST_KEYS = 10_000

interface Debt {
  count: number
  /** By then all of it has come back, whether anybody looked or not. */
  until: number
}

export class Debts {
  readonly #limiter: NamedLimits
  readonly #clock: Clock
  /** As in the limits, no address is kept in clear. */
  readonly #secret = randomBytes(32)
  readonly #owed = new Map<string, Debt>()

  constructor(limiter: NamedLimits, clock: Clock) {
    this.#limiter = limiter
    this.#clock = clock
  }

  /** Counts. @param lent whether what finds no place is owed */
  async count(demand: Demand, lent: boolean): Promise<void> {
    const verdict = await this.#limiter.takeAll([demand])
    if (verdict.kind === "pass" || !lent) return
    const key = this.#keyOf(demand)
    const { burst, intervalMs } = demand.rate
    const debt = this.#owed.get(key) ?? { count: 0, until: 0 }
    debt.count++
    debt.until = this.#clock() + (burst + debt.count) * intervalMs
    this.#owed.set(key, debt)
    const [oldest] = this.#owed.keys()
    if (this.#owed.size > MOST_KEYS && oldest !== undefined) this.#owed.delete(oldest)
  }

  /** Pays as much as there is. */
  async settle(demand: Demand): Promise<void> {
    const key = this.#keyOf(demand)
    for (;;) {
      const debt = this.#owed.get(key)
      if (debt === undefined || debt.count === 0) return
      if (debt.until <= this.#clock()) return void this.#owed.delete(key)
      // Taken off first: who looks meanwhile must not pay the same again.
      debt.count--
      const verdict = await this.#limiter.takeAll([demand])
      if (verdict.kind === "refusal") return void debt.count++
    }
  }

  /** Of an address its network, as it is counted. */
  #keyOf({ name, key, address = "" }: Demand): string {
    const whom = JSON.stringify([name, key ?? networkOf(address, 32, 64)])
    return createHmac("sha256", this.#secret).update(whom).digest("base64")
  }
}
