import type pg from "pg"
import { type Logger, silentLogger } from "../../core/logger.ts"
import { MisuseError } from "../../core/misuse.ts"
import { type Statement, sql } from "../../core/statement.ts"
import type { CarriedOver, Mark, MigrationPlan, Restored, Store } from "../store.ts"
import { carryOver } from "./compare.ts"
import { readConnection } from "./connection.ts"
import type { Executor } from "./executor.ts"
import { readFacts } from "./facts.ts"
import { listen } from "./listen.ts"
import { migrate, planMigration } from "./migrate.ts"
import { createPool, type Pool } from "./pool.ts"
import { checkReadable } from "./readable.ts"
import { KEPT_SCHEMA, replaceSchema } from "./restore.ts"
import { createStore } from "./verbs.ts"

const UNFINISHED = sql`SELECT value FROM nightlatch.meta WHERE key = 'unfinished'`
/** Limits wait for no other verb: whoever keeps all connections busy would be counted by each process alone. The second is for when the first is lost. */
const LIMITS_SIZE = 2

export interface PostgresInput {
  /** The same database without a pooler between, for hearing of revocations at once; default `url`. */
  readonly direct?: string
  /** `postgres://user:password@host:port/database`; `?pool_size=` is the number of connections at most, 10 by default. */
  readonly url: string
  readonly logger?: Logger
}

/**
 * Connects and brings the schema up to date. Everything is in the schema `nightlatch`; nothing is set on a connection, so
 * that a pooler may stand between. The optional package `pg` is loaded here.
 * @throws MisuseError `store.unfinished`, `store.newer_schema`, `store.old_schema`, `database.driver_missing`, `database.old_server`
 * @throws UnavailableError when the server cannot be reached or used
 */
export async function openPostgres(input: PostgresInput): Promise<Store> {
  const logger = input.logger ?? silentLogger
  const driver = await loadDriver()
  const connection = readConnection(driver, input.url)
  const seen = new Set<Statement>()
  const pool = createPool({ driver, connection, logger, seen })
  const limits = createPool({ driver, connection: { ...connection, poolSize: LIMITS_SIZE }, logger, seen })
  try {
    await migrate(pool)
    await refuseUnfinished(pool.db)
    const facts = await readFacts(pool, connection)
    const { config } = readConnection(driver, input.direct ?? input.url)
    const watch = (wake: () => void) => listen({ driver, config, db: pool.db, logger, wake })
    return createStore({ pool, limits, facts, seen, logger, watch })
  } catch (error) {
    await Promise.all([pool.close(), limits.close()])
    throw error
  }
}

/**
 * Brings the schema up to date and hands out the connections, also of a database that is not whole yet.
 * @throws like `openPostgres`
 */
export async function usePostgres<Result>(
  input: PostgresInput,
  work: (pool: Pool) => Promise<Result>,
): Promise<Result> {
  const driver = await loadDriver()
  const connection = readConnection(driver, input.url)
  const pool = createPool({ driver, connection, logger: silentLogger, seen: new Set() })
  try {
    await migrate(pool)
    return await work(pool)
  } finally {
    await pool.close()
  }
}

async function refuseUnfinished(db: Executor): Promise<void> {
  if (Number((await db.first(UNFINISHED))?.value) === 0) return
  throw new MisuseError([
    {
      code: "store.unfinished",
      path: "database",
      problem: "a move into it was broken off, so that accounts and revocations are missing",
      fix: "Run nightlatch move again with the SQLite file; it begins anew.",
    },
  ])
}

/** What opening would do to the schema. @throws like `openPostgres` */
export async function planPostgres(input: PostgresInput): Promise<MigrationPlan> {
  const driver = await loadDriver()
  const connection = readConnection(driver, input.url)
  const pool = createPool({ driver, connection, logger: silentLogger, seen: new Set() })
  try {
    return await planMigration(pool)
  } finally {
    await pool.close()
  }
}

/** @throws MisuseError `store.no_schema`, `store.no_right` */
export async function checkPostgresReadable(url: string): Promise<void> {
  await checkReadable({ driver: await loadDriver(), url })
}

/** Like `restoreSqlite`; the schema that was there is kept under another name. */
export async function restorePostgres(input: {
  readonly url: string
  readonly above: number
  readonly events: Parameters<Store["startAnew"]>[0]["events"]
  readonly undump: () => Promise<void>
  readonly onDone: (mark: Mark) => Promise<void>
}): Promise<Restored> {
  let sessions = 0
  let carriedOver: CarriedOver | undefined
  const kept = await replaceSchema({ driver: await loadDriver(), url: input.url }, async (hasNewer) => {
    await input.undump()
    carriedOver = hasNewer ? await usePostgres({ url: input.url }, carryOver) : undefined
    const store = await openPostgres({ url: input.url })
    try {
      const anew = await store.startAnew({ above: input.above, events: input.events })
      sessions = anew.sessions
      await input.onDone(anew.mark)
    } finally {
      await store.close()
    }
  })
  return { sessions, kept: kept ? `schema ${KEPT_SCHEMA}` : undefined, carriedOver }
}

async function loadDriver(): Promise<typeof pg> {
  try {
    return (await import("pg")).default
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error
    throw new MisuseError([
      {
        code: "database.driver_missing",
        path: "database",
        problem: "the package pg, which speaks with PostgreSQL, is not installed",
        fix: "Run npm install pg.",
      },
    ])
  }
}
