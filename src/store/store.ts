import type { NewEvent, SecurityEvent } from "../core/event.ts"
import type { Transport } from "../core/session.ts"

/**
 * The verbs every engine has. Each is one atomic, durable step: it is on disk when its promise resolves, and a failure of
 * any kind rejects with `UnavailableError` and leaves nothing behind. Verbs that change something take the events that
 * tell of it and write them in the same transaction. All times are milliseconds since 1970 by the store's own clock,
 * taken inside the statement; callers pass durations.
 *
 * Ids are canonical base64url of 16 bytes (22 characters); hashes, salts and such are 32 bytes.
 */
export interface Store {
  // ---- accounts
  findAccount(accountId: string): Promise<Account | undefined>
  /** The address is already normalised (see `flows/mail/address.ts`); it is compared as it stands. */
  findAccountByEmail(email: string): Promise<Account | undefined>
  /** Ordered by creation, `after` is the last id of the page before. */
  listAccounts(page: { readonly after?: string; readonly limit: number }): Promise<readonly Account[]>
  /** Without a password hash the account is an invitation. */
  createAccount(input: NewAccount): Promise<{ kind: "created"; account: Account } | { kind: "taken" }>
  /** Raises the account's epoch. */
  setRoles(input: AccountChange & { readonly roles: readonly string[] }): Promise<Changed>
  /** Ends all sessions and deletes outstanding one-time tokens and mails of the account. */
  setDisabled(input: AccountChange & { readonly disabled: boolean }): Promise<Changed>
  /** Ends all sessions (their revocations stay in the feed) and removes the person's data; events keep only the id. */
  deleteAccount(input: AccountChange): Promise<Changed>

  // ---- sign-in
  /**
   * Inserts the session, sets failures to 0, revokes `replaces`, if the account is enabled and its password hash is still
   * the one that was verified; otherwise writes nothing.
   */
  startSession(input: {
    readonly accountId: string
    /** The hash the password was verified against. */
    readonly verifiedHash: string
    /** A stronger hash of the same password to keep from now on. */
    readonly rehashed?: string
    readonly session: NewSession
    readonly replaces?: string
    readonly events: readonly NewEvent[]
  }): Promise<{ kind: "started"; account: Account; session: StoredSession } | { kind: "refused" }>
  /** A session without a credential: for `latch.testing.signIn`. */
  startTrustedSession(input: {
    readonly accountId: string
    readonly session: NewSession
    readonly events: readonly NewEvent[]
  }): Promise<{ kind: "started"; account: Account; session: StoredSession } | { kind: "refused" }>
  /**
   * Counts a failed attempt: one aggregated event row per (type, account, address prefix) and minute, bounded per minute;
   * and, for a known account, one more failure in a row, with `closedEvent` written when that reaches `closesAt`.
   */
  countFailure(input: {
    readonly accountId: string | undefined
    readonly event: NewEvent
    readonly closesAt: number
    readonly closedEvent: NewEvent
  }): Promise<void>

  // ---- sessions
  /** The refresh decision of the session protocol, in one transaction with its events. */
  presentRefresh(input: RefreshPresentation): Promise<RefreshResult>
  /** Reads without writing; for pages and for `credential` routes. */
  findSession(sessionId: string): Promise<StoredSession | undefined>
  /** Live sessions only, newest first. */
  listSessions(accountId: string): Promise<readonly StoredSession[]>
  /** With `accountId` only when the session is that account's. Events only if it was live. */
  revokeSession(input: {
    readonly sessionId: string
    readonly accountId?: string
    readonly reason: EndReason
    readonly events: readonly NewEvent[]
  }): Promise<{ revoked: boolean }>
  /** All sessions of the account but one; also deletes the account's outstanding one-time tokens and unsent mails. */
  revokeSessions(input: {
    readonly accountId: string
    readonly except?: string
    readonly reason: EndReason
    readonly events: readonly NewEvent[]
    readonly mail?: NewMail
  }): Promise<{ revoked: readonly string[] }>
  /**
   * What was revoked at or after `since` (minus the engine's own overlap), and the epochs raised since. `now` is the
   * value for the next call. The first call passes 0 and gets all that can still matter.
   */
  readRevocations(since: number): Promise<{
    readonly sessions: readonly { readonly sessionId: string; readonly revokedAt: number }[]
    readonly epochs: readonly { readonly accountId: string; readonly epoch: number }[]
    readonly now: number
  }>

