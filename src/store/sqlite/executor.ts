import { backup, DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import { requireStatement, type Statement } from "../../core/statement.ts"

export type Value = SQLInputValue
/** By position, or one record by name. */
export type Parameters = readonly Value[] | readonly [Readonly<Record<string, Value>>]
export type Row = Readonly<Record<string, Value>>

const PAGES_AT_ONCE = 2_000

/**
 * The only place that touches node:sqlite. It runs statements that `sql` made and nothing else, and it never uses `get()` or
 * `iterate()`: on a writing statement outside a transaction they reset it before it is done, which swallows a failed commit
 * and stops checkpoints.
 */
export class Executor {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<Statement, StatementSync>()

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true })
  }

  all(statement: Statement, ...values: Parameters): readonly Row[] {
    return this.#prepare(statement).all(...(values as Value[])) as readonly Row[]
  }

  /** The first row; the statement runs to its end all the same. */
  first(statement: Statement, ...values: Parameters): Row | undefined {
    return this.all(statement, ...values)[0]
  }

  /** How many rows changed. A statement with RETURNING belongs to `all`: `run` would not finish it. */
  run(
    statement: Statement,
    ...values: readonly Value[]
  ): { readonly changes: number; readonly lastId: number } {
    const { changes, lastInsertRowid } = this.#prepare(statement).run(...values)
    return { changes: Number(changes), lastId: Number(lastInsertRowid) }
  }

  /** A script of several statements without parameters. */
  script(statement: Statement): void {
    this.#database.exec(requireStatement(statement).text)
  }

  /** Writes all pages into another file, some at a time; without a transaction around it each write begins it anew. */
  async copyTo(path: string, onProgress: (done: number, total: number) => void): Promise<void> {
    await backup(this.#database, path, {
      rate: PAGES_AT_ONCE,
      progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
    })
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction
  }

  /** Distinct statements prepared so far. */
  get statements(): number {
    return this.#prepared.size
  }

  close(): void {
    this.#prepared.clear()
    if (this.#database.isOpen) this.#database.close()
  }

  #prepare(statement: Statement): StatementSync {
    const known = this.#prepared.get(statement)
    if (known !== undefined) return known
    const prepared = this.#database.prepare(requireStatement(statement).text)
    this.#prepared.set(statement, prepared)
    return prepared
  }
}
