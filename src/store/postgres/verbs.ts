import type { PostgresFacts } from "../../core/facts.ts"
import type { Logger } from "../../core/logger.ts"
import type { Statement } from "../../core/statement.ts"
import type { RefreshPresentation, Store } from "../store.ts"
import * as accounts from "./accounts.ts"
import { createBuckets } from "./buckets.ts"
import * as change from "./email-change.ts"
import * as events from "./events.ts"
import type { Executor } from "./executor.ts"
import * as find from "./find.ts"
import * as identities from "./identities.ts"
import { beat, leave } from "./instances.ts"
import { createPoke } from "./listen.ts"
import * as mail from "./mail.ts"
import * as flows from "./mail-flow.ts"
import * as mark from "./mark.ts"
import type { Pool } from "./pool.ts"
import { peekRefresh, presentRefresh } from "./refresh.ts"
import * as secrets from "./secrets.ts"
import * as sessions from "./sessions.ts"
import * as tokens from "./tokens.ts"
import * as upkeep from "./upkeep.ts"

/** Ending every session is one statement over all of them. */
const ANEW_MS = 600_000

/** Which verbs are one statement, which a transaction, and which tell the other instances. */
export function createStore(parts: {
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
