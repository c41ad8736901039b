import type { BotCheckCounts } from "../checklist/bot-check/index.ts"
import { BLOCKLIST_SIZE } from "../checklist/password/index.ts"
import type { Overlooked } from "../checklist/proxy/index.ts"
import type { Limiter, SharedLimiter } from "../checklist/rate-limit/index.ts"
import type { Facts } from "../core/facts.ts"
import type { Mailer } from "../flows/mail/index.ts"
import type { StoreFacts } from "../store/store.ts"
import type { Policies } from "./policy.ts"

/** What holds in the live instance, for the rooms' `state`. */
export function readFacts(input: {
  readonly policies: Policies
  readonly store: StoreFacts
  readonly limiter: Limiter
  readonly shared: SharedLimiter | undefined
  readonly botCheck: BotCheckCounts
  readonly feedAgeMs: number | undefined
  readonly concurrency: number
  readonly hashes: number
  readonly foreignHashes: number
  readonly limited: boolean
  readonly instances: Facts["instances"]
  readonly overlooked: Overlooked
  readonly mailer: Pick<Mailer, "failedInARow">
  readonly renewal: Facts["secret"]["renewal"]
}): Facts {
  const { policies, store, limiter } = input
  const { token, session, password, overload, cookie, botCheck } = policies
  const unsafe = Object.entries(policies.given.unsafe ?? {}).filter(([, reason]) => reason !== undefined)
  return {
    origin: policies.origin.origin,
    loopback: policies.loopback,
    unsafe: Object.fromEntries(unsafe) as Record<string, string>,
    cors: { origins: policies.cors.origins },
    csrf: { mode: "same-site" },
    cookie: { topology: cookie.topology, names: Object.values(cookie.names) },
    header: { names: policies.header.headers.map(([name]) => name), hstsSeconds: policies.https.hstsSeconds },
    https: { enforced: policies.https.enforced, certificateDays: undefined },
    token: {
      algorithm: token.algorithm,
      lifetimeSeconds: token.accessLifetimeSeconds,
      keys: policies.ring.count,
    },
    session: {
      toleratedDelaySeconds: session.toleratedDelaySeconds,
      idleSeconds: session.idleSeconds,
      absoluteSeconds: session.absoluteSeconds,
      feedAgeMs: input.feedAgeMs,
    },
    password: {
      enabled: true,
      memoryKib: password.memoryKib,
      passes: password.passes,
      minimumLength: password.minimumLength,
      blocklistSize: BLOCKLIST_SIZE,
      concurrency: input.concurrency,
      hashes: input.hashes,
      foreign: input.foreignHashes,
    },
    emailLink: {
      failedInARow: input.mailer.failedInARow,
      enabled: policies.emailLink.enabled,
      registers: policies.emailLink.registers && (policies.given.registration ?? "open") === "open",
      lifetimeSeconds: policies.emailLink.lifetimeMs / 1000,
    },
    rateLimit: {
      policies: limiter.policies,
      keys: limiter.size,
      capacity: limiter.capacity,
      shared: input.shared?.describe(),
    },
    proxy: { trusted: policies.proxy.trusted, overlooked: input.overlooked.last() },
    overload: {
      bodyBytes: overload.bodyBytes,
      loopDelayMs: overload.loopDelayMs,
      requestSeconds: overload.serverLimits.requestTimeoutMs / 1000,
      limited: input.limited,
    },
    oauth: {
      providers: policies.oauth.providers.map(({ title }) => title),
      secure: policies.oauth.providers.every(({ issuer }) => issuer?.startsWith("http:") !== true),
    },
    botCheck: {
      provider: botCheck.provider,
      always: botCheck.always,
      free: { mail: botCheck.free.mail.perNetwork.burst, signIn: botCheck.free.signIn.perAccount.burst },
      maxNumber: botCheck.maxNumber,
      ...input.botCheck,
    },
    sql: { statements: store.statements },
    database: store.database,
    instances: input.instances,
    secret: {
      count: policies.ring.count,
      source: policies.secretSource === undefined ? "configuration" : "the function in the configuration",
      renewal: input.renewal,
    },
    event: { retentionDays: policies.event.retentionDays },
  }
}
