import * as z from "zod"
import { parseStrictJsonBytes } from "../core/json.ts"
import { isPostgresUrl, parsePostgresUrl } from "../core/postgres-url.ts"

/**
 * Every setting of the service, once: environment, `.env`, configuration file, command line and the README's table are
 * read from here. `read` turns the text of an environment variable into the option's value and says what is wrong with it;
 * what the value means is checked by the option's own room.
 */
export interface Setting {
  readonly variable: string
  /** Path in the configuration file, which is the library's own option where there is one. */
  readonly key: string
  readonly type: string
  /** In words; the value itself is the room's. */
  readonly standard: string
  readonly description: string
  /** Never repeated anywhere; also read from the file that `<variable>_FILE` names. */
  readonly secret: boolean
  /** Whether this value, as it was written, must not stand in a file that others read. */
  readonly isSecret: (value: unknown) => boolean
  readonly read: z.ZodType
}

const text = z.string()

const list = z
  .string()
  .transform((value) => value.split(",").map((part) => part.trim()))
  .refine((parts) => parts.every((part) => part !== ""), "it has an empty part between its commas")

/** Several secrets of one text: with commas or line ends between them, whatever brings the text. Blanks around are none of them. */
export function splitSecrets(value: string): readonly string[] {
  return value
    .replace(/(?:\r?\n)+$/, "")
    .split(/,|\r?\n/)
    .map((part) => part.trim())
}

const secrets = z
  .string()
  .transform(splitSecrets)
  .refine((parts) => parts.every((part) => part !== ""), "it has an empty part between its commas or lines")

const json = z.string().transform((value, context): unknown => {
  const read = parseStrictJsonBytes(Buffer.from(value))
  if (typeof read === "object" && read !== null) return read
  context.addIssue({ code: "custom", message: "it is not a JSON object" })
  return z.NEVER
})

const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, "it is not a whole number from 0")
  .transform(Number)

const seconds = z
  .string()
  .regex(/^\d{1,6}(\.\d{1,3})?$/, "it is not a number of seconds, for example 5 or 0.3")
  .transform(Number)

const NO_PORT = "it is not a whole number from 0 to 65535"
export const portSchema: z.ZodType<number, number> = z
  .int({ error: NO_PORT })
  .min(0, NO_PORT)
  .max(65535, NO_PORT)

/** A path is none, and neither is the URL of a server that asks for no password. */
function hasPassword(value: unknown): boolean {
  if (typeof value !== "string") return false
  if (isPostgresUrl(value)) return parsePostgresUrl(value)?.password !== ""
  return /^rediss?:/.test(value) && URL.parse(value)?.password !== ""
}

const oneOf = (...words: [string, ...string[]]): z.ZodType =>
  z.enum(words, { error: `it is none of ${words.join(", ")}` })

function setting(
  variable: string,
  key: string,
  type: string,
  standard: string,
  description: string,
  read: z.ZodType,
  secret: boolean = false,
  isSecret: Setting["isSecret"] = () => secret,
): Setting {
  return Object.freeze({ variable, key, type, standard, description, read, secret, isSecret })
}

export const PORT: Setting = setting(
  "PORT",
  "port",
  "number",
  "`3000`",
  "Port to listen on; `0` takes a free one.",
  z
    .string()
    .regex(/^\d{1,9}$/, NO_PORT)
    .transform(Number)
    .pipe(portSchema),
)

export const SECRET: Setting = setting(
  "NIGHTLATCH_SECRET",
  "secret",
  "list",
  "written to `.env` on a first start on a loopback origin",
  "Root secret, at least 32 random bytes (`nightlatch secret`). Several: the first signs, all verify. A changed file is taken up within a minute.",
  secrets,
  true,
)

