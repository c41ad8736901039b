import { randomBytes } from "node:crypto"
import type { Server } from "node:http"
import { createBotChecks, createRisk, WIDGETS } from "../checklist/bot-check/index.ts"
import { checkCors, VARY_BY_ORIGIN } from "../checklist/cors/index.ts"
import { checkCsrf } from "../checklist/csrf/index.ts"
import { createEmailLinks } from "../checklist/email-link/index.ts"
import { pageHeaders } from "../checklist/header/index.ts"
import { checkHttps } from "../checklist/https/index.ts"
import { createOauth, type ProviderTokens } from "../checklist/oauth/index.ts"
import { createOverload, limitServer } from "../checklist/overload/index.ts"
import { createPasswords } from "../checklist/password/index.ts"
import { clientOf, createOverlooked } from "../checklist/proxy/index.ts"
import { createLimiter, createSharedLimiter, createSignInLimits } from "../checklist/rate-limit/index.ts"
import { createKnownDevices, createRevocations, createSessions } from "../checklist/session/index.ts"
import { createTokens } from "../checklist/token/index.ts"
import { toBase64url } from "../core/bytes.ts"
import { systemClock } from "../core/clock.ts"
import type { Facts } from "../core/facts.ts"
import type { FlowRoute } from "../core/flow.ts"
import { silentLogger, withoutLongSegments } from "../core/logger.ts"
import { createBotGate, createFlows, openTokens } from "../flows/index.ts"
import {
  createInbox,
  createMailer,
  developmentGate,
  type Inbox,
  inboxRoutes,
  outboxTransport,
} from "../flows/mail/index.ts"
import { createGuard, type Guard } from "../guard/index.ts"
import { createPages } from "../pages/index.ts"
import { withDeadline, withOneDeadline } from "../store/deadline.ts"
import { openStore } from "../store/open.ts"
import { openRedis } from "../store/redis/index.ts"
import type { Store } from "../store/store.ts"
import { watchChanges } from "./changes.ts"
import { type ChecklistRow, readChecklist } from "./checklist.ts"
import { readFacts } from "./facts.ts"
import { createInstances } from "./instances.ts"
import { createLimits } from "./limits.ts"
import type { NightlatchOptions } from "./options.ts"
import { askPolicies, type Policies } from "./policy.ts"
import { createSecrets } from "./secrets.ts"
import { createSessionCheck } from "./session-check.ts"
import { createTesting, type Testing } from "./testing.ts"
import { startUpkeep } from "./upkeep.ts"
import { startWitness, type Witness, witnessPath } from "./witness.ts"

/**
 * A request waits no longer for the store, all its calls together; with its hashing it is answered in about 2 s. SQLite
 * itself gives up on a locked file after 1.5 s.
 */
const STORE_DEADLINE_MS = 1_750

const DAY_MS = 24 * 3_600_000
/** Long enough to notice the mail that tells of it. */
const DELETION_DELAY_DAYS = 7

/** A running Nightlatch: what adapters guard with, and what an operator looks at. */
export interface Latch extends Guard {
  readonly origin: string
  /** What is answered below the base path: for documentation, and for tests that attack every route. */
  readonly routes: readonly Pick<FlowRoute, "name" | "method" | "path" | "access" | "summary">[]
  /** Each line of the checklist, and whether it holds here and now. */
  checklist(): readonly ChecklistRow[]
  facts(): Facts
  /**
   * Asks now for the root secrets that `secret` answers as a function, and takes up what has changed; without such a function
   * nothing happens. Never rejects: the checklist and the log tell what failed.
   */
  renewSecrets(): Promise<void>
  /** Whether the store answers and the revocation feed is fresh. */
  ready(): Promise<boolean>
  /**
   * The tokens a provider gave at the account's last sign-in with it, if the provider has `keepTokens`; for calling its API.
   * @throws UnavailableError when the store does not answer
   */
  providerTokens(of: {
    readonly userId: string
    readonly provider: string
  }): Promise<ProviderTokens | undefined>
  /**
   * Sets the time and size limits of a request on a server, before it listens or in the same turn. Without it slow clients
   * may keep connections, and the checklist says so.
   */
  limitServer(server: Server): void
  /** The development inbox: only on a loopback origin without SMTP. */
  readonly inbox: Inbox | undefined
  /** Opens the inbox's page; a new one each start. */
  readonly developmentKey: string | undefined
  /** Where to read the mails of development, with the key: for the one who starts the program, never for a log. */
  readonly inboxUrl: string | undefined
  readonly testing: Testing
  /** Ends timers, gives mails under way 5 s and closes the store. May be called twice. */
  close(): Promise<void>
}

/**
 * Checks the options, opens the store, loads what was revoked: when it resolves, requests can come.
 * @throws MisuseError with every fault of the options at once
 * @throws UnavailableError when the store, or the source of the secrets, does not answer
 */
