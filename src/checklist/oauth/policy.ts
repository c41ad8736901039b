import type { ProviderKind } from "./provider.ts"

/** One provider, read: what the engine, routes and pages work with. */
export interface ProviderPolicy {
  readonly kind: ProviderKind
  readonly name: string
  readonly title: string
  readonly clientId: string
  /** Made for each use and never a plain member, so that no printed policy shows one; undefined for a public client. */
  readonly clientSecret: ((now: number) => string) | undefined
  /** Only of kind `oidc`. */
  readonly issuer: string | undefined
  /** Only of kind `microsoft`: a directory's id, `common` or `organizations`. */
  readonly tenant: string | undefined
  readonly scopes: readonly string[]
  readonly emailProof: "never" | "verified-claim"
  readonly keepTokens: boolean
  /** Registered with the provider, to the character. */
  readonly redirectUri: string
  /** Where the browser ends up with the answer in its query; the redirect URI, unless the provider answers by form_post. */
  readonly callbackUri: string
  /** The provider makes the browser POST its answer: the path, and the one foreign origin that may. */
  readonly formPost: { readonly path: string; readonly foreignOrigin: string } | undefined
}

export interface OauthPolicy {
  readonly providers: readonly ProviderPolicy[]
}
