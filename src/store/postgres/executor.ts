import { requireStatement, type Statement } from "../../core/statement.ts"

export type Value =
  | string
  | number
  | boolean
  | Uint8Array
  | null
  | readonly (string | number | boolean | null)[]
/** bigint comes as a number, bytea as a Buffer, jsonb parsed. */
export type Row = Readonly<Record<string, unknown>>

/**
 * Runs statements that `sql` made and nothing else, with positional parameters ($1). What the server refuses rejects with
 * the driver's error; whoever hands out an executor turns that into `UnavailableError`.
 */
export interface Executor {
  all(statement: Statement, ...values: readonly Value[]): Promise<readonly Row[]>
  first(statement: Statement, ...values: readonly Value[]): Promise<Row | undefined>
  /** How many rows the statement changed. */
  run(statement: Statement, ...values: readonly Value[]): Promise<{ readonly changes: number }>
}

/** What one connection, or a pool of them, answers to a statement. */
export type Ask = (
  statement: Statement,
  values: readonly Value[],
) => Promise<{ readonly rows: readonly Row[]; readonly rowCount: number | null }>

/** @param seen gathers the distinct statements, for the checklist */
export function createExecutor(ask: Ask, seen: Set<Statement>): Executor {
  const run = (statement: Statement, values: readonly Value[]) => {
    seen.add(requireStatement(statement))
    return ask(statement, values)
  }
  return {
    all: async (statement, ...values) => (await run(statement, values)).rows,
    first: async (statement, ...values) => (await run(statement, values)).rows[0],
    run: async (statement, ...values) => ({ changes: (await run(statement, values)).rowCount ?? 0 }),
  }
}
