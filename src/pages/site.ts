import type { Challenge } from "../checklist/bot-check/index.ts"
import type { CookiePolicy } from "../checklist/cookie/index.ts"
import type { EmailLinks } from "../checklist/email-link/index.ts"
import type { Sessions } from "../checklist/session/index.ts"
import type { Clock } from "../core/clock.ts"
import type { Keys } from "../core/keys.ts"
import type { Logger } from "../core/logger.ts"
import type { HeaderList } from "../core/request.ts"
import type { Store } from "../store/store.ts"
import type { PagesPolicy } from "./options.ts"

/** A way to sign in at somebody else's. */
interface Provider {
  readonly name: string
  /** As people know it, for example `Google`. */
  readonly title: string
  /** Where a sign-in starts: a path of the own origin, asked for by GET, with `?return=` added. */
  readonly href: string
}

/** Files that pages name with their version. */
type Asset = "style.css" | "pages.js" | "diagnosis.js" | "bot-check.js" | "altcha.js"

/** What the pages are made of. */
export interface Site {
  readonly basePath: string
  readonly policy: PagesPolicy
  readonly store: Pick<
    Store,
    | "findMailFlow"
    | "findMailFlowByToken"
    | "findEmailChange"
    | "listSessions"
    | "listIdentities"
    | "listEvents"
  >
  readonly sessions: Pick<Sessions, "peek" | "revocations">
  readonly cookies: CookiePolicy
  readonly emailLinks: Pick<EmailLinks, "readCookie">
  /** A challenge for the sign-in page, if one will be asked for. */
  readonly botCheck: { offerSignIn(address: string): Promise<Challenge | undefined> }
  readonly providers: readonly Provider[]
  /** Keys of the label `pending-link`. */
  readonly linkKeys: Keys
  readonly corsOrigins: readonly string[]
  readonly registration: "open" | "invited" | "closed"
  readonly emailLink: boolean
  /** Fewest characters of a new password. */
  readonly minimumPassword: number
  readonly deletionDays: number
  readonly bodyBytes: number
  /** Of every page: its content policy, no-store. */
  readonly headers: HeaderList
  /** The same for pages with a widget of the bot check, which loads from its provider. */
  readonly widgetHeaders: HeaderList
  readonly logger: Logger
  readonly clock: Clock
  /** What changes with each version of a file, for its address. */
  readonly versions: Readonly<Record<Asset, string>>
}
