import type pg from "pg"
import { isPublicAddress, parseAddress } from "../../core/address.ts"
import type { PostgresFacts } from "../../core/facts.ts"
import { type Logger, silentLogger } from "../../core/logger.ts"
import { MisuseError } from "../../core/misuse.ts"
import { hasDefaultPassword } from "../../core/postgres-url.ts"
import { type Statement, sql } from "../../core/statement.ts"
import type { Mark, MigrationPlan, RefreshPresentation, Restored, Store } from "../store.ts"
import * as accounts from "./accounts.ts"
import { createBuckets } from "./buckets.ts"
import { type Connection, readConnection } from "./connection.ts"
import * as change from "./email-change.ts"
import * as events from "./events.ts"
import type { Executor } from "./executor.ts"
import * as find from "./find.ts"
import * as identities from "./identities.ts"
import { beat, leave } from "./instances.ts"
import { createPoke, listen } from "./listen.ts"
import * as mail from "./mail.ts"
import * as flows from "./mail-flow.ts"
import * as mark from "./mark.ts"
import { migrate, planMigration } from "./migrate.ts"
import { createPool, type Pool } from "./pool.ts"
import { checkReadable } from "./readable.ts"
import { peekRefresh, presentRefresh } from "./refresh.ts"
import { KEPT_SCHEMA, replaceSchema } from "./restore.ts"
import * as secrets from "./secrets.ts"
import * as sessions from "./sessions.ts"
import * as tokens from "./tokens.ts"
import * as upkeep from "./upkeep.ts"

const ABOUT = sql`
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
    current_setting('synchronous_commit') AS commit,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
    pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = 'nightlatch.session'::regclass), 'USAGE') AS owner`

const UNFINISHED = sql`SELECT value FROM nightlatch.meta WHERE key = 'unfinished'`
/** Ending every session is one statement over all of them. */
const ANEW_MS = 600_000
/** Limits wait for no other verb: whoever keeps all connections busy would be counted by each process alone. One for the case of a lost one. */
const LIMITS_SIZE = 2
/** Functions whose bodies are read when they are made. https://www.postgresql.org/docs/14/release-14.html */
const OLDEST_SERVER = 140_000

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
  const kept = await replaceSchema({ driver: await loadDriver(), url: input.url }, async () => {
    await input.undump()
    const store = await openPostgres({ url: input.url })
    try {
      const anew = await store.startAnew({ above: input.above, events: input.events })
      sessions = anew.sessions
      await input.onDone(anew.mark)
    } finally {
      await store.close()
    }
  })
  return { sessions, kept: kept ? `schema ${KEPT_SCHEMA}` : undefined, carriedOver: undefined }
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

async function readFacts(pool: Pool, { url, verified, asked }: Connection): Promise<PostgresFacts> {
  const row = await pool.db.first(ABOUT)
  if (Number(row?.number) < OLDEST_SERVER) {
    throw new MisuseError([
      {
        code: "database.old_server",
        path: "database",
        problem: `the server is PostgreSQL ${row?.version}`,
        fix: "Use PostgreSQL 14 or newer.",
      },
    ])
  }
  const peer = pool.peerAddress === undefined ? undefined : parseAddress(pool.peerAddress)
  return {
    engine: "postgres",
    version: String(row?.version).split(" ")[0] ?? "",
    reach: url.reach,
    verified,
    publicAddress: peer !== undefined && isPublicAddress(peer),
    // On a socket the system tells the server who asks.
    trusting: url.reach !== "socket" && !asked(),
    defaultPassword: hasDefaultPassword(url),
    superuser: row?.superuser === true,
    owner: row?.owner === true,
    durable: row?.commit !== "off",
  }
}