  // ---- passwords and one-time tokens
  /** Reads a live token of exactly this purpose without redeeming it. */
  findToken(input: TokenKey): Promise<OneTimeToken | undefined>
  /**
   * Redeems a `register` token by one conditional delete, then creates the account (or completes the invitation) and
   * starts its first session. A verified account that already has the address gives `refused`.
   */
  completeRegistration(input: {
    readonly token: TokenKey
    readonly newAccountId: string
    readonly passwordHash: string
    readonly session: NewSession
    readonly replaces?: string
    readonly events: (accountId: string) => readonly NewEvent[]
  }): Promise<{ kind: "started"; account: Account; session: StoredSession } | { kind: "refused" }>
  /** Redeems a `reset` token, sets the password, ends all sessions, deletes the account's other tokens, failures to 0. */
  resetPassword(input: {
    readonly token: TokenKey
    readonly passwordHash: string
    readonly events: (accountId: string) => readonly NewEvent[]
    readonly mail: (account: Account) => NewMail
  }): Promise<{ kind: "reset"; account: Account; revoked: readonly string[] } | { kind: "refused" }>
  /** Compare-and-swap on the old hash; ends all sessions, deletes tokens, starts a new session. */
  changePassword(input: {
    readonly accountId: string
    readonly verifiedHash: string
    readonly passwordHash: string
    readonly session: NewSession
    readonly events: readonly NewEvent[]
    readonly mail: NewMail
  }): Promise<
    | { kind: "started"; account: Account; session: StoredSession; revoked: readonly string[] }
    | { kind: "refused" }
  >

  // ---- mail
  /**
   * Puts a mail into the outbox unless a limit is reached; a limited mail is kept as a row that is never sent, so that
   * the work is the same. Answers the same for decoys.
   */
  enqueueMail(
    input: NewMail & { readonly limits: MailLimits; readonly limitedEvent: NewEvent },
  ): Promise<void>
  /** Claims due mails for `leaseMs`; decoys and limited rows are dropped here and never returned. */
  claimMail(input: { readonly limit: number; readonly leaseMs: number }): Promise<readonly ClaimedMail[]>
  /**
   * Stores the hash of the token the sender has just made, if the mail is still claimed. A second attempt of the same
   * mail replaces the first attempt's token, and the account's (or address's) older tokens of the purpose end.
   */
  issueToken(input: {
    readonly mailId: number
    readonly hash: Uint8Array
    readonly purpose: TokenPurpose
    readonly lifetimeMs: number
  }): Promise<{ issued: boolean }>
  finishMail(mailId: number): Promise<void>
  /** After a failed attempt: due again after `delayMs`, or given up with the event. */
  retryMail(
    input:
      | { readonly mailId: number; readonly delayMs: number }
      | { readonly mailId: number; readonly giveUp: NewEvent },
  ): Promise<void>

  // ---- events and upkeep
  /** Newest first; `before` is the last id of the page before. */
  listEvents(page: {
    readonly accountId?: string
    readonly before?: number
    readonly limit: number
  }): Promise<readonly SecurityEvent[]>
  /** Deletes what has outlived its retention, a bounded piece a call; true when there is more. */
  purge(input: {
    readonly eventRetentionMs: number
    readonly revocationRetentionMs: number
  }): Promise<boolean>
  /** Resolves when a read and a (harmless) write would work. */
  ping(): Promise<void>
  /** For the checklist. */
  describe(): StoreFacts
  close(): Promise<void>
}

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
}

interface NewAccount {
  readonly id: string
  readonly email: string
  readonly passwordHash: string | null
  readonly roles: readonly string[]
  readonly verified: boolean
  readonly events: readonly NewEvent[]
  readonly mail?: NewMail
}

interface AccountChange {
  readonly accountId: string
  readonly events: readonly NewEvent[]
}

export type Changed =
  /** `revoked`: the sessions that ended with it, so that they can be refused at once. */
  | { readonly kind: "changed"; readonly account: Account; readonly revoked: readonly string[] }
  | { readonly kind: "unknown" }

export type EndReason =
  | "logout"
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

export type RefreshResult =
  | {
      readonly verdict: "rotated" | "coalesced" | "retry"
      readonly session: StoredSession
      readonly account: Account
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
interface TokenKey {
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
  | "password-changed"
  | "password-reset"
  | "signed-out-for-safety"

export interface NewMail {
  readonly purpose: MailPurpose
  readonly email: string
  readonly accountId: string | null
  /** Written like any other row and dropped unsent. */
  readonly decoy: boolean
  readonly language: string
}

/** Counted over rows kept in the outbox; notices about the account's safety are not limited. */
export interface MailLimits {
  readonly perRecipientHour: number
  readonly perRecipientDay: number
  readonly totalHour: number
}

export interface ClaimedMail extends NewMail {
  readonly id: number
  readonly attempts: number
}

export interface StoreFacts {
  readonly engine: "sqlite"
  readonly location: "file" | "memory"
  readonly fileMode: number | undefined
  readonly folderMode: number | undefined
  readonly durable: boolean
  /** How many distinct statement texts were prepared so far. */
  readonly statements: number
}
