import * as z from "zod"
import type { BotCheckOptions } from "../checklist/bot-check/index.ts"
import type { CookieOptions } from "../checklist/cookie/index.ts"
import type { CorsOptions } from "../checklist/cors/index.ts"
import type { CsrfOptions } from "../checklist/csrf/index.ts"
import type { EmailLinkOptions } from "../checklist/email-link/index.ts"
import type { EventOptions } from "../checklist/event/index.ts"
import type { HeaderOptions } from "../checklist/header/index.ts"
import type { HttpsOptions } from "../checklist/https/index.ts"
import type { OauthOptions } from "../checklist/oauth/index.ts"
import type { OverloadOptions } from "../checklist/overload/index.ts"
import type { PasswordOptions } from "../checklist/password/index.ts"
import type { ProxyOptions } from "../checklist/proxy/index.ts"
import type { RateLimitOptions } from "../checklist/rate-limit/index.ts"
import type { SecretOption } from "../checklist/secret/index.ts"
import type { SessionOptions } from "../checklist/session/index.ts"
import type { TokenOptions } from "../checklist/token/index.ts"
import type { Clock } from "../core/clock.ts"
import type { Logger } from "../core/logger.ts"
import { type Faults, readBySchema } from "../core/misuse.ts"
import type { FlowHooks } from "../flows/index.ts"
import type { MailOptions } from "../flows/mail/index.ts"
import type { PagesOptions } from "../pages/index.ts"
import type { RedisOption } from "../store/redis/index.ts"

export type { RedisConnection } from "../store/redis/index.ts"

/** Everything not named is safe already; everything named is checked before the first request. */
export interface NightlatchOptions {
  /** What the browser's address bar shows, for example `https://api.example.com`. Required: cookies, links and keys follow from it. */
  readonly origin: string
  /**
   * Root secret of at least 32 random bytes, or several: the first signs, all verify. Required. A function that answers them
   * is asked at the start (10 s at most), then each minute: other secrets are taken up while requests run.
   */
  readonly secret: SecretOption
  /**
   * Path of the SQLite file, `:memory:`, or `postgres://user:password@host:port/database` (needs the package `pg`).
   * Required. A server that is not on this machine has to prove who it is by its certificate.
   */
  readonly database: string
  /** The same PostgreSQL without a pooler between, which makes revocations reach all instances at once. Default `database`. */
  readonly databaseDirect?: string
  /**
   * `redis://` or `rediss://`, or a connection of your own: limits by name are then counted together by all processes of this
   * origin, and they hear of a revocation at once. One server or one with replicas, no cluster. Default none.
   */
  readonly redis?: RedisOption
  /**
   * Folder of the small file that tells whether a PostgreSQL database went back in time; it must outlive the program.
   * Default `./data`. For SQLite it stands beside the database.
   */
  readonly stateFolder?: string
  /** Where the flows live. Default `/auth`. */
  readonly basePath?: string
  /** Further values of `Host` to serve, for example the name a health check uses. Default none. */
  readonly hosts?: readonly string[]
  /** Routes that anybody may ask for, for example `"GET /products/*"`. Default none: everything else needs a signed-in user. */
  readonly publicRoutes?: readonly string[]
  /**
   * Paths of health checks, for example `"/healthz"`: GET of them is open to anybody who asks by one of our hosts, by plain
   * http too, and is neither limited nor shed. Answer them at next to no cost. Default none.
   */
  readonly healthPaths?: readonly string[]
  /** Who may get an account. Default `"open"`: whoever proves a mailbox. */
  readonly registration?: "open" | "invited" | "closed"
  /** Days between the wish to delete an account and its deletion, 1 to 90. Default 7. */
  readonly deletionDelayDays?: number
  /** Whether clients that are not browsers may ask for tokens in the body. Default false. */
  readonly bearer?: boolean
  /** What robots are asked for; default a proof of work, after a small free budget. */
  readonly botCheck?: BotCheckOptions
  readonly cookie?: CookieOptions
  readonly cors?: CorsOptions
  readonly csrf?: CsrfOptions
  readonly emailLink?: EmailLinkOptions
  readonly event?: EventOptions
  readonly header?: HeaderOptions
  readonly https?: HttpsOptions
  readonly mail?: MailOptions
  readonly oauth?: OauthOptions
  readonly overload?: OverloadOptions
  readonly password?: PasswordOptions
  readonly proxy?: ProxyOptions
  readonly rateLimit?: RateLimitOptions
  readonly session?: SessionOptions
  readonly token?: TokenOptions
  /** The pages people see: name, colour, which are replaced or off. */
  readonly pages?: PagesOptions
  /** Called after the commit and after the answer; what they throw is logged and changes nothing. */
  readonly hooks?: FlowHooks
  /** Any logger of pino's shape. Default none. */
  readonly logger?: Logger
  /** Weakenings, each with its written reason; logged at start and shown on the checklist. */
  readonly unsafe?: { readonly acceptRevokedUntilExpiry?: string; readonly botCheckOpenWhenDown?: string }
  /** Milliseconds since 1970. Default the system's clock; for tests. */
  readonly clock?: Clock
}