function createStore(parts: {
  readonly pool: Pool
  readonly limits: Pool
  readonly facts: PostgresFacts
  readonly seen: ReadonlySet<Statement>
  readonly logger: Logger
  readonly watch: (wake: () => void) => () => Promise<void>
}): Store {
  const { pool, facts, seen, logger } = parts
  const poke = createPoke(pool.db)

  /** A verb of one statement, which commits by itself. */
  const single =
    <Input, Result>(verb: (db: Executor, input: Input) => Promise<Result>) =>
    (input: Input): Promise<Result> =>
      verb(pool.db, input)
  /** A verb of several statements, in one transaction. */
  const whole =
    <Input, Result>(verb: (db: Executor, input: Input) => Promise<Result>) =>
    (input: Input): Promise<Result> =>
      pool.transaction((db) => verb(db, input))
  /** A verb that may revoke: the other instances are told. */
  const telling =
    <Input, Result>(verb: (input: Input) => Promise<Result>) =>
    async (input: Input): Promise<Result> => {
      const result = await verb(input)
      if (hasRevoked(input, result)) poke()
      return result
    }

  return {
    findAccount: single(find.findAccount),
    findAccountByEmail: single(find.findAccountByEmail),
    listAccounts: single(accounts.listAccounts),
    createAccount: whole(accounts.createAccount),
    importAccounts: whole(accounts.importAccounts),
    countForeignHashes: () => accounts.countForeignHashes(pool.db),
    setRoles: telling(whole(accounts.setRoles)),
    setDisabled: telling(whole(accounts.setDisabled)),
    deleteAccount: telling(whole(accounts.deleteAccount)),
    countFailure: single(accounts.countFailure),
    startSession: telling(single(sessions.startSession)),
    startTrustedSession: whole(sessions.startTrustedSession),
    changePassword: telling(whole(sessions.changePassword)),
    findSession: single(find.findSession),
    listSessions: single(sessions.listSessions),
    revokeSession: telling(single(sessions.revokeSession)),
    revokeSessions: telling(whole(sessions.revokeSessions)),
    presentRefresh: telling((input: RefreshPresentation) => presentRefresh(pool, input, logger)),
    peekRefresh: single(peekRefresh),
    findToken: single(tokens.findToken),
    completeRegistration: telling(whole(tokens.completeRegistration)),
    resetPassword: telling(whole(tokens.resetPassword)),
    startMailFlow: whole(flows.startMailFlow),
    findMailFlow: single(flows.findMailFlow),
    findMailFlowByToken: single(flows.findMailFlowByToken),
    issueFlow: single(flows.issueFlow),
    completeEmailLink: telling(whole(flows.completeEmailLink)),
    denyMailFlow: whole(flows.denyMailFlow),
    findEmailChange: single(change.findEmailChange),
    completeEmailChange: telling(whole(change.completeEmailChange)),
    findIdentity: single(identities.findIdentity),
    listIdentities: single(identities.listIdentities),
    findTokens: single(identities.findTokens),
    redeemState: single(identities.redeemState),
    signInByIdentity: telling(whole(identities.signInByIdentity)),
    createByIdentity: telling(whole(identities.createByIdentity)),
    linkIdentity: whole(identities.linkIdentity),
    unlinkIdentity: whole(identities.unlinkIdentity),
    scheduleDeletion: whole(accounts.scheduleDeletion),
    listDueDeletions: single(accounts.listDueDeletions),
    enqueueMail: whole(mail.enqueueMail),
    claimMail: single(mail.claimMail),
    issueToken: whole(mail.issueToken),
    finishMail: single(mail.finishMail),
    retryMail: whole(mail.retryMail),
    countEvent: single((db, event: Parameters<Store["countEvent"]>[0]) => events.countEvent(db, null, event)),
    recordEvents: whole(async (db, told: Parameters<Store["recordEvents"]>[0]) =>
      events.writeEvents(db, await find.readNow(db), told),
    ),
    listEvents: single(events.listEvents),
    purge: whole(upkeep.purge),
    readRevocations: single(upkeep.readRevocations),
    noteSecrets: whole(secrets.noteSecrets),
    leaveSecrets: whole(secrets.leaveSecrets),
    listSecrets: () => secrets.listSecrets(pool.db),
    readMark: () => mark.readMark(pool.db),
    raiseMark: () => mark.raiseMark(pool.db),
    startAnew: async (input) => {
      const result = await pool.transaction((db) => mark.startAnew(db, input), { answerMs: ANEW_MS })
      poke()
      return result
    },
    ping: () => upkeep.ping(pool.db),
    watchRevocations: parts.watch,
    takeBuckets: createBuckets(parts.limits.db),
    beat: single(beat),
    leave: single(leave),
    describe: () => ({ database: facts, statements: seen.size }),
    close: async () => void (await Promise.all([pool.close(), parts.limits.close()])),
  }
}

/** Whether a verb ended a session or raised an epoch; when that cannot be told from outside, it may have. */
function hasRevoked(input: unknown, result: unknown): boolean {
  const { replaces } = input as { replaces?: string }
  const { kind, revoked, verdict } = result as { kind?: string; revoked?: unknown; verdict?: string }
  if (verdict !== undefined) return verdict === "reuse" || verdict === "late-parent" || verdict === "rollback"
  if (Array.isArray(revoked)) return revoked.length > 0 || kind === "changed"
  return revoked === true || (kind === "started" && replaces !== undefined)
}