/** The other places a root secret may come from; exactly one is given. */
const SECRET_PLACES: readonly Setting[] = [
  setting(
    "NIGHTLATCH_SECRET_COMMAND",
    "secretCommand",
    "command",
    "none",
    "Instead: a command that prints it, asked each minute ([secrets](docs/secrets.md)). No shell reads it.",
    text,
  ),
  setting(
    "NIGHTLATCH_VAULT_ADDR",
    "vault.address",
    "URL",
    "none",
    "Instead: HashiCorp Vault (KV version 2), asked each minute.",
    text,
  ),
  setting(
    "NIGHTLATCH_VAULT_MOUNT",
    "vault.mount",
    "path",
    "`secret`",
    "Where its KV engine is mounted.",
    text,
  ),
  setting("NIGHTLATCH_VAULT_PATH", "vault.path", "path", "none", "The secret's path in it.", text),
  setting("NIGHTLATCH_VAULT_FIELD", "vault.field", "text", "`secret`", "Which field of it.", text),
  setting(
    "NIGHTLATCH_VAULT_NAMESPACE",
    "vault.namespace",
    "path",
    "none",
    "Namespace (Vault Enterprise, HCP).",
    text,
  ),
  setting(
    "NIGHTLATCH_VAULT_CA",
    "vault.ca",
    "path",
    "the system's",
    "Certificates that prove it is Vault (PEM).",
    text,
  ),
  setting(
    "NIGHTLATCH_VAULT_TOKEN",
    "vault.token",
    "text",
    "none",
    "Token. A changed file is taken up.",
    text,
    true,
  ),
  setting("NIGHTLATCH_VAULT_ROLE_ID", "vault.roleId", "text", "none", "Instead: role id of AppRole.", text),
  setting(
    "NIGHTLATCH_VAULT_SECRET_ID",
    "vault.secretId",
    "text",
    "none",
    "Secret id of AppRole.",
    text,
    true,
  ),
  setting(
    "NIGHTLATCH_VAULT_ROLE",
    "vault.role",
    "text",
    "none",
    "Instead: role of the pod's service account in Kubernetes.",
    text,
  ),
  setting(
    "NIGHTLATCH_VAULT_AUTH_MOUNT",
    "vault.authMount",
    "path",
    "`approle`, `kubernetes`",
    "Where that way to log in is mounted.",
    text,
  ),
  setting(
    "NIGHTLATCH_VAULT_JWT_FILE",
    "vault.jwtFile",
    "path",
    "where Kubernetes mounts it",
    "The service account's token.",
    text,
  ),
]

