import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Executor } from "./executor.ts"

const BEGIN = sql`BEGIN IMMEDIATE`
const COMMIT = sql`COMMIT`
const ROLLBACK = sql`ROLLBACK`
const SAVEPOINT = sql`SAVEPOINT operation`
const RELEASE = sql`RELEASE operation`
const ROLLBACK_TO = sql`ROLLBACK TO operation`

/** Another process that writes (a command, a backup) holds the file for milliseconds; longer is a fault. */
const BUSY_GIVE_UP_MS = 1_500
const BUSY_RETRY_MS = 15

interface Operation {
  readonly work: () => unknown
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
  outcome: { readonly value: unknown } | { readonly error: unknown } | undefined
}

/**
 * Durable by default, at the price of one fsync for all that arrives in one turn of the event loop: what is queued runs in
 * one transaction, and every answer leaves after the commit. Operations hardly ever fail, so they run without savepoints at
 * first; when one does, everything is rolled back and runs again, each in a savepoint of its own. So `work` may be called
 * twice, and changes nothing but the database.
 */
export class Writer {
  readonly #db: Executor
  #queue: Operation[] = []
  #scheduled = false
  #closed = false

  constructor(db: Executor) {
    this.#db = db
  }

  /** Runs `work`, synchronously and in a transaction; resolves with what it returned once that is on disk. */
  write<Result>(work: () => Result): Promise<Result> {
    if (this.#closed) return Promise.reject(new UnavailableError("the store is closed"))
    return new Promise<Result>((resolve, reject) => {
      this.#queue.push({ work, resolve: resolve as (value: never) => void, reject, outcome: undefined })
      this.#schedule()
    })
  }

  /** Runs a read outside of any transaction, waiting while another process holds the file. */
  async read<Result>(work: () => Result): Promise<Result> {
    if (this.#closed) throw new UnavailableError("the store is closed")
    const since = performance.now()
    for (;;) {
      try {
        return work()
      } catch (error) {
        if (!isBusy(error) || performance.now() - since > BUSY_GIVE_UP_MS) throw unavailable(error)
      }
      await pause()
    }
  }

  /** Finishes what is queued. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#queue.length > 0 || this.#scheduled) await pause()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => void this.#flush())
  }

  async #flush(): Promise<void> {
    const begun = await this.#begin()
    // Everything that came while the file was busy shares this commit too.
    const batch = this.#queue
    this.#queue = []
    this.#scheduled = false
    if (begun !== undefined) {
      for (const operation of batch) operation.reject(begun)
      return
    }
    this.#commit(batch)
  }

  async #begin(): Promise<UnavailableError | undefined> {
    const since = performance.now()
    for (;;) {
      try {
        this.#db.run(BEGIN)
        return undefined
      } catch (error) {
        if (!isBusy(error) || performance.now() - since > BUSY_GIVE_UP_MS) return unavailable(error)
      }
      await pause()
    }
  }

  #commit(batch: readonly Operation[]): void {
    try {
      if (!this.#runTogether(batch)) {
        this.#db.run(BEGIN)
        for (const operation of batch) this.#runApart(operation)
      }
      this.#db.run(COMMIT)
    } catch (error) {
      this.#rollBack()
      const failure = error instanceof MisuseError ? error : unavailable(error)
      for (const operation of batch) operation.reject(failure)
      return
    }
    for (const { outcome, resolve, reject } of batch) {
      if (outcome !== undefined && "value" in outcome) resolve(outcome.value as never)
      else reject(outcome?.error ?? new UnavailableError("the operation did not run"))
    }
  }

  /** @returns false when one of several failed: then nothing of any is left. Throws when it was the only one. */
  #runTogether(batch: readonly Operation[]): boolean {
    try {
      for (const operation of batch) operation.outcome = { value: operation.work() }
      return true
    } catch (error) {
      if (batch.length === 1) throw error
      this.#rollBack()
      return false
    }
  }

  #runApart(operation: Operation): void {
    this.#db.run(SAVEPOINT)
    try {
      operation.outcome = { value: operation.work() }
    } catch (error) {
      // Some failures (a full disk) end the whole transaction: then the batch fails, and this throws.
      if (!this.#db.inTransaction) throw error
      this.#db.run(ROLLBACK_TO)
      operation.outcome = { error: error instanceof MisuseError ? error : unavailable(error) }
    }
    this.#db.run(RELEASE)
  }

  #rollBack(): void {
    try {
      if (this.#db.inTransaction) this.#db.run(ROLLBACK)
    } catch {
      // The connection is gone or the file is: nothing was committed, and the first error is the one to tell.
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS))
}

// SQLITE_BUSY and SQLITE_LOCKED, whatever their extended code: https://sqlite.org/rescode.html
export function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === "number" && ((code & 0xff) === 5 || (code & 0xff) === 6)
}

export function unavailable(error: unknown): UnavailableError {
  return error instanceof UnavailableError ? error : new UnavailableError("the database failed", error)
}
