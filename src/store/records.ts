import type { NewEvent } from "../core/event.ts"
import type { DatabaseFacts } from "../core/facts.ts"
import type { Transport } from "../core/session.ts"

export interface Account {
  readonly id: string
  readonly email: string
  /** PHC text; null for an invitation. */
  readonly passwordHash: string | null
  readonly roles: readonly string[]
  /** Rises whenever facts that stand in access tokens change. */
  readonly epoch: number
  /** Failed password attempts in a row. */
  readonly failures: number
  readonly createdAt: number
  /** When the mailbox was proved; null for an invitation. */
  readonly verifiedAt: number | null
  readonly disabledAt: number | null
  /** When the account will be deleted, if its owner asked for that. */
  readonly deletionAt: number | null
}

export interface NewAccount {
  readonly id: string
  readonly email: string
  readonly passwordHash: string | null
  readonly roles: readonly string[]
  readonly verified: boolean
  readonly events: readonly NewEvent[]
  readonly mail?: NewMail
}

/** An account that another system had. */
export interface ImportedAccount {
  readonly id: string
  readonly email: string
  /** Of any form that the password room verifies; null when its owner shall choose a password. */
  readonly passwordHash: string | null
  readonly roles: readonly string[]
  readonly verified: boolean
  readonly disabled: boolean
  /** Milliseconds since 1970; undefined, or in the future: now. */
  readonly createdAt: number | undefined
  readonly events: readonly NewEvent[]
}

/** What a copy of the database from earlier is told by. */
export interface Mark {
  /** Random, and the same in every copy. */
  readonly lineage: number
  /** Only rises. */
  readonly counter: number
}

/** What a newer database says was taken away since a copy was made; each by its mail address then. */
export interface CarriedOver {
  readonly deleted: readonly string[]
  readonly disabled: readonly string[]
  /** Have another address now: disabled. */
  readonly moved: readonly string[]
  /** Their old password is gone; they set a new one by mail. */
  readonly passwords: readonly string[]
  /** Have lost roles. */
  readonly roles: readonly string[]
  /** Made since, and so not there; the first 10,000. */
  readonly made: readonly string[]
}

export interface Restored {
  /** How many sessions ended. */
  readonly sessions: number
  /** Where the database that was there is kept now; undefined when there was none. */
  readonly kept: string | undefined
  /** Undefined when there was nothing to compare with. */
  readonly carriedOver: CarriedOver | undefined
}

export interface AccountChange {
  readonly accountId: string
  readonly events: readonly NewEvent[]
}

export type Changed =
  /** `revoked`: the sessions that ended with it, so that they can be refused at once. */
  | { readonly kind: "changed"; readonly account: Account; readonly revoked: readonly string[] }
  | { readonly kind: "unknown" }

export type EndReason =
  | "logout"
  | "email"
  | "user"
  | "replaced"
  | "password"
  | "reset"
  | "disabled"
  | "deleted"
  | "reuse"
  | "late-parent"
  | "rollback"

/** What the session room decides at sign-in; generation 1, never rotated. */
export interface NewSession {
  readonly id: string
  /** SHA-256 of the first secret. */
  readonly hash: Uint8Array
  /** Random; in generation 1 it made nothing and only keeps the column full. */
  readonly salt: Uint8Array
  readonly idleMs: number
  readonly absoluteMs: number
  readonly transport: Transport
  /** Remember-me; otherwise the browser forgets the cookies when it closes. */
  readonly persistent: boolean
  readonly methods: readonly string[]
  readonly client: string
  readonly addressPrefix: string
}

/** A session row without its hashes. */
export interface StoredSession {
  readonly id: string
  readonly accountId: string
  readonly createdAt: number
  readonly absoluteEnd: number
  readonly idleEnd: number
  readonly generation: number
  /** null in generation 1. */
  readonly rotatedAt: number | null
  readonly revokedAt: number | null
  readonly reason: EndReason | null
  readonly transport: Transport
  readonly persistent: boolean
  readonly authenticatedAt: number
  readonly methods: readonly string[]
  readonly client: string
  readonly addressPrefix: string
}

