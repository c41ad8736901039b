import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { type Clock, systemClock } from "../../core/clock.ts"
import { type Logger, silentLogger } from "../../core/logger.ts"
import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import type { MigrationPlan, Store } from "../store.ts"
import * as accounts from "./accounts.ts"
import * as change from "./email-change.ts"
import * as events from "./events.ts"
import { Executor } from "./executor.ts"
import { lockForService, makePrivate, modesOf } from "./file.ts"
import * as find from "./find.ts"
import * as identities from "./identities.ts"
import * as mail from "./mail.ts"
import * as flows from "./mail-flow.ts"
import * as mark from "./mark.ts"
import { peekRefresh, presentRefresh } from "./refresh.ts"
import { migrate, planMigration } from "./schema.ts"
import * as secrets from "./secrets.ts"
import * as sessions from "./sessions.ts"
import * as tokens from "./tokens.ts"
import * as upkeep from "./upkeep.ts"
import { unavailable, Writer } from "./writer.ts"

// WAL: readers never wait. FULL: an answer that was sent survives a power cut. 4,000 pages between checkpoints keep the
// slowest hundredth of the commits ten times faster than 1,000, for 16 MB of disk.
const SETTINGS = sql`
  PRAGMA busy_timeout = 0;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA foreign_keys = ON;
  PRAGMA trusted_schema = OFF;`

const MEMORY = ":memory:"
const STARTING_GIVE_UP_MS = 5_000
const STARTING_RETRY_MS = 50

export interface SqliteInput {
  /** Path of the file, or `:memory:`. */
  readonly path: string
  readonly clock?: Clock
  readonly logger?: Logger
  /** Holds the file as its one service; commands leave it out. Default false. */
  readonly exclusive?: boolean
}

/**
 * Opens the file, makes it if it is missing, and brings its schema up to date.
 * @throws MisuseError `store.in_use`, `store.newer_schema`
 * @throws UnavailableError when the file cannot be opened or written
 */
export async function openSqlite(input: SqliteInput): Promise<Store> {
  const clock = input.clock ?? systemClock
  const logger = input.logger ?? silentLogger
  const path = input.path === MEMORY ? MEMORY : resolve(input.path)
  let lock: Executor | undefined
  try {
    if (path !== MEMORY) {
      makePrivate(path)
      if (input.exclusive === true) lock = lockForService(path)
    }
    const db = await openReady(path)
    return createStore({ db, lock, path, clock, logger })
  } catch (error) {
    lock?.close()
    throw error instanceof MisuseError ? error : unavailable(error)
  }
}

/** What opening would do to the schema of a file that may not be there yet. @throws like `openSqlite` */
export function planSqlite(path: string): MigrationPlan {
  if (path === MEMORY || !existsSync(path)) return planMigration(undefined)
  const db = new Executor(path)
  try {
    return planMigration(db)
  } catch (error) {
    throw error instanceof MisuseError ? error : unavailable(error)
  } finally {
    db.close()
  }
}

/** Another process may be migrating: wait for it a moment. */
async function openReady(path: string): Promise<Executor> {
  const since = performance.now()
  for (;;) {
    const db = new Executor(path)
    try {
      db.script(SETTINGS)
      migrate(db)
      return db
    } catch (error) {
      db.close()
      if (error instanceof MisuseError || performance.now() - since > STARTING_GIVE_UP_MS) throw error
    }
    await new Promise((resume) => setTimeout(resume, STARTING_RETRY_MS))
  }
}

