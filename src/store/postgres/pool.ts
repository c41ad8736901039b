import type pg from "pg"
import type { Logger } from "../../core/logger.ts"
import { type Statement, sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { cancel } from "./cancel.ts"
import type { Connection } from "./connection.ts"
import { createExecutor, type Executor, type Row, type Value } from "./executor.ts"
import { codeOf, isFromServer, isWorthRepeating, unavailable } from "./failure.ts"

/**
 * READ COMMITTED: what a verb read before it waited for a lock is read again. The limits go with the transaction, because
 * a pooler hands the connection to somebody else afterwards: the server ends a statement, and a transaction whose program
 * has vanished, so that nothing stays locked.
 */
const BEGIN = sql`
  BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
  SET LOCAL statement_timeout = 5000;
  SET LOCAL idle_in_transaction_session_timeout = 10000`
const COMMIT = sql`COMMIT`
const ROLLBACK = sql`ROLLBACK`

/** The server gives up first, so that its answer keeps the connection; what hears nothing by then is destroyed. */
const ANSWER_MS = 6_000
/** For a new connection, and for a turn while all are in use. */
const CONNECT_MS = 5_000
const IDLE_MS = 30_000
const ATTEMPTS = 4

export interface Pool {
  /** Each statement commits by itself. */
  readonly db: Executor
  /**
   * Runs again, at most three times, when the server ended it for the sake of another; `work` changes nothing else.
   * `answerMs`: how long one statement may take; it raises only the patience of this side.
   */
  transaction<Result>(
    work: (db: Executor) => Promise<Result>,
    options?: { readonly answerMs: number },
  ): Promise<Result>
  /** Waits for what is under way. */
  close(): Promise<void>
}

/** One use of a connection. */
interface Turn {
  readonly client: pg.PoolClient
  /** Nobody knows what the connection does now: it is destroyed. */
  broken: boolean
  over: boolean
  readonly answerMs: number
}

export function createPool(input: {
  readonly driver: typeof pg
  readonly connection: Connection
  readonly logger: Logger
  readonly seen: Set<Statement>
}): Pool {
  const { driver, connection, logger, seen } = input
  const pool = new driver.Pool({
    ...connection.config,
    max: connection.poolSize,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    allowExitOnIdle: true,
  })
  let closed: Promise<void> | undefined
  // A connection that breaks while idle is gone from the pool already; one in use tells its query as well. Without
  // somebody who listens either would end the process.
  pool.on("error", (error) => logger.warn({ code: codeOf(error) }, "store: an idle connection was lost"))
  pool.on("connect", (client) => client.on("error", () => {}))

  async function ask(turn: Turn, text: string, values: readonly Value[]): Promise<pg.QueryResult<Row>> {
    if (turn.over) throw new TypeError("an executor was used after its transaction")
    try {
      // Without values the simple protocol, which takes several statements; with values an unnamed statement, which any
      // pooler lets through.
      const parameters = values.length === 0 ? {} : { values: values as unknown[] }
      const query: pg.QueryConfig & { query_timeout: number } = {
        text,
        query_timeout: turn.answerMs,
        ...parameters,
      }
      return await turn.client.query<Row>(query)
    } catch (error) {
      if (!isFromServer(error)) turn.broken = true
      throw error
    }
  }

  /** @param use is called again when the server ended it for the sake of another */
  async function takeTurn<Result>(
    use: (turn: Turn) => Promise<Result>,
    answerMs = ANSWER_MS,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      if (closed !== undefined) throw new UnavailableError("the store is closed")
      let turn: Turn | undefined
      try {
        turn = { client: await pool.connect(), broken: false, over: false, answerMs }
        return await use(turn)
      } catch (error) {
        if (attempt === ATTEMPTS || !isWorthRepeating(error)) throw unavailable(error)
      } finally {
        if (turn !== undefined) end(turn)
      }
    }
  }

  function end(turn: Turn): void {
    turn.over = true
    const { client } = turn
    if (!turn.broken) client.release()
    else void cancel(driver, connection.config, client).finally(() => client.release(true))
  }

  return {
    db: createExecutor((text, values) => takeTurn((turn) => ask(turn, text, values)), seen),
    transaction: (work, options) =>
      takeTurn(async (turn) => {
        await ask(turn, BEGIN.text, [])
        let result: Awaited<ReturnType<typeof work>>
        try {
          result = await work(createExecutor((text, values) => ask(turn, text, values), seen))
        } catch (error) {
          if (!turn.broken) await ask(turn, ROLLBACK.text, []).catch(() => {})
          throw error
        }
        // A transaction in which a statement has failed answers COMMIT with ROLLBACK, and with no error.
        const { command } = await ask(turn, COMMIT.text, [])
        if (command !== "COMMIT") throw new UnavailableError("the database did not commit")
        return result
      }, options?.answerMs),
    close() {
      closed ??= pool.end()
      return closed
    },
  }
}