export const SETTINGS: readonly Setting[] = Object.freeze([
  PORT,
  setting(
    "HOST",
    "host",
    "address",
    "`127.0.0.1`",
    "Address to listen on; `0.0.0.0` or `::` in a container.",
    text,
  ),
  setting(
    "NIGHTLATCH_ORIGIN",
    "origin",
    "origin",
    "`http://localhost:<port>`",
    "What the browser's address bar shows: scheme, name and port. Cookies, links, CORS and keys follow from it.",
    text,
  ),
  setting(
    "NIGHTLATCH_TLS_CERT",
    "tls.certificate",
    "path",
    "none: plain http",
    "Certificate with its chain (PEM): the service then speaks https itself. A renewed file is taken up within seconds.",
    text,
  ),
  setting("NIGHTLATCH_TLS_KEY", "tls.key", "path", "none", "The certificate's private key (PEM).", text),
  setting(
    "NIGHTLATCH_REDIRECT_PORT",
    "tls.redirectPort",
    "number",
    "none",
    "Port for plain http beside https: leads pages to https and refuses everything else.",
    z
      .string()
      .regex(/^\d{1,9}$/, NO_PORT)
      .transform(Number)
      .pipe(portSchema),
  ),
  setting(
    "NIGHTLATCH_HOSTS",
    "hosts",
    "list",
    "none",
    "Further values of `Host` to serve, for example the name a health check uses.",
    list,
  ),
  setting(
    "NIGHTLATCH_DATABASE",
    "database",
    "path or URL",
    "`./data/nightlatch.db`",
    "SQLite file, made with mode 0600 in a folder with mode 0700; or `postgres://user:password@host:5432/database`.",
    text,
    true,
    hasPassword,
  ),
  setting(
    "NIGHTLATCH_DATABASE_DIRECT",
    "databaseDirect",
    "URL",
    "`NIGHTLATCH_DATABASE`",
    "The same PostgreSQL without the pooler between: revocations are then heard at once and not within a second.",
    text,
    true,
    hasPassword,
  ),
  setting(
    "NIGHTLATCH_REDIS",
    "redis",
    "URL",
    "none: limits are counted by each process",
    "Redis in which instances count rate limits together, for example `rediss://user:password@redis.example.com:6379`; no cluster.",
    text,
    true,
    hasPassword,
  ),
  setting(
    "NIGHTLATCH_STATE_FOLDER",
    "stateFolder",
    "path",
    "`./data`",
    "With PostgreSQL: where a small file tells whether the database went back in time ([disaster](docs/disaster.md)).",
    text,
  ),
  SECRET,
  ...SECRET_PLACES,
  setting(
    "NIGHTLATCH_BASE_PATH",
    "basePath",
    "path",
    "`/auth`",
    "Where the flows live below the origin.",
    text,
  ),
  setting(
    "NIGHTLATCH_CORS_ORIGINS",
    "cors.origins",
    "list",
    "none",
    "Other origins whose pages may call this one with cookies.",
    list,
  ),
  setting(
    "NIGHTLATCH_TRUSTED_PROXIES",
    "proxy.trusted",
    "list or number",
    "none",
    "CIDR blocks of the proxies in front, or a name (`nginx`, `cloudflare`, `cloudfront`, `fastly`, `aws-alb`, `gcp`, `fly`, `vercel`), or how many there are. Forwarding headers of all others are ignored.",
    z.union([wholeNumber, list]),
  ),
  setting(
    "NIGHTLATCH_REGISTRATION",
    "registration",
    "`open`, `invited`, `closed`",
    "`open`",
    "Who may get an account.",
    oneOf("open", "invited", "closed"),
  ),
  setting(
    "NIGHTLATCH_BOT_CHECK",
    "botCheck.provider",
    "`altcha`, `turnstile`, `hcaptcha`",
    "`altcha`",
    "What robots are asked for: a proof of work that needs nobody else, or the check of Cloudflare or hCaptcha.",
    oneOf("altcha", "turnstile", "hcaptcha"),
  ),
  setting(
    "NIGHTLATCH_BOT_CHECK_SITE_KEY",
    "botCheck.siteKey",
    "text",
    "none",
    "Site key of Turnstile or hCaptcha.",
    text,
  ),
  setting(
    "NIGHTLATCH_BOT_CHECK_SECRET_KEY",
    "botCheck.secretKey",
    "text",
    "none",
    "Secret key of Turnstile or hCaptcha.",
    text,
    true,
  ),
  setting(
    "NIGHTLATCH_OAUTH",
    "oauth",
    "JSON",
    "none",
    'Providers, for example `{"google":{"clientId":"…","clientSecret":"…"}}`; also `github`, `microsoft`, `apple`, `oidc`.',
    json,
    true,
  ),
  setting(
    "NIGHTLATCH_TOLERATED_DELAY",
    "session.toleratedDelaySeconds",
    "seconds",
    "`5`",
    "How late an answer may be without signing anybody out; `0` is strict single use.",
    seconds,
  ),
  setting(
    "NIGHTLATCH_SMTP_URL",
    "mail.smtpUrl",
    "URL",
    "none: development inbox on a loopback origin",
    "Mail server, for example `smtps://user:password@mail.example.com`.",
    text,
    true,
  ),
  setting("NIGHTLATCH_MAIL_FROM", "mail.from", "address", "none", "Sender of the mails.", text),
  setting(
    "NIGHTLATCH_OPERATOR_TOKEN",
    "operatorToken",
    "text",
    "none: checklist only in development",
    "Opens the live checklist (`GET /`) outside development. At least 32 random bytes.",
    text,
    true,
  ),
])

/** The README's table of settings, as Markdown. */
export function configurationTable(): string {
  const rows = SETTINGS.map((row) => {
    const variable = row.secret ? `\`${row.variable}\`, \`${row.variable}_FILE\`` : `\`${row.variable}\``
    return `| ${variable} | \`${row.key}\` | ${row.type} | ${row.standard} | ${row.description} |`
  })
  return [
    "| environment | configuration file | type | default | meaning |",
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n")
}
