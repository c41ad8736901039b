/**
 * The door: `nightlatch(options)` and the public types. Adapters are imported by their own names: `nightlatch/node`,
 * `nightlatch/web`, `nightlatch/hono`, `nightlatch/express`, `nightlatch/fastify`.
 */
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
  type ProviderTokens,
} from "./checklist/oauth/index.ts"
export type { Facts, LineState } from "./core/facts.ts"
export type { Logger } from "./core/logger.ts"
export { type Fault, MisuseError } from "./core/misuse.ts"
export type { Session } from "./core/session.ts"
export { UnavailableError } from "./core/unavailable.ts"
export type { Passed } from "./guard/index.ts"
export type { ChecklistRow } from "./latch/checklist.ts"
export { type Latch, nightlatch } from "./latch/latch.ts"
export type { NightlatchOptions, RedisConnection } from "./latch/options.ts"
export type { Testing, TestSession } from "./latch/testing.ts"
