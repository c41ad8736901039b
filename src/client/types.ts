/** Who is signed in, as `GET me` answers; times are ISO 8601. */
export interface Me {
  readonly userId: string
  readonly sessionId: string
  /** When the person last proved who they are. */
  readonly authenticatedAt: string
  readonly methods: readonly string[]
  readonly roles: readonly string[]
  /** When the access token ends; the session lives on. */
  readonly expiresAt: string
}

export interface ClientOptions {
  /** Where the flows live on this page's origin. Default `/auth`. */
  readonly basePath?: string
  /** Default the page's own `fetch`, looked up at each request. */
  readonly fetch?: typeof fetch
}

export interface Credentials {
  readonly email: string
  readonly password: string
  /** Keep the session when the browser closes. Default true. */
  readonly remember?: boolean
  /** The answer to the challenge of a try that was refused: `solve` of `nightlatch/client/altcha`, or a widget's. */
  readonly botCheck?: string
}

/** What a refusal `bot_check.…` asks for, as the service sent it. */
export interface BotCheck {
  readonly provider: "altcha" | "turnstile" | "hcaptcha"
  /** Of `altcha`: what to solve. */
  readonly challenge?: { readonly [name: string]: unknown }
  /** Of a widget: its keys, and what goes back beside its token. */
  readonly siteKey?: string
  readonly action?: string
  readonly ticket?: string
}

/** Every method may reject with a `NightlatchError`. A failure (no answer, 429, 503) never counts as a sign-out. */
export interface Client {
  /**
   * `fetch` with the session, and with the header that unsafe requests prove themselves by. When the service answers that the
   * access token has ended, it is refreshed and the request sent once more. A body given as a stream cannot be sent again:
   * then the refusal comes back, and the next call works. Signed out, the 401 comes back. Requests to other origins go
   * without cookies.
   * @throws NightlatchError when the refresh failed; what `fetch` throws for the request itself
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** Refreshes now. @returns false when the session has ended */
  refresh(): Promise<boolean>
  /** Who is signed in; undefined when nobody is. */
  me(): Promise<Me | undefined>
  login(credentials: Credentials): Promise<void>
  logout(): Promise<void>
  /**
   * Hears of every sign-in (also of another person) and sign-out, in other tabs too. What a page finds out first about itself
   * is no change, except that its session has ended. A listener that throws stops nothing here.
   * @returns ends the subscription
   */
  onChange(listener: (signedIn: boolean) => void): () => void
}

export interface Refused {
  readonly code: string
  readonly status?: number
  readonly retryAfterSeconds?: number | undefined
  readonly instance?: string | undefined
  readonly botCheck?: BotCheck | undefined
  readonly cause?: unknown
}