/** A genuine token (its mac was right) and the successor the caller derived from it. */
export interface RefreshPresentation {
  readonly sessionId: string
  readonly generation: number
  /** SHA-256 of the presented secret. */
  readonly hash: Uint8Array
  /** Used only when this presentation rotates. */
  readonly nextHash: Uint8Array
  readonly nextSalt: Uint8Array
  readonly transport: Transport
  /** The parent is a retry while the last rotation's age is at most this; never when it is 0. */
  readonly graceMs: number
  /** The current token is coalesced while the last rotation's age is less than this. */
  readonly minRotateMs: number
  readonly idleMs: number
  /**
   * When this process became ready, by the store's clock. If that was after the last rotation and less than 5 minutes
   * after it, both ages above count from it: a grace that starts anew must not meet a rotation that does not wait for it.
   */
  readonly readyAt: number
  /** Events for each verdict that revokes. */
  readonly events: Readonly<Record<"reuse" | "late-parent" | "rollback", readonly NewEvent[]>>
  /** Tells the person of `reuse` and `late-parent`, in the same transaction and whatever else they were sent. */
  readonly mail: (account: Account) => NewMail
}

export type RefreshVerdict =
  /** Current, old enough: the row moved to the successor. */
  | "rotated"
  /** Current, rotated a moment ago: a new access token and nothing else. */
  | "coalesced"
  /** The parent inside the grace: recompute the successor from `salt` and check it against `currentHash`. */
  | "retry"
  /** These three revoked the session. */
  | "late-parent"
  | "reuse"
  | "rollback"
  /** Revoked before, or past an end. */
  | "ended"
  | "unknown"

/** What tokens are issued from: the hottest answer of a store carries nothing else. */
export type TokenSession = Pick<
  StoredSession,
  "id" | "accountId" | "absoluteEnd" | "idleEnd" | "transport" | "persistent" | "authenticatedAt" | "methods"
>
export type TokenAccount = Pick<Account, "id" | "roles" | "epoch">

export type RefreshResult =
  | {
      readonly verdict: "rotated" | "coalesced" | "retry"
      readonly session: TokenSession
      readonly account: TokenAccount
      readonly salt: Uint8Array
      readonly currentHash: Uint8Array
      /** The store's clock at the decision. */
      readonly now: number
    }
  | {
      readonly verdict: "late-parent" | "reuse" | "rollback" | "ended" | "unknown"
      readonly accountId?: string
    }

export type TokenPurpose = "register" | "reset"

/** The purpose is part of the key: a token of another purpose is not found. */
export interface TokenKey {
  readonly hash: Uint8Array
  readonly purpose: TokenPurpose
}

export interface OneTimeToken {
  readonly purpose: TokenPurpose
  readonly email: string
  readonly accountId: string | null
  readonly expiresAt: number
}

export type MailPurpose =
  | "register"
  | "already-registered"
  | "invite"
  | "reset"
  | "email-link"
  | "email-change-old"
  | "email-change-new"
  | "email-changed"
  | "password-changed"
  | "password-reset"
  | "signed-out-for-safety"
  | "identity-linked"
  | "identity-unlinked"
  | "deletion-asked"

/**
 * What a mail counts against. `link-device` is the budget of browsers that signed in to the account before: strangers
 * who use up the others leave it untouched.
 */
export type MailBudget = "mail" | "link" | "link-device"

export interface NewMail {
  readonly purpose: MailPurpose
  readonly email: string
  readonly accountId: string | null
  /** Written like any other row and dropped unsent. */
  readonly decoy: boolean
  readonly language: string
  /** Default `mail`. */
  readonly budget?: MailBudget
  /** The flow whose link and code it carries. */
  readonly flowId?: string
  /** Plain words for notices, for example a provider's name. */
  readonly about?: string
}

