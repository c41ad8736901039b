import type { Reach } from "./postgres-url.ts"

/** What holds in the live instance, as plain values: filled by index and service, read by each room's `state`. */
export interface Facts {
  readonly origin: string
  /** Whether the configured origin is a loopback name. */
  readonly loopback: boolean
  /** Weakenings by name, each with its written reason. */
  readonly unsafe: Readonly<Record<string, string>>
  readonly cors: { readonly origins: readonly string[] }
  readonly csrf: { readonly mode: "same-site" }
  readonly cookie: { readonly topology: string; readonly names: readonly string[] }
  readonly header: { readonly names: readonly string[]; readonly hstsSeconds: number }
  readonly https: {
    readonly enforced: boolean
    /** Whole days that the service's own certificate still lasts; undefined when somebody else ends TLS. */
    readonly certificateDays: number | undefined
  }
  readonly token: { readonly algorithm: string; readonly lifetimeSeconds: number; readonly keys: number }
  readonly session: {
    readonly toleratedDelaySeconds: number
    readonly idleSeconds: number
    readonly absoluteSeconds: number
    /** Age of the revocation feed in milliseconds; undefined before the first poll. */
    readonly feedAgeMs: number | undefined
  }
  readonly password: {
    readonly enabled: boolean
    readonly memoryKib: number
    readonly passes: number
    readonly minimumLength: number
    readonly blocklistSize: number
    /** Hashes begun since the start. */
    readonly hashes: number
    readonly concurrency: number
    /** Accounts whose hash another system made, when last counted. */
    readonly foreign: number
  }
  readonly emailLink: {
    /** Attempts to send a mail that failed since the last one that did not. */
    readonly failedInARow: number
    readonly enabled: boolean
    readonly registers: boolean
    readonly lifetimeSeconds: number
  }
  readonly rateLimit: {
    readonly policies: readonly string[]
    readonly keys: number
    readonly capacity: number
    /** Where limits by name are counted together with other processes; undefined when they are not. */
    readonly shared:
      | {
          readonly place: string
          /** Why they are counted in memory just now; undefined when they are shared. */
          readonly gone: string | undefined
          readonly whenGone: "memory" | "refuse"
          /** Requests since the start that were not counted together. */
          readonly missed: number
        }
      | undefined
  }
  readonly proxy: {
    readonly trusted: readonly string[]
    /** A proxy that passes requests on and that nobody named: its address, what to name, whether a number of hops was given. */
    readonly overlooked: { readonly peer: string; readonly name: string; readonly hops: boolean } | undefined
  }
  readonly overload: {
    readonly bodyBytes: number
    readonly loopDelayMs: number
    readonly requestSeconds: number
    /** Whether the limits of time and size stand on an http.Server. */
    readonly limited: boolean
  }
  readonly oauth: {
    /** Names of the configured providers. */
    readonly providers: readonly string[]
    /** Whether every one of them is asked over https. */
    readonly secure: boolean
  }
  readonly botCheck: {
    readonly provider: "altcha" | "turnstile" | "hcaptcha"
    readonly always: boolean
    /** How many are free at once, of one network and at one account. */
    readonly free: { readonly mail: number; readonly signIn: number }
    readonly maxNumber: number
    /** Since the start. */
    readonly asked: number
    readonly passed: number
    /** Passed because the provider did not judge. */
    readonly unchecked: number
    /** Why the provider did not judge when it was asked last; undefined when it did. */
    readonly down: string | undefined
  }
  readonly sql: { readonly statements: number }
  readonly database: DatabaseFacts
  /** The processes that live on this database, this one included. */
  readonly instances: {
    readonly live: number
    /** How many of them count limits by name in their memory just now. */
    readonly inMemory: number
    /** How many different sets of root secrets they have. */
    readonly secretSets: number
    /** How far their clocks are apart, in milliseconds. */
    readonly clocksApartMs: number
    readonly versions: readonly string[]
  }
  readonly secret: {
    readonly count: number
    /** Where they come from, in words. */
    readonly source: string
    /** Undefined when they are fixed. */
    readonly renewal:
      | {
          /** Since the source last gave a good list. */
          readonly ageMs: number
          /** Why it gave none the last time; undefined when it did. */
          readonly fault: string | undefined
        }
      | undefined
  }
  readonly event: { readonly retentionDays: number }
}

export type DatabaseFacts = SqliteFacts | PostgresFacts

export interface SqliteFacts {
  readonly engine: "sqlite"
  readonly location: "file" | "memory"
  /** Permission bits, for example 0o600; undefined where the system has none. */
  readonly fileMode: number | undefined
  readonly folderMode: number | undefined
  readonly durable: boolean
}

export interface PostgresFacts {
  readonly engine: "postgres"
  /** For example `15.4`. */
  readonly version: string
  readonly reach: Reach
  /** Whether the connection is encrypted with a certificate that was verified for the host's name. */
  readonly verified: boolean
  /** Whether the server answered at an address of the internet. */
  readonly publicAddress: boolean
  /** Whether the server let us in without asking for a proof, as it would anybody who comes the same way. */
  readonly trusting: boolean
  /** Whether the password is a published default. */
  readonly defaultPassword: boolean
  /** Whether the role may do anything on the server. */
  readonly superuser: boolean
  /** Whether the role may change the schema, and so its triggers. */
  readonly owner: boolean
  /** `synchronous_commit`: an answer that was sent survives a crash of the server. */
  readonly durable: boolean
}

/** Whether a line of the checklist holds here and now. */
export interface LineState {
  readonly state: "holds" | "weakened" | "fails" | "partial"
  /** One sentence with the facts behind it. */
  readonly why: string
  /** The one change that mends it; absent when it holds. */
  readonly fix?: string
  /** With `partial`: what of the line does not exist yet, in one sentence. */
  readonly missing?: string
}