const room = z.unknown().optional()
const functionOf = z.custom<(...args: never[]) => unknown>(
  (value) => typeof value === "function",
  "it is not a function",
)
const reason = z.string().min(10, "the written reason is missing: say in a sentence why this is right here")

/** The outermost layer only: each room reads its own part. */
const SCHEMA = z.strictObject({
  origin: z.string("it is missing, or not a text"),
  secret: room,
  database: z.string("it is missing, or not a text").min(1, "it is empty"),
  databaseDirect: z.string().min(1, "it is empty").optional(),
  redis: room,
  stateFolder: z.string().min(1, "it is empty").optional(),
  basePath: z.string().optional(),
  hosts: z.array(z.string()).optional(),
  publicRoutes: z.array(z.string()).optional(),
  healthPaths: z.array(z.string()).optional(),
  registration: z.enum(["open", "invited", "closed"]).optional(),
  deletionDelayDays: z.int().min(1).max(90).optional(),
  bearer: z.boolean().optional(),
  botCheck: room,
  cookie: room,
  cors: room,
  csrf: room,
  emailLink: room,
  event: room,
  header: room,
  https: room,
  mail: room,
  oauth: room,
  overload: room,
  password: room,
  proxy: room,
  rateLimit: room,
  session: room,
  token: room,
  pages: room,
  hooks: z
    .strictObject({
      accountCreated: functionOf.optional(),
      accountChanged: functionOf.optional(),
      accountDeleted: functionOf.optional(),
    })
    .optional(),
  logger: z.looseObject({ info: functionOf, warn: functionOf, error: functionOf }).optional(),
  unsafe: z
    .strictObject({ acceptRevokedUntilExpiry: reason.optional(), botCheckOpenWhenDown: reason.optional() })
    .optional(),
  clock: functionOf.optional(),
})

export const OPTION_NAMES: readonly string[] = Object.freeze(Object.keys(SCHEMA.shape))

const BASE_PATH = /^(?:\/[a-z0-9][a-z0-9-]*)+$/

/** Options whose outermost layer is sound; undefined parts stand for what was faulty. */
export interface ReadOptions {
  readonly given: Partial<NightlatchOptions>
  readonly origin: URL
  readonly basePath: string
}

export function readOptions(input: unknown, faults: Faults): ReadOptions {
  readBySchema(SCHEMA, input, "", faults)
  const given = (typeof input === "object" && input !== null ? input : {}) as Partial<NightlatchOptions>
  const basePath = given.basePath ?? "/auth"
  if (typeof basePath === "string" && !BASE_PATH.test(basePath)) {
    faults.add(
      "option.base_path",
      "basePath",
      "it is not a path of lower-case segments",
      'Write it like "/auth", without a slash at the end.',
    )
  }
  return { given, origin: readOrigin(given.origin, faults), basePath }
}

const FALLBACK = new URL("http://localhost:3000")

function readOrigin(input: unknown, faults: Faults): URL {
  if (typeof input !== "string") return FALLBACK
  const url = URL.parse(input)
  const fix =
    url === null
      ? "Write it like https://api.example.com."
      : `Write ${url.origin === "null" ? "it like https://api.example.com" : url.origin}.`
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    faults.add("origin.invalid", "origin", "it is not an http or https origin", fix)
    return FALLBACK
  }
  if (url.origin !== input)
    faults.add("origin.not_exact", "origin", "it is not exactly scheme, host and port", fix)
  return new URL(url.origin)
}
