import * as z from "zod"
import { isLoopback } from "../../core/loopback.ts"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import { appleSecret, readAppleKey } from "./apple-secret.ts"
import type { ProviderPolicy } from "./policy.ts"
import { type ProviderKind, TITLES, titleOf } from "./provider.ts"

/** What the service itself is. */
export interface Own {
  readonly origin: URL
  readonly basePath: string
  /** Whether the origin is a loopback one; only then may an issuer be. */
  readonly loopback: boolean
}

/** One provider's options and where they stand. */
export interface Given {
  readonly kind: ProviderKind
  readonly options: unknown
  readonly path: string
}

const text = z.string().optional()
const BASE = { kind: text, name: text, title: text, clientId: text }
const SCHEMAS = {
  google: z.strictObject({ ...BASE, clientSecret: text }),
  github: z.strictObject({ ...BASE, clientSecret: text }),
  microsoft: z.strictObject({ ...BASE, clientSecret: text, tenant: text }),
  apple: z.strictObject({ ...BASE, teamId: text, keyId: text, privateKey: text }),
  oidc: z.strictObject({
    ...BASE,
    clientSecret: text,
    issuer: text,
    scopes: z.array(z.string()).optional(),
    emailProof: z.enum(["never", "verified-claim"]).optional(),
    keepTokens: z.boolean().optional(),
  }),
}

