import { randomUUID } from "node:crypto"
import type { Duplex } from "node:stream"
import type pg from "pg"
import type { Logger } from "../../core/logger.ts"
import { sql } from "../../core/statement.ts"
import type { Executor } from "./executor.ts"
import { codeOf } from "./failure.ts"

const LISTEN = sql`LISTEN nightlatch_revoked`
const PROBE = sql`SELECT pg_notify('nightlatch_revoked', $1)`
const POKE = sql`SELECT pg_notify('nightlatch_revoked', '')`
const ALIVE = sql`SELECT 1`

const CONNECT_MS = 5_000
/** A notice takes less than a millisecond; one that is not there by now passes a pooler, which keeps it for itself. */
const PROBE_MS = 3_000
/** What cuts idle connections silently is noticed within this. */
const ALIVE_MS = 20_000
const FIRST_WAIT_MS = 250
const MOST_WAIT_MS = 30_000
const DEAF_WAIT_MS = 300_000

/**
 * Hears of other instances' revocations at once, on a connection of its own. It only ever makes a poll come earlier: what
 * is lost with a connection is found by the poll of the next second, and by one after each new connection. Reconnects for
 * ever, until it is stopped; never throws.
 */
export function listen(input: {
  readonly driver: typeof pg
  readonly config: pg.ClientConfig
  /** Where others speak: to try whether it is heard here. */
  readonly db: Executor
  readonly logger: Logger
  readonly wake: () => void
}): () => Promise<void> {
  const { driver, config, db, logger, wake } = input
  let stopped = false
  let waitMs = FIRST_WAIT_MS
  let told = ""
  /** Ends what is going on: a connection, or the pause between two. */
  let interrupt: () => void = () => {}

  function tell(state: "heard" | "deaf" | "lost", code?: unknown): void {
    if (stopped || told === state) return
    if (state === "heard" && told === "lost") logger.info({}, "store: revocations are heard at once again")
    if (state === "lost") logger.warn({ code }, "store: revocations are heard within a second, not at once")
    if (state === "deaf")
      logger.info({}, "store: a pooler keeps notices for itself, so revocations are polled each second")
    told = state
  }

  async function hear(): Promise<void> {
    const client = new driver.Client({
      ...config,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: CONNECT_MS,
    })
    const ended = new Promise<unknown>((resolve) => {
      client.on("error", resolve).on("end", () => resolve(undefined))
    })
    // Without waiting for a farewell, which may never be answered.
    interrupt = () => (client as unknown as Inside).connection.stream.destroy()
    let alive: NodeJS.Timeout | undefined
    try {
      await client.connect()
      await client.query(LISTEN.text)
      if (!(await isHeard(client, ended))) {
        tell("deaf")
        waitMs = DEAF_WAIT_MS
        return
      }
      tell("heard")
      waitMs = FIRST_WAIT_MS
      // What happened between the last connection and this one.
      wake()
      client.on("notification", wake)
      alive = setInterval(() => client.query(ALIVE.text).catch(interrupt), ALIVE_MS)
      tell("lost", codeOf(await ended))
    } catch (error) {
      tell("lost", codeOf(error))
    } finally {
      clearInterval(alive)
      interrupt()
    }
  }

  /** @returns false for a pooler's connection, on which nothing comes unasked; throws when the connection ends first */
  function isHeard(client: pg.Client, ended: Promise<unknown>): Promise<boolean> {
    const probe = randomUUID()
    let timer: NodeJS.Timeout | undefined
    return new Promise<boolean>((resolve, reject) => {
      timer = setTimeout(() => resolve(false), PROBE_MS)
      client.on("notification", ({ payload }) => {
        if (payload === probe) resolve(true)
      })
      db.first(PROBE, probe).catch(reject)
      ended.then(reject)
    }).finally(() => clearTimeout(timer))
  }

  async function run(): Promise<void> {
    while (!stopped) {
      await hear()
      if (stopped) return
      // Not all instances at the same moment.
      const pause = waitMs * (0.5 + Math.random() / 2)
      await new Promise<void>((resume) => {
        const timer = setTimeout(resume, pause)
        interrupt = () => {
          clearTimeout(timer)
          resume()
        }
      })
      waitMs = Math.min(waitMs * 2, MOST_WAIT_MS)
    }
  }

  const running = run()
  return () => {
    stopped = true
    interrupt()
    return running
  }
}

/** The driver's own end waits for the server, and its types do not have the socket. */
interface Inside {
  readonly connection: { readonly stream: Duplex }
}

/** Sends at most one notice in this time, the last of them after the last revocation. */
const PACE_MS = 25

/**
 * Tells all instances that something was revoked. After the commit and not in it: a notice in a transaction makes all
 * commits of the whole database with one wait for one another. One that is lost costs a second.
 */
export function createPoke(db: Executor): () => void {
  let sentAt = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  const send = () => {
    timer = undefined
    sentAt = performance.now()
    db.first(POKE).catch(() => {})
  }
  return () => {
    if (timer !== undefined) return
    const wait = sentAt + PACE_MS - performance.now()
    if (wait <= 0) send()
    else timer = setTimeout(send, wait).unref()
  }
}
