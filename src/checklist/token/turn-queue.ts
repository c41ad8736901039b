/**
 * Attack: two thousand fresh tokens arrive in one turn of the event loop and everybody else waits for their signatures.
 * Promise: signatures take 1 ms of a turn; the rest waits in a bounded queue, a turn at a time, and cached requests pass by.
 * A full queue refuses. (Worker threads and the thread pool were measured and are worse: password hashing fills the pool.)
 */
import { UnavailableError } from "../../core/unavailable.ts"

/** Milliseconds of one turn of the event loop that may go into signatures. */
const TURN_BUDGET_MS = 1

/** About two seconds of work at ten signatures a turn, and a few megabytes of waiting requests. */
const MOST_WAITING = 4096

interface Waiting<Result> {
  readonly job: () => Result
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export class TurnQueue<Result> {
  readonly #stopwatch: () => number
  readonly #waiting: Waiting<Result>[] = []
  #next = 0
  #spentMs = 0
  #scheduled = false

  /** @param stopwatch milliseconds of a clock that never goes back */
  constructor(stopwatch: () => number) {
    this.#stopwatch = stopwatch
  }

  get waiting(): number {
    return this.#waiting.length - this.#next
  }

  /**
   * Runs the job at once while the turn has time left, else in a later turn. Nobody is overtaken: while somebody waits, the
   * turn's time is spent.
   */
  run(job: () => Result): Result | Promise<Result> {
    if (this.#spentMs < TURN_BUDGET_MS) return this.#timed(job)
    if (this.waiting >= MOST_WAITING) {
      return Promise.reject(new UnavailableError("too many signatures wait to be verified"))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject })
      this.#schedule()
    })
  }

  #timed(job: () => Result): Result {
    const start = this.#stopwatch()
    try {
      return job()
    } finally {
      this.#spentMs += this.#stopwatch() - start
      this.#schedule()
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#scheduled = false
    this.#spentMs = 0
    while (this.#next < this.#waiting.length && this.#spentMs < TURN_BUDGET_MS) {
      const item = this.#waiting[this.#next++] as Waiting<Result>
      try {
        item.resolve(this.#timed(item.job))
      } catch (error) {
        item.reject(error)
      }
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting.length = 0
      this.#next = 0
    } else {
      if (this.#next >= MOST_WAITING) {
        this.#waiting.splice(0, this.#next)
        this.#next = 0
      }
      this.#schedule()
    }
  }
}
