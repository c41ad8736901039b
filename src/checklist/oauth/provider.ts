/**
 * Providers as plain, frozen data: a configuration file in JSON can say the same. Nothing is checked here; `readOauth` does
 * that, with every fault at once.
 */

export interface GoogleOptions {
  /** From the Google Cloud console, ends in `.apps.googleusercontent.com`. Required. */
  readonly clientId: string
  /** Required. */
  readonly clientSecret: string
}

export interface GithubOptions {
  /** Of an OAuth app or a GitHub App. Required. */
  readonly clientId: string
  /** Required. */
  readonly clientSecret: string
}

export interface MicrosoftOptions {
  /** Application (client) id. Required. */
  readonly clientId: string
  /** The secret's value, not its id. Required. */
  readonly clientSecret: string
  /**
   * Whose accounts may sign in: a directory (tenant) id, `organizations` for any work or school account, `consumers` for
   * personal ones, `common` for both. Required.
   */
  readonly tenant: string
}

export interface AppleOptions {
  /** The Services ID. Required. */
  readonly clientId: string
  /** Ten characters. Required. */
  readonly teamId: string
  /** Ten characters, the name of the key. Required. */
  readonly keyId: string
  /** The downloaded .p8 file's text: PKCS#8, P-256. Required. */
  readonly privateKey: string
}

export interface OidcOptions {
  /** Stands in addresses: `[a-z][a-z0-9-]{0,31}`. Required. */
  readonly name: string
  /** What people read on the button. Default the name with a capital. */
  readonly title?: string
  /** Exactly as the provider's metadata spells it, with or without a slash at the end. Required. */
  readonly issuer: string
  /** Required. */
  readonly clientId: string
  /** Default none: a public client, protected by PKCE alone. */
  readonly clientSecret?: string
  /** Default `openid`, `email`, `profile`. */
  readonly scopes?: readonly string[]
  /**
   * Whether `email_verified: true` of this provider proves a mailbox. Default `never`. `verified-claim` hands every account
   * with a proved address to whoever runs the provider: choose it for your own company's, not for a public one.
   */
  readonly emailProof?: "never" | "verified-claim"
  /** Whether the provider's tokens are handed to the caller, who encrypts them. Default false: they are forgotten. */
  readonly keepTokens?: boolean
}

export type ProviderKind = "google" | "github" | "microsoft" | "apple" | "oidc"

type Named<Kind extends ProviderKind> = {
  readonly kind: Kind
  readonly name: string
  readonly title: string
}

/** What `oauth.providers` holds. */
export type Provider =
  | (Named<"google"> & GoogleOptions)
  | (Named<"github"> & GithubOptions)
  | (Named<"microsoft"> & MicrosoftOptions)
  | (Named<"apple"> & AppleOptions)
  | (Named<"oidc"> & OidcOptions)

/** The names on the buttons; an OpenID provider of one's own has none. */
export const TITLES: Readonly<Record<Exclude<ProviderKind, "oidc">, string>> = Object.freeze({
  google: "Google",
  github: "GitHub",
  microsoft: "Microsoft",
  apple: "Apple",
})

export function google(options: GoogleOptions): Provider {
  return Object.freeze({ ...options, kind: "google", name: "google", title: TITLES.google })
}

export function github(options: GithubOptions): Provider {
  return Object.freeze({ ...options, kind: "github", name: "github", title: TITLES.github })
}

export function microsoft(options: MicrosoftOptions): Provider {
  return Object.freeze({ ...options, kind: "microsoft", name: "microsoft", title: TITLES.microsoft })
}

export function apple(options: AppleOptions): Provider {
  return Object.freeze({ ...options, kind: "apple", name: "apple", title: TITLES.apple })
}

/** Any other OpenID Connect provider that publishes its metadata. */
export function oidc(options: OidcOptions): Provider {
  return Object.freeze({ title: titleOf(options.name), ...options, kind: "oidc" })
}

export function titleOf(name: unknown): string {
  const text = String(name)
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
}
