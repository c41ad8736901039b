import type { CookiePolicy } from "../checklist/cookie/index.ts"
import type { EmailLinkPolicy, EmailLinks } from "../checklist/email-link/index.ts"
import type { Oauth, ProviderPolicy } from "../checklist/oauth/index.ts"
import type { Passwords } from "../checklist/password/index.ts"
import type { SignInLimits } from "../checklist/rate-limit/index.ts"
import type { KnownDevices, Sessions } from "../checklist/session/index.ts"
import type { Tokens } from "../checklist/token/index.ts"
import type { Clock } from "../core/clock.ts"
import type { FlowRoute } from "../core/flow.ts"
import type { Keys } from "../core/keys.ts"
import type { Logger } from "../core/logger.ts"
import type { MailLimits, Store } from "../store/store.ts"
import type { FlowPages } from "./flow-pages.ts"

/** An account, for the hooks of an application. */
interface AccountNotice {
  readonly userId: string
  readonly email: string
}

/** The address is told where the account is deleted; a command leaves nothing but the id. */
interface DeletedAccount {
  readonly userId: string
  readonly email?: string
}

/**
 * Called after the commit and after the answer. What they throw, and that they are late, is logged and changes nothing. What
 * commands change is told within seconds, to each process that runs then; what they change while none runs is not.
 */
export interface FlowHooks {
  readonly accountCreated?: (account: AccountNotice) => void | Promise<void>
  /** Password, address, roles, or whether it is disabled. */
  readonly accountChanged?: (account: AccountNotice) => void | Promise<void>
  readonly accountDeleted?: (account: DeletedAccount) => void | Promise<void>
}

/** What a hook is called with. */
export type Notice<Name extends keyof FlowHooks> = Parameters<NonNullable<FlowHooks[Name]>>[0]

/** What flows are made of. */
export interface FlowParts {
  readonly origin: URL
  readonly basePath: string
  readonly store: Store
  readonly cookies: CookiePolicy
  readonly sessions: Sessions
  readonly tokens: Tokens
  readonly devices: KnownDevices
  readonly passwords: Passwords
  readonly emailLinks: EmailLinks
  readonly oauth: Oauth
  readonly providers: readonly ProviderPolicy[]
  /** Keys of the label `pending-link`. */
  readonly linkKeys: Keys
  /** Keys of the label `provider-tokens`: nobody reads what a provider gave us from the database alone. */
  readonly tokenKeys: Keys
  readonly pages: FlowPages
  readonly signInLimits: SignInLimits
  /** Puts the check of a route before it. */
  readonly botGate: { guard(route: FlowRoute): FlowRoute }
  readonly mail: { readonly limits: MailLimits; wake(): void }
  readonly policy: {
    readonly registration: "open" | "invited" | "closed"
    readonly bearer: boolean
    readonly bodyBytes: number
    readonly emailLink: EmailLinkPolicy
    /** How long an account waits between its owner's wish and its deletion. */
    readonly deletionDelayMs: number
  }
  readonly hooks: FlowHooks
  readonly logger: Logger
  readonly clock: Clock
  /** Routes of others: the pages, which are made from the flows, and the development inbox. */
  extraRoutes(flows: readonly FlowRoute[]): readonly FlowRoute[]
}