/**
 * Counted per budget over rows kept in the outbox; notices about the account's safety are not limited. Decoys count for
 * their recipient; in total they have as many of their own.
 */
export interface MailLimits {
  readonly perRecipientHour: number
  readonly perRecipientDay: number
  readonly totalHour: number
}

export interface ClaimedMail extends NewMail {
  readonly id: number
  readonly attempts: number
  /** Where the flow was asked for; undefined when the mail has none, or when it has ended. */
  readonly flow: Pick<MailFlow, "id" | "client" | "addressPrefix" | "createdAt"> | undefined
}

export type MailFlowPurpose = "sign-in" | "email-change-old" | "email-change-new"

/** A proof of a mailbox that a browser has asked for; its link and code come when the mail is sent. */
export interface NewMailFlow {
  readonly id: string
  readonly purpose: MailFlowPurpose
  readonly email: string
  readonly accountId: string | null
  /** SHA-256 of what the asking browser keeps in its flow cookie. */
  readonly secretHash: Uint8Array
  readonly client: string
  readonly addressPrefix: string
  /** Remember-me, as it was ticked when asking. */
  readonly persistent: boolean
  readonly lifetimeMs: number
}

export interface MailFlow {
  readonly id: string
  readonly purpose: MailFlowPurpose
  readonly email: string
  readonly accountId: string | null
  readonly client: string
  readonly addressPrefix: string
  readonly persistent: boolean
  readonly createdAt: number
  readonly expiresAt: number
  /** Codes that may still be typed. */
  readonly triesLeft: number
}

/** A flow as its browser names it. */
export interface FlowKey {
  readonly flowId: string
  readonly secretHash: Uint8Array
}

/** The hash of the link's token, or the typed code sealed with the flow's id by each root secret. */
export type FlowProof = { readonly tokenHash: Uint8Array } | CodeProof

export interface CodeProof {
  readonly codeMacs: readonly Uint8Array[]
}

/** Somebody as a provider knows them: issuer and subject, never the address, say who it is. */
export interface NewIdentity {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  readonly provider: string
  /** As the provider told it, for the list of sign-in methods. */
  readonly email: string | null
  /** The provider's tokens, sealed; null unless asked for. */
  readonly tokens: Uint8Array | null
}

export interface Identity {
  readonly id: string
  readonly accountId: string
  readonly issuer: string
  readonly subject: string
  readonly provider: string
  readonly email: string | null
  readonly createdAt: number
  readonly lastUsedAt: number
}

/** What a refresh token would be told, without writing anything. */
export type Peek =
  | {
      readonly verdict: "rotated" | "coalesced" | "retry"
      readonly session: StoredSession
      readonly account: Account
    }
  | { readonly verdict: "late-parent" | "reuse" | "rollback" | "ended" | "unknown" }

/** A running process as the database knows it. */
export interface Instance {
  readonly id: string
  /** Host and process, for an operator. */
  readonly address: string
  readonly version: string
  /** Equal for processes with the same root secrets; tells nothing about them. */
  readonly secretId: string
  /** Where it counts limits by name now: `memory`, or the place where several do. */
  readonly limits: string
  /** Its own clock less that of the store, in milliseconds. */
  readonly clockOffsetMs: number
}

/** Where the database is: a path or `:memory:`, or a server by its URL. */
export type DatabasePlace =
  | { readonly kind: "sqlite"; readonly path: string }
  | {
      readonly kind: "postgres"
      readonly url: string
      /** The same database without a pooler between. */
      readonly direct?: string
    }

/** What a migration would do. */
export interface MigrationPlan {
  /** Of the schema now; 0 when there is none. */
  readonly version: number
  /** In this order, in one transaction. */
  readonly steps: readonly {
    readonly version: number
    readonly sql: string
    /** The oldest version whose programs may go on beside it; undefined where one program has the database for itself. */
    readonly compatibleFrom?: number
  }[]
}

export interface StoreFacts {
  readonly database: DatabaseFacts
  /** How many distinct statement texts ran so far. */
  readonly statements: number
}