function createStore(parts: {
  readonly db: Executor
  readonly lock: Executor | undefined
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
}): Store {
  const { db, lock, path, clock, logger } = parts
  const writer = new Writer(db)
  let closing: Promise<void> | undefined

  /** A verb that reads. */
  const read =
    <Input, Result>(verb: (db: Executor, input: Input) => Result) =>
    (input: Input): Promise<Result> =>
      writer.read(() => verb(db, input))
  /** A verb that reads what depends on the time. */
  const readNow =
    <Input, Result>(verb: (db: Executor, now: number, input: Input) => Result) =>
    (input: Input): Promise<Result> =>
      writer.read(() => verb(db, clock(), input))
  /** A verb that writes, in a transaction, at the store's time. */
  const write =
    <Input, Result>(verb: (db: Executor, now: number, input: Input) => Result) =>
    (input: Input): Promise<Result> =>
      writer.write(() => verb(db, clock(), input))

  return {
    findAccount: read(find.findAccount),
    findAccountByEmail: read(find.findAccountByEmail),
    listAccounts: read(accounts.listAccounts),
    createAccount: write(accounts.createAccount),
    importAccounts: write(accounts.importAccounts),
    countForeignHashes: () => writer.read(() => accounts.countForeignHashes(db)),
    setRoles: write(accounts.setRoles),
    setDisabled: write(accounts.setDisabled),
    deleteAccount: write(accounts.deleteAccount),
    countFailure: write(accounts.countFailure),
    startSession: write(sessions.startSession),
    startTrustedSession: write(sessions.startTrustedSession),
    changePassword: write(sessions.changePassword),
    findSession: read(find.findSession),
    listSessions: readNow(sessions.listSessions),
    revokeSession: write(sessions.revokeSession),
    revokeSessions: write(sessions.revokeSessions),
    presentRefresh: write((executor, now, presentation) =>
      presentRefresh(executor, now, presentation, logger),
    ),
    peekRefresh: readNow(peekRefresh),
    findToken: readNow(tokens.findToken),
    completeRegistration: write(tokens.completeRegistration),
    resetPassword: write(tokens.resetPassword),
    startMailFlow: write(flows.startMailFlow),
    findMailFlow: readNow(flows.findMailFlow),
    findMailFlowByToken: readNow(flows.findMailFlowByToken),
    issueFlow: write(flows.issueFlow),
    completeEmailLink: write(flows.completeEmailLink),
    denyMailFlow: write(flows.denyMailFlow),
    findEmailChange: readNow(change.findEmailChange),
    completeEmailChange: write(change.completeEmailChange),
    findIdentity: read(identities.findIdentity),
    listIdentities: read(identities.listIdentities),
    findTokens: read(identities.findTokens),
    redeemState: write(identities.redeemState),
    signInByIdentity: write(identities.signInByIdentity),
    createByIdentity: write(identities.createByIdentity),
    linkIdentity: write(identities.linkIdentity),
    unlinkIdentity: write(identities.unlinkIdentity),
    scheduleDeletion: write(accounts.scheduleDeletion),
    listDueDeletions: readNow(accounts.listDueDeletions),
    enqueueMail: write(mail.enqueueMail),
    claimMail: write(mail.claimMail),
    issueToken: write(mail.issueToken),
    finishMail: write((executor, _now, mailId) => mail.finishMail(executor, mailId)),
    retryMail: write(mail.retryMail),
    countEvent: write(events.countEvent),
    recordEvents: write(events.writeEvents),
    listEvents: read(events.listEvents),
    purge: write(upkeep.purge),
    readRevocations: readNow(upkeep.readRevocations),
    noteSecrets: write(secrets.noteSecrets),
    leaveSecrets: write(secrets.leaveSecrets),
    listSecrets: () => writer.read(() => secrets.listSecrets(db, clock())),
    readMark: () => writer.read(() => mark.readMark(db)),
    raiseMark: () => writer.write(() => mark.raiseMark(db)),
    startAnew: write(mark.startAnew),
    ping: () => writer.write(() => upkeep.ping(db)),
    describe: () => ({
      database: {
        engine: "sqlite",
        location: path === MEMORY ? "memory" : "file",
        ...(path === MEMORY ? { fileMode: undefined, folderMode: undefined } : modesOf(path)),
        durable: path !== MEMORY,
      },
      statements: db.statements,
    }),
    close() {
      closing ??= writer.close().finally(() => {
        db.close()
        lock?.close()
      })
      return closing
    },
  }
}
