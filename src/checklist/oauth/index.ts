export type { ProviderTokens } from "./exchange.ts"
export type { OauthIntent } from "./flow-cookie.ts"
export { formPostTarget } from "./form-post.ts"
export type { OauthIdentity } from "./identity.ts"
export { decideLink, type LinkDecision, type LinkFacts } from "./linking.ts"
export { type Begun, createOauth, type Finished, type Oauth, type OauthInput } from "./oauth.ts"
export { type OauthOptions, readOauth } from "./options.ts"
export type { OauthPolicy, ProviderPolicy } from "./policy.ts"
export {
  type AppleOptions,
  apple,
  type GithubOptions,
  type GoogleOptions,
  github,
  google,
  type MicrosoftOptions,
  microsoft,
  type OidcOptions,
  oidc,
  type Provider,
} from "./provider.ts"
export { state } from "./state.ts"
