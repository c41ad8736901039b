import { type BotCheckPolicy, readBotCheck } from "../checklist/bot-check/index.ts"
import { type CookiePolicy, readCookies } from "../checklist/cookie/index.ts"
import { type CorsPolicy, readCors } from "../checklist/cors/index.ts"
import { type CsrfPolicy, readCsrf } from "../checklist/csrf/index.ts"
import { prepareFile, readDatabase } from "../checklist/database/index.ts"
import { type EmailLinkPolicy, readEmailLink } from "../checklist/email-link/index.ts"
import { type EventPolicy, readEvent } from "../checklist/event/index.ts"
import { type HeaderPolicy, readHeader } from "../checklist/header/index.ts"
import { type HttpsPolicy, readHttps } from "../checklist/https/index.ts"
import { type OauthPolicy, readOauth } from "../checklist/oauth/index.ts"
import { type OverloadPolicy, readOverload } from "../checklist/overload/index.ts"
import { type PasswordPolicy, readPassword } from "../checklist/password/index.ts"
import { type ProxyPolicy, readProxy } from "../checklist/proxy/index.ts"
import { type RateLimitPolicy, readRateLimit } from "../checklist/rate-limit/index.ts"
import { askSource, KeyRing, readSecrets, type SecretSource } from "../checklist/secret/index.ts"
import { readSession, type SessionPolicy } from "../checklist/session/index.ts"
import { readToken, type TokenPolicy } from "../checklist/token/index.ts"
import { isLoopback } from "../core/loopback.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import { type MailPolicy, readMail } from "../flows/mail/index.ts"
import {
  type HostPolicy,
  type PublicRoutes,
  readHealthPaths,
  readHosts,
  readPublicRoutes,
} from "../guard/index.ts"
import { type PagesPolicy, readPages } from "../pages/index.ts"
import { type RedisPolicy, readRedis } from "../store/redis/index.ts"
import type { DatabasePlace } from "../store/store.ts"
import { type NightlatchOptions, readOptions } from "./options.ts"

/** Every option, read: each part by its room. */
export interface Policies {
  readonly given: Partial<NightlatchOptions>
  readonly origin: URL
  readonly basePath: string
  readonly loopback: boolean
  readonly database: DatabasePlace
  readonly hosts: HostPolicy
  readonly publicRoutes: PublicRoutes
  readonly healthPaths: ReadonlySet<string>
  /** Without secrets, and so good for nothing, while they are still to be asked for. */
  readonly ring: KeyRing
  readonly botCheck: BotCheckPolicy
  /** Where to ask for secrets; undefined when they are fixed. */
  readonly secretSource: SecretSource | undefined
  readonly cookie: CookiePolicy
  readonly cors: CorsPolicy
  readonly csrf: CsrfPolicy
  readonly emailLink: EmailLinkPolicy
  readonly event: EventPolicy
  readonly header: HeaderPolicy
  readonly https: HttpsPolicy
  readonly mail: MailPolicy
  readonly oauth: OauthPolicy
  readonly overload: OverloadPolicy
  readonly password: PasswordPolicy
  readonly proxy: ProxyPolicy
  readonly rateLimit: RateLimitPolicy
  readonly redis: RedisPolicy | undefined
  readonly session: SessionPolicy
  readonly token: TokenPolicy
  readonly pages: PagesPolicy
}

function sharesLimits({ redis, database }: Policies): boolean {
  return redis !== undefined || database.kind === "postgres"
}

const MEMORY: DatabasePlace = { kind: "sqlite", path: ":memory:" }

/** What a secret source answered. */
interface Answer {
  readonly secret: unknown
}

/**
 * `readPolicies` after asking for the secrets, where a function answers them.
 * @throws MisuseError with every fault at once; UnavailableError when only the secrets did not come
 */
export async function askPolicies(input: unknown): Promise<Policies> {
  const source = sourceOf(input)
  if (source === undefined) return readPolicies(input)
  const faults = new Faults()
  let failure: unknown
  const answer = await askSource(source).then(
    (secret): Answer => ({ secret }),
    (error: unknown) => {
      failure = error
      return undefined
    },
  )
  if (answer !== undefined) return readPolicies(input, faults, answer)
  if (failure instanceof MisuseError) {
    for (const { code, path, problem, fix } of failure.faults) faults.add(code, path, problem, fix)
  }
  readPolicies(input, faults)
  throw failure
}