/** What any of the schemas lets through. */
interface Options {
  readonly name?: string | undefined
  readonly title?: string | undefined
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  readonly tenant?: string | undefined
  readonly teamId?: string | undefined
  readonly keyId?: string | undefined
  readonly privateKey?: string | undefined
  readonly issuer?: string | undefined
  readonly scopes?: readonly string[] | undefined
  readonly emailProof?: "never" | "verified-claim" | undefined
  readonly keepTokens?: boolean | undefined
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Apple's team and key ids. */
const TEN_CHARACTERS = /^[A-Z0-9]{10}$/
/** RFC 6749, 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Personal accounts live in this one tenant: "consumers" is another spelling of it. */
export const CONSUMERS_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"

const OPENID = ["openid", "email", "profile"]
const SCOPES: Readonly<Record<ProviderKind, readonly string[]>> = {
  google: OPENID,
  github: ["read:user", "user:email"],
  microsoft: OPENID,
  // Apple refuses `profile`; its `name` comes only in the posted form, in clear, and is not used.
  apple: ["openid", "email"],
  oidc: OPENID,
}

/** Their `email_verified` needs a rule of its own, which `google()` and `microsoft()` have. */
const NEED_OWN_RULE = ["accounts.google.com", "login.microsoftonline.com", "sts.windows.net"]

const APPLE_ORIGIN = "https://appleid.apple.com"

/** @returns the policy, or undefined when there were faults */
export function readProvider(given: Given, own: Own, faults: Faults): ProviderPolicy | undefined {
  const { kind, path } = given
  const before = faults.list.length
  const options: Options | undefined = readBySchema(SCHEMAS[kind], given.options, path, faults)
  if (options === undefined) return undefined
  const add = (code: string, member: string, problem: string, fix: string) =>
    faults.add(code, `${path}.${member}`, problem, fix)

  const name = options.name ?? (kind === "oidc" ? "" : kind)
  if (!NAME.test(name)) {
    const problem = "it is not 1 to 32 small letters, digits and hyphens that begin with a letter"
    add("oauth.name", "name", problem, 'Write it like "acme"; it stands in addresses.')
  }
  const title = options.title ?? (kind === "oidc" ? titleOf(name) : TITLES[kind])
  if (title.trim() === "" || title.length > 40 || /\p{Cc}/u.test(title)) {
    add("oauth.title", "title", "it is no line of 1 to 40 characters", "Write the name people know.")
  }
  if (!isToken(options.clientId)) {
    add("oauth.client_id", "clientId", missing(options.clientId), "Copy it from the provider's console.")
  }
  const secret = readSecret(kind, options, add)
  const issuer = kind === "oidc" ? readIssuer(options, own, add) : undefined
  const tenant = kind === "microsoft" ? readTenant(options.tenant, add) : undefined
  const scopes = options.scopes ?? SCOPES[kind]
  if (scopes.some((scope) => !SCOPE.test(scope)) || (kind === "oidc" && !scopes.includes("openid"))) {
    const fix = 'Begin with "openid"; without it there is no ID token.'
    add("oauth.scopes", "scopes", "it is no list of scopes with openid in it", fix)
  }
  if (faults.list.length > before) return undefined

  const at = `${own.basePath}/oauth/${name}`
  const callbackUri = `${own.origin.origin}${at}/callback`
  const formPost =
    kind === "apple" ? Object.freeze({ path: `${at}/form-post`, foreignOrigin: APPLE_ORIGIN }) : undefined
  return Object.freeze({
    kind,
    name,
    title,
    clientId: options.clientId ?? "",
    clientSecret: secret,
    issuer,
    tenant,
    scopes: Object.freeze([...scopes]),
    emailProof: options.emailProof ?? "never",
    keepTokens: options.keepTokens ?? false,
    redirectUri: formPost === undefined ? callbackUri : `${own.origin.origin}${formPost.path}`,
    callbackUri,
    formPost,
  })
}

type Add = (code: string, member: string, problem: string, fix: string) => void

/** Something that came whole: a careless file or shell leaves a blank or a line end. */
function isToken(value: string | undefined): value is string {
  return value !== undefined && value !== "" && value.trim() === value && !/\p{Cc}/u.test(value)
}

function missing(value: string | undefined): string {
  return value === undefined || value === ""
    ? "it is missing"
    : "it has a blank at an end, or a control character"
}

function readSecret(kind: ProviderKind, options: Options, add: Add): ProviderPolicy["clientSecret"] {
  if (kind === "apple") return readApple(options, add)
  const { clientSecret } = options
  if (clientSecret === undefined && kind === "oidc") return undefined
  if (!isToken(clientSecret)) {
    const fix =
      kind === "oidc" ? "Give the secret, or leave it out for a public client." : "Copy it from the console."
    add("oauth.client_secret", "clientSecret", missing(clientSecret), fix)
  }
  return () => clientSecret ?? ""
}

function readApple(options: Options, add: Add): ProviderPolicy["clientSecret"] {
  const { clientId = "", teamId = "", keyId = "", privateKey = "" } = options
  for (const [member, value] of [
    ["teamId", teamId],
    ["keyId", keyId],
  ] as const) {
    if (TEN_CHARACTERS.test(value)) continue
    const problem = "it is not ten capital letters and digits"
    add("oauth.apple_id", member, problem, "Copy it from the developer account.")
  }
  const key = readAppleKey(privateKey)
  if (key === undefined) {
    const problem = privateKey === "" ? "it is missing" : "it is not a private key on P-256 in PEM"
    const fix = "Give the whole text of the .p8 file, with its line breaks."
    add("oauth.apple_key", "privateKey", problem, fix)
    return undefined
  }
  return (now) => appleSecret({ clientId, teamId, keyId, key }, now)
}

function readTenant(tenant: string | undefined, add: Add): string | undefined {
  const lower = tenant?.toLowerCase()
  if (lower === "common" || lower === "organizations") return lower
  if (lower === "consumers") return CONSUMERS_TENANT
  if (lower !== undefined && GUID.test(lower)) return lower
  const fix = 'Give the directory (tenant) id, or "organizations", "consumers" or "common".'
  add("oauth.tenant", "tenant", tenant === undefined ? "it is missing" : "it is no directory id", fix)
  return undefined
}

function readIssuer(options: Options, own: Own, add: Add): string | undefined {
  const { issuer } = options
  const wrong = (problem: string, fix: string) => void add("oauth.issuer", "issuer", problem, fix)
  const url = issuer === undefined ? null : URL.parse(issuer)
  if (issuer === undefined || url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return wrong("it is missing, or no https address", "Write it like https://login.example.com.")
  }
  // OpenID Connect Discovery 1.0, 2 and 3: no query, no fragment.
  if (/[?#]/.test(issuer) || url.username !== "" || url.password !== "") {
    return wrong("it has a query, a fragment or a user", `Did you mean "${url.origin}${url.pathname}"?`)
  }
  // It is compared to the character with metadata and tokens, and it is half of each identity's key.
  if (url.href !== issuer && url.href !== `${issuer}/`) {
    return wrong("it is not spelt as an address is normally spelt", `Did you mean "${url.href}"?`)
  }
  if (url.protocol === "http:" && !(own.loopback && isLoopback(url.hostname))) {
    return wrong("what it says over http can be changed on the way", "Use its https address.")
  }
  if (options.emailProof === "verified-claim" && NEED_OWN_RULE.includes(url.hostname)) {
    const problem = "this provider says so of addresses it has not proved"
    add("oauth.email_proof", "emailProof", problem, "Use google() or microsoft(), or leave it out.")
  }
  return issuer
}
