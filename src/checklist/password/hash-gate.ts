/**
 * Attack: a flood of sign-ins, each of which costs us a thousand times what it costs its sender. Promise: so many hashes at
 * once and no more; behind them waits at most so much work; networks take turns, so that one that floods waits for itself;
 * one account holds few places; nothing waits longer than the queue is long.
 * Source: ASVS 15.1.3, 15.2.2, 2.4.1.
 */
import { type Refusal, type RefusalKind, refuse } from "../../core/verdict.ts"

const BUSY: RefusalKind = {
  status: 503,
  code: "password.busy",
  title: "Too many sign-ins at once; try again in a moment.",
}

/** Whose turn a hash takes. */
export interface Fairness {
  /** The client's network (`prefixOf`). */
  readonly network: string
  /** The account, by whatever names it: the normalised mail address that was typed, or an id. */
  readonly account: string
}

export interface HashGateOptions {
  readonly concurrency: number
  /** Milliseconds of work that may wait, and the longest that anything waits. */
  readonly queueMs: number
  /** Milliseconds that only move forward. */
  readonly now: () => number
}

interface Entry {
  readonly who: Fairness
  readonly enteredAt: number
  start(): void
  drop(why: string): void
}

/** Waiting and running hashes of one account: a person who tries again, and no more. */
export const MOST_PER_ACCOUNT = 4

const FIRST_GUESS_MS = 30
const AVERAGE_WEIGHT = 0.1

export class HashGate {
  readonly #options: HashGateOptions
  /** Networks in the order of their turns, each with what waits there in the order it came. */
  readonly #networks = new Map<string, Entry[]>()
  readonly #accounts = new Map<string, number>()
  #running = 0
  #begun = 0
  #waiting = 0
  #averageMs = FIRST_GUESS_MS

  constructor(options: HashGateOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#running
  }

  /** Hashes begun since the start. */
  get begun(): number {
    return this.#begun
  }

  get waiting(): number {
    return this.#waiting
  }

  /** How long a hash took lately. */
  get averageMs(): number {
    return this.#averageMs
  }

  /** How many may wait now. */
  get room(): number {
    const { concurrency, queueMs } = this.#options
    return Math.max(concurrency, Math.floor((queueMs * concurrency) / this.#averageMs))
  }

  /** Runs the work when its turn comes, or refuses. The work's own failure is passed on. */
  run<Result>(who: Fairness, work: () => Promise<Result>): Promise<Result | Refusal> {
    if ((this.#accounts.get(who.account) ?? 0) >= MOST_PER_ACCOUNT) {
      return Promise.resolve(this.#busy("the account has too many hashes waiting"))
    }
    const isFree = this.#running < this.#options.concurrency
    if (!isFree && this.#waiting >= this.room && !this.#makeRoom(who.network)) {
      return Promise.resolve(this.#busy("the queue is full"))
    }
    return new Promise((resolve, reject) => {
      const leave = () => this.#countAccount(who.account, -1)
      const entry: Entry = {
        who,
        enteredAt: this.#options.now(),
        start: () => {
          this.#running++
          this.#begun++
          const startedAt = this.#options.now()
          const finish = () => {
            this.#running--
            leave()
            this.#measure(this.#options.now() - startedAt)
            this.#next()
          }
          work().then(
            (result) => {
              finish()
              resolve(result)
            },
            (error: unknown) => {
              finish()
              reject(error)
            },
          )
        },
        drop: (why) => {
          leave()
          resolve(this.#busy(why))
        },
      }
      this.#countAccount(who.account, 1)
      if (isFree) {
        entry.start()
      } else {
        this.#enqueue(entry)
      }
    })
  }

  #enqueue(entry: Entry): void {
    const line = this.#networks.get(entry.who.network)
    if (line === undefined) this.#networks.set(entry.who.network, [entry])
    else line.push(entry)
    this.#waiting++
  }

  /** The next network's oldest entry; what has waited too long is told so instead. */
  #next(): void {
    while (this.#running < this.#options.concurrency) {
      const turn = this.#networks.entries().next()
      if (turn.done === true) return
      const [network, line] = turn.value
      const entry = line.shift()
      this.#networks.delete(network)
      if (line.length > 0) this.#networks.set(network, line)
      if (entry === undefined) continue
      this.#waiting--
      if (this.#options.now() - entry.enteredAt > this.#options.queueMs) entry.drop("it waited too long")
      else entry.start()
    }
  }

  /** A full queue gives a place to a network that has fewer than the one with the most, which loses its latest. */
  #makeRoom(network: string): boolean {
    let longest: Entry[] = []
    for (const line of this.#networks.values()) if (line.length > longest.length) longest = line
    const own = this.#networks.get(network)?.length ?? 0
    if (longest.length <= own + 1) return false
    const entry = longest.at(-1)
    if (entry === undefined || !this.#remove(entry)) return false
    entry.drop("its network has most of the queue")
    return true
  }

  #remove(entry: Entry): boolean {
    const line = this.#networks.get(entry.who.network)
    const at = line?.lastIndexOf(entry) ?? -1
    if (line === undefined || at < 0) return false
    line.splice(at, 1)
    if (line.length === 0) this.#networks.delete(entry.who.network)
    this.#waiting--
    return true
  }

  #countAccount(account: string, change: 1 | -1): void {
    const count = (this.#accounts.get(account) ?? 0) + change
    if (count > 0) this.#accounts.set(account, count)
    else this.#accounts.delete(account)
  }

  #measure(tookMs: number): void {
    const sample = Math.min(5000, Math.max(1, tookMs))
    this.#averageMs += AVERAGE_WEIGHT * (sample - this.#averageMs)
  }

  #busy(why: string): Refusal {
    const seconds = Math.ceil((this.#waiting * this.#averageMs) / this.#options.concurrency / 1000)
    return refuse(BUSY, why, [["retry-after", String(Math.max(1, seconds))]])
  }
}
