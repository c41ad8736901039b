import type { Socket } from "node:net"
import type pg from "pg"
import type { Logger } from "../../core/logger.ts"
import { type Statement, sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { cancel } from "./cancel.ts"
import type { Connection } from "./connection.ts"
import { createExecutor, type Executor, type Row, type Value } from "./executor.ts"
import { codeOf, isFromServer, isOutdated, isWorthRepeating, unavailable } from "./failure.ts"

/**
 * READ COMMITTED: what a verb read before it waited for a lock is read again. The limits go with the transaction, because
 * a pooler hands the connection to somebody else afterwards: the server ends a statement, a transaction whose program does
 * nothing more, and one whose machine has vanished in the middle of a question, so that nothing stays locked.
 */
const BEGIN = sql`
  BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
  SET LOCAL statement_timeout = 5000;
  SET LOCAL idle_in_transaction_session_timeout = 10000;
  SET LOCAL tcp_keepalives_idle = 5;
  SET LOCAL tcp_keepalives_interval = 2;
  SET LOCAL tcp_keepalives_count = 3`
const COMMIT = sql`COMMIT`
const ROLLBACK = sql`ROLLBACK`
const PROCESS = sql`SELECT pg_backend_pid() AS id`

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
  /** The server's address, as the first connection found it; undefined for a socket. */
  readonly peerAddress: string | undefined
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
    onConnect: (client: pg.ClientBase) => noteDirect(client),
  } as pg.PoolConfig)
  /** Connections on which statements may be prepared by name, each with the time it was made. */
  const direct = new WeakSet<pg.ClientBase>()
  const born = new WeakMap<pg.ClientBase, number>()
  const names = new Map<Statement, string>()
  /** What was made before has plans that a migration has outdated. */
  let outdated = Number.NEGATIVE_INFINITY
  let peerAddress: string | undefined
  let closed: Promise<void> | undefined
  let underWay = 0
  let finished: () => void = () => {}
  // A connection that breaks while idle is gone from the pool already; one in use tells its query as well. Without
  // somebody who listens either would end the process.
  pool.on("error", (error) => logger.warn({ code: codeOf(error) }, "store: an idle connection was lost"))
  pool.on("connect", (client) => client.on("error", () => {}))

  /**
   * A statement that has a name is planned once a connection, which halves the work of the long ones; a pooler would look
   * for it on another connection than it was made on. A pooler tells a number of its own for the server's process.
   */
  async function noteDirect(client: pg.ClientBase): Promise<void> {
    born.set(client, performance.now())
    peerAddress ??= (client as unknown as { connection: { stream: Socket } }).connection.stream.remoteAddress
    const query = { ...PROCESS, query_timeout: CONNECT_MS }
    const { rows } = await client.query<Row>(query)
    if (rows[0]?.id === (client as unknown as { processID: unknown }).processID) direct.add(client)
  }

  function nameOf(statement: Statement): string {
    const name = names.get(statement) ?? `nightlatch_${names.size}`
    names.set(statement, name)
    return name
  }

  async function ask(
    turn: Turn,
    statement: Statement,
    values: readonly Value[] = [],
  ): Promise<pg.QueryResult<Row>> {
    if (turn.over) throw new TypeError("an executor was used after its transaction")
    const { client, answerMs } = turn
    // Without values the simple protocol, which takes several statements.
    const query: pg.QueryConfig & { query_timeout: number } = {
      text: statement.text,
      query_timeout: answerMs,
    }
    if (values.length > 0) {
      query.values = values as unknown[]
      if (direct.has(client)) query.name = nameOf(statement)
    }
    try {
      return await client.query<Row>(query)
    } catch (error) {
      if (isOutdated(error)) outdated = performance.now()
      if (!isFromServer(error)) turn.broken = true
      throw error
    }
  }

  async function take(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await pool.connect()
      if ((born.get(client) ?? 0) > outdated) return client
      client.release(true)
    }
  }

  /** @param use is called again when the server ended it for the sake of another */
  async function takeTurn<Result>(
    use: (turn: Turn) => Promise<Result>,
    answerMs = ANSWER_MS,
  ): Promise<Result> {
    if (closed !== undefined) throw new UnavailableError("the store is closed")
    underWay++
    try {
      return await repeat(use, answerMs)
    } finally {
      if (--underWay === 0) finished()
    }
  }

  async function repeat<Result>(use: (turn: Turn) => Promise<Result>, answerMs: number): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      let turn: Turn | undefined
      try {
        turn = { client: await take(), broken: false, over: false, answerMs }
        return await use(turn)
      } catch (error) {
        const again = isWorthRepeating(error) || isOutdated(error)
        if (attempt === ATTEMPTS || !again) throw unavailable(error)
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
    get peerAddress() {
      return peerAddress
    },
    db: createExecutor((statement, values) => takeTurn((turn) => ask(turn, statement, values)), seen),
    transaction: (work, options) =>
      takeTurn(async (turn) => {
        await ask(turn, BEGIN)
        let result: Awaited<ReturnType<typeof work>>
        try {
          result = await work(createExecutor((statement, values) => ask(turn, statement, values), seen))
        } catch (error) {
          if (!turn.broken) await ask(turn, ROLLBACK).catch(() => {})
          throw error
        }
        // A transaction in which a statement has failed answers COMMIT with ROLLBACK, and with no error.
        const { command } = await ask(turn, COMMIT)
        if (command !== "COMMIT") throw new UnavailableError("the database did not commit")
        return result
      }, options?.answerMs),
    close() {
      closed ??= new Promise<void>((resolve) => {
        finished = resolve
        if (underWay === 0) resolve()
      }).then(() => pool.end())
      return closed
    },
  }
}