function sourceOf(input: unknown): SecretSource | undefined {
  const { secret } = (typeof input === "object" && input !== null ? input : {}) as { secret?: unknown }
  return typeof secret === "function" ? (secret as SecretSource) : undefined
}

/**
 * Reads every option by its room, then what only two of them together can contradict.
 * @param faults those that are known already: they are told with the others, and the disk is left alone
 * @param answer the secrets, where a function answers them; without it they are not judged, and the ring is empty
 * @throws MisuseError with every fault at once
 */
export function readPolicies(input: unknown, faults: Faults = new Faults(), answer?: Answer): Policies {
  const { given, origin, basePath } = readOptions(input, faults)
  const loopback = isLoopback(origin.hostname)
  const list = (value: unknown): string[] =>
    Array.isArray(value) ? value.filter((each) => typeof each === "string") : []
  const secretSource = sourceOf(given)
  const https = readHttps(given.https, origin, faults)
  const cors = readCors(given.cors, origin, faults)
  const token = readToken(given.token, faults)
  const session = readSession(given.session, faults, given.unsafe)
  const policies: Policies = {
    given,
    origin,
    basePath,
    loopback,
    // What is not there is a fault, and `policies` is not used.
    database: readDatabase({ database: given.database, direct: given.databaseDirect }, faults) ?? MEMORY,
    https,
    cors,
    token,
    session,
    hosts: readHosts(origin, list(given.hosts), faults),
    publicRoutes: readPublicRoutes(list(given.publicRoutes), faults),
    healthPaths: readHealthPaths(list(given.healthPaths), faults),
    botCheck: readBotCheck(given.botCheck, { loopback, unsafe: given.unsafe }, faults),
    ring:
      secretSource !== undefined && answer === undefined
        ? new KeyRing([], origin)
        : readSecrets(answer === undefined ? given.secret : answer.secret, origin, faults),
    secretSource,
    cookie: readCookies(given.cookie, origin, faults),
    csrf: readCsrf(given.csrf, { origin, corsOrigins: cors.origins }, faults),
    header: readHeader(given.header, https, faults),
    emailLink: readEmailLink(given.emailLink, faults),
    event: readEvent(given.event, faults),
    oauth: readOauth(given.oauth, { origin, basePath, loopback }, faults),
    overload: readOverload(given.overload, faults),
    password: readPassword(given.password, faults),
    proxy: readProxy(given.proxy, faults),
    rateLimit: readRateLimit(given.rateLimit, faults),
    redis: readRedis(given.redis, faults),
    mail: readMail(given.mail, faults, { loopback }),
    pages: readPages(given.pages, { origin, basePath, loopback }, faults),
  }
  if (token.accessLifetimeSeconds >= session.idleSeconds) {
    faults.add(
      "session.shorter_than_token",
      "session.idleSeconds",
      "an idle session would end before its access token",
      "Make session.idleSeconds longer than token.accessLifetimeSeconds.",
    )
  }
  if (given.rateLimit?.whenSharedIsGone !== undefined && !sharesLimits(policies)) {
    faults.add(
      "rate-limit.not_shared",
      "rateLimit.whenSharedIsGone",
      "limits are counted by this process alone, so nothing shared can be gone",
      "Remove it, or set redis (NIGHTLATCH_REDIS).",
    )
  }
  const open = [
    ...list(given.publicRoutes).map((route) => ["publicRoutes", route.split(" ")[1]] as const),
    ...list(given.healthPaths).map((path) => ["healthPaths", path] as const),
  ]
  for (const [option, path] of open) {
    if (path?.startsWith(`${basePath}/`)) {
      faults.add(
        "guard.public_flow",
        option,
        "it names a path below basePath, where the flows decide themselves",
        "Remove it, or choose another basePath.",
      )
    }
  }
  // Only a sound configuration touches the disk.
  if (faults.list.length === 0 && policies.database.kind === "sqlite")
    prepareFile(policies.database.path, faults)
  faults.throwIfAny()
  return policies
}