export async function nightlatch(options: NightlatchOptions): Promise<Latch> {
  const policies = await askPolicies(options)
  const { given } = policies
  const logger = given.logger ?? silentLogger
  for (const [name, reason] of Object.entries(given.unsafe ?? {}))
    logger.warn({ unsafe: name, reason }, "weakened")
  const clock = given.clock ?? systemClock
  const store = await openStore(policies.database, { clock, logger, exclusive: true })
  return compose(policies, store)
}

/** Puts rooms, flows and guard together over an open store, which it closes if that fails. */
export async function compose(policies: Policies, engine: Store): Promise<Latch> {
  const store = withDeadline(engine, STORE_DEADLINE_MS)
  const { given, origin, basePath, ring } = policies
  const logger = withoutLongSegments(given.logger ?? silentLogger)
  const clock = given.clock ?? systemClock
  let closeRedis = () => {}
  let witness: Witness | undefined
  try {
    const redis = policies.redis === undefined ? undefined : await openRedis(policies.redis, origin, logger)
    closeRedis = () => redis?.close()
    const accessLifetimeSeconds = policies.token.accessLifetimeSeconds
    const revocations = createRevocations({
      store,
      clock,
      logger,
      accessLifetimeSeconds,
      acceptStale: given.unsafe?.acceptRevokedUntilExpiry !== undefined,
      onNote: () => redis?.feed.tell(),
      onRevoked: () => witness?.note(),
    })
    const tokens = createTokens({ policy: policies.token, keys: ring.keys("access-signing"), origin, clock })
    const sessions = createSessions({ policy: policies.session, ring, store, tokens, revocations, logger })
    const devices = createKnownDevices({ keys: ring.keys("known-device"), clock })
    const passwords = createPasswords({ policy: policies.password, contextWords: [origin.hostname] })
    const emailLinks = createEmailLinks(ring.keys("email-code"))
    const linkKeys = ring.keys("pending-link")
    const tokenKeys = ring.keys("provider-tokens")
    const oauth = createOauth({ policy: policies.oauth, keys: ring.keys("oauth-flow"), clock, logger })
    const limiter = createLimiter({
      keys: ring.keys("limit-key"),
      clock,
      capacity: policies.rateLimit.capacity,
    })
    const inDatabase = store.takeBuckets && { place: "PostgreSQL", take: store.takeBuckets }
    const buckets = redis?.buckets ?? inDatabase
    const whenGone = policies.rateLimit.whenSharedIsGone
    const shared = buckets && createSharedLimiter({ limiter, buckets, whenGone, logger })
    const named = shared ?? limiter
    const instances = createInstances({
      store,
      clock,
      logger,
      keys: ring.keys("secret-id"),
      limits: () =>
        shared?.describe().gone === undefined ? (shared?.describe().place ?? "memory") : "memory",
    })
    const secrets = createSecrets({ policies, store, logger, onReplaced: () => void instances.beat() })
    const signInLimits = createSignInLimits({ limiter: named, policy: policies.rateLimit })
    const { widget } = policies.botCheck
    const botChecks = createBotChecks({
      policy: policies.botCheck,
      keys: ring.keys("bot-check"),
      hostnames: new Set(
        [origin, ...policies.cors.origins.map((each) => new URL(each))].map((each) => each.hostname),
      ),
      clock,
      logger,
    })
    const botGate = createBotGate({
      checks: botChecks,
      risk: createRisk({
        limiter: named,
        policy: policies.botCheck,
        answers: policies.rateLimit.login.perAddress,
        clock,
      }),
      store,
      devices,
      bodyBytes: policies.overload.bodyBytes,
      logger,
    })
    const overload = createOverload(policies.overload)
    const overlooked = createOverlooked({ policy: policies.proxy, clock, logger })

    const development = policies.loopback && policies.mail.transport === "inbox"
    const inbox = development ? createInbox(clock) : undefined
    const developmentKey = development ? toBase64url(randomBytes(32)) : undefined
    const mailer = createMailer({
      store,
      send: inbox?.deliver ?? outboxTransport(policies.mail),
      emailLinks,
      flowLifetimeMs: policies.emailLink.lifetimeMs,
      origin,
      basePath,
      logger,
    })
    const deletionDays = given.deletionDelayDays ?? DELETION_DELAY_DAYS
    const pages = createPages({
      basePath,
      policy: policies.pages,
      store,
      sessions,
      cookies: policies.cookie,
      emailLinks,
      providers: policies.oauth.providers.map(({ name, title }) => ({
        name,
        title,
        href: `${basePath}/oauth/${name}`,
      })),
      linkKeys,
      corsOrigins: policies.cors.origins,
      registration: given.registration ?? "open",
      emailLink: policies.emailLink.enabled,
      minimumPassword: policies.password.minimumLength,
      deletionDays,
      bodyBytes: policies.overload.bodyBytes,
      headers: pageHeaders(),
      widgetHeaders: pageHeaders(widget === undefined ? {} : WIDGETS[widget.name].policy),
      botCheck: botGate,
      logger,
      clock,
    })
    const flows = createFlows({
      origin,
      basePath,
      store,
      cookies: policies.cookie,
      sessions,
      tokens,
      devices,
      passwords,
      emailLinks,
      oauth,
      providers: policies.oauth.providers,
      linkKeys,
      pages,
      tokenKeys,
      signInLimits,
      botGate,
      mail: { limits: policies.mail.limits, wake: () => mailer.wake() },
      policy: {
        registration: given.registration ?? "open",
        bearer: given.bearer ?? false,
        bodyBytes: policies.overload.bodyBytes,
        emailLink: policies.emailLink,
        deletionDelayMs: deletionDays * DAY_MS,
      },
      hooks: given.hooks ?? {},
      logger,
      clock,
      extraRoutes: (own) => [
        ...(inbox === undefined || developmentKey === undefined
          ? []
          : inboxRoutes({
              inbox,
              gate: developmentGate({ origin, basePath, key: developmentKey }),
              basePath,
              pageHeaders: pageHeaders(),
            })),
        ...pages.routes(own),
      ],
    })
    const limits = createLimits({ limiter, named, policy: policies.rateLimit, routes: flows.routes })
    const session = createSessionCheck({ tokens, revocations, clock })
    const guard = createGuard({
      hosts: policies.hosts,
      publicRoutes: policies.publicRoutes,
      healthPaths: policies.healthPaths,
      flows,
      headers: [...policies.header.headers, ...VARY_BY_ORIGIN],
      bearer: given.bearer ?? false,
      bodyBytes: policies.overload.bodyBytes,
      logger,
      client: (head) => clientOf(policies.proxy, head, overlooked.note),
      credentials: (head) =>
        policies.cookie.read(head.headerValues("cookie"), head.headerValues("authorization")),
      stripRefresh: (cookieHeader) => policies.cookie.stripRefresh(cookieHeader),
      https: (view) => checkHttps(policies.https, view),
      overload: () => overload.check(),
      cors: (view) => checkCors(policies.cors, view),
      csrf: (view) => checkCsrf(policies.csrf, view),
      session,
      deadline: (run) => withOneDeadline(STORE_DEADLINE_MS, run),
      ...limits,
    })

    const path = witnessPath(policies.database, given.stateFolder)
    witness = await startWitness({ store, path, logger })
    await Promise.all([revocations.start(), shared?.start(), redis?.feed.listen(() => revocations.wake())])
    await instances.start()
    await secrets.start()
    const changes = watchChanges({ store, callHook: flows.callHook, logger })
    if (given.hooks !== undefined) await changes.start()
    overload.start()
    mailer.start()
    const upkeep = startUpkeep({
      store,
      revocations,
      onDeleted: ({ id, email }) => flows.callHook("accountDeleted", { userId: id, email }),
      logger,
      retentionDays: policies.event.retentionDays,
      accessLifetimeSeconds,
    })
    const facts = (): Facts =>
      readFacts({
        policies,
        store: store.describe(),
        limiter,
        shared,
        botCheck: botChecks.describe(),
        feedAgeMs: revocations.ageMs(clock()),
        concurrency: policies.password.concurrency,
        hashes: passwords.describe().begun,
        foreignHashes: upkeep.foreignHashes,
        limited,
        instances: instances.facts(),
        overlooked,
        mailer,
        renewal: secrets.describe(),
      })
    let closing: Promise<void> | undefined
    let limited = false
    let pinging: Promise<boolean> | undefined
    return {
      ...guard,
      origin: origin.origin,
      routes: flows.routes,
      limitServer(server) {
        limitServer(server, policies.overload.serverLimits)
        limited = true
      },
      inbox,
      developmentKey,
      inboxUrl:
        developmentKey === undefined
          ? undefined
          : `${origin.origin}${basePath}/dev/inbox?key=${developmentKey}`,
      facts,
      async providerTokens({ userId, provider }) {
        const identity = (await store.listIdentities(userId)).find((each) => each.provider === provider)
        const sealed = identity === undefined ? undefined : await store.findTokens(identity.id)
        return identity === undefined || sealed === undefined
          ? undefined
          : openTokens(tokenKeys.list, identity, sealed)
      },
      checklist: () => readChecklist(facts()),
      renewSecrets: () => secrets.renew(),
      async ready() {
        if (closing !== undefined || !revocations.fresh(clock())) return false
        // Nobody limits health checks, so those that come together share one look.
        pinging ??= store
          .ping()
          .then(
            () => true,
            () => false,
          )
          .finally(() => {
            pinging = undefined
          })
        return pinging
      },
      testing: createTesting({ store, sessions, cookies: policies.cookie }),
      close() {
        closing ??= (async () => {
          await secrets.stop()
          upkeep.stop()
          await revocations.stop()
          changes.stop()
          overload.stop()
          await mailer.stop()
          shared?.stop()
          await instances.stop()
          closeRedis()
          await witness?.stop()
          await store.close()
        })()
        return closing
      },
    }
  } catch (error) {
    closeRedis()
    await witness?.stop()
    await store.close()
    throw error
  }
}
