import type { NewEvent, SecurityEvent } from "../core/event.ts"
import type { SharedBuckets } from "../core/shared-buckets.ts"
import type {
  Account,
  AccountChange,
  Changed,
  ClaimedMail,
  CodeProof,
  EndReason,
  FlowKey,
  FlowProof,
  Identity,
  ImportedAccount,
  Instance,
  MailFlow,
  MailLimits,
  Mark,
  NewAccount,
  NewIdentity,
  NewMail,
  NewMailFlow,
  NewSession,
  OneTimeToken,
  Peek,
  RefreshPresentation,
  RefreshResult,
  StoredSession,
  StoreFacts,
  TokenKey,
  TokenPurpose,
} from "./records.ts"
import type { SecretVerbs } from "./secret-verbs.ts"

export type * from "./records.ts"

/** What a sign-in of any kind comes to. */
export type Started =
  | { readonly kind: "started"; readonly account: Account; readonly session: StoredSession }
  | { readonly kind: "refused" }

export interface RevocationPage {
  readonly sessions: readonly { readonly sessionId: string; readonly revokedAt: number }[]
  readonly epochs: readonly { readonly accountId: string; readonly epoch: number }[]
  /** No access token from before this moment is accepted; 0 when nothing was ever restored. */
  readonly notBefore: number
  /** The store's clock. */
  readonly now: number
  /** For the next call. */
  readonly cursor: string
}

/**
 * The verbs every engine has. Each is one atomic, durable step: it is on disk when its promise resolves, and a failure of
 * any kind rejects with `UnavailableError` and leaves nothing behind. Verbs that change something take the events that
 * tell of it and write them in the same transaction. All times are milliseconds since 1970 by the store's own clock,
 * taken inside the statement; callers pass durations.
 *
 * Ids are canonical base64url of 16 bytes (22 characters); hashes, salts and such are 32 bytes.
 */
export interface Store extends SecretVerbs {
  // ---- accounts
  findAccount(accountId: string): Promise<Account | undefined>
  /** The address is already normalised (see `flows/mail/address.ts`); it is compared as it stands. */
  findAccountByEmail(email: string): Promise<Account | undefined>
  /** Ordered by creation, `after` is the last id of the page before. */
  listAccounts(page: { readonly after?: string; readonly limit: number }): Promise<readonly Account[]>
  /** Without a password hash the account is an invitation. */
  createAccount(input: NewAccount): Promise<{ kind: "created"; account: Account } | { kind: "taken" }>
  /**
   * Creates all that do not exist yet, in one transaction, each with its events; answers in the order of the input.
   * Nobody's session, mail or token changes.
   */
  importAccounts(input: readonly ImportedAccount[]): Promise<readonly ("created" | "taken")[]>
  /** Accounts whose password hash is not argon2id, so that another system made it. */
  countForeignHashes(): Promise<number>
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
  /** The decision of `presentRefresh` without its consequences: for pages, which recognise a session and issue nothing. */
  peekRefresh(
    input: Pick<
      RefreshPresentation,
      "sessionId" | "generation" | "hash" | "transport" | "graceMs" | "minRotateMs" | "readyAt"
    >,
  ): Promise<Peek>
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
   * Sessions revoked and epochs raised since the answer that gave `cursor`, however late their transactions committed;
   * some come twice. Without a cursor, or when the store cannot go by it any more (its clock went back, another server took
   * over), all of the last `withinMs`. A cursor means something only to the engine that made it.
   */
  readRevocations(input: { readonly cursor?: string; readonly withinMs: number }): Promise<RevocationPage>
  /**
   * Where it is cheap to hear of revocations at once: calls `wake` whenever a poll is worth it. Promises nothing, since the
   * poll of each second does, and never throws. @returns what ends it
   */
  watchRevocations?(wake: () => void): () => Promise<void>
  /** Where several processes share one database: counts a request in rate-limit buckets, see `SharedBuckets`. */
  takeBuckets?: SharedBuckets["take"]
  /**
   * Where several processes share one database: says that this one lives. @param input `clock`: its own, now
   * @returns all that have said so within 20 s, this one included
   */
  beat?(input: Omit<Instance, "clockOffsetMs"> & { readonly clock: number }): Promise<readonly Instance[]>
  /** Says that it lives no longer. */
  leave?(id: string): Promise<void>

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

  // ---- proof of a mailbox
  /**
   * Writes the flows and puts their mails into the outbox, each unless its limit is reached. A flow whose mail was limited
   * or is a decoy is a row like any other; it never gets a link or a code.
   */
  startMailFlow(input: {
    readonly flows: readonly NewMailFlow[]
    readonly mails: readonly NewMail[]
    readonly limits: MailLimits
    readonly limitedEvent: NewEvent
    readonly events: readonly NewEvent[]
  }): Promise<void>
  /** A live flow of this browser. */
  findMailFlow(input: FlowKey): Promise<MailFlow | undefined>
  /** A live flow by its link, for the page that tells who asked; gives nobody anything. */
  findMailFlowByToken(tokenHash: Uint8Array): Promise<MailFlow | undefined>
  /** Stores what the sender has just made, if mail and flow still live. A second attempt replaces the first one's. */
  issueFlow(input: {
    readonly mailId: number
    readonly tokenHash: Uint8Array
    readonly codeMac: Uint8Array
  }): Promise<{ issued: boolean }>
  /**
   * Redeems a `sign-in` flow for the browser that asked: by its link, or by its code, whose try is counted before the
   * comparison; after three the flow ends. Creates the account if there is none and the flow was not a decoy, completes an
   * invitation, and starts the session.
   */
  completeEmailLink(input: {
    readonly flow: FlowKey
    readonly proof: FlowProof
    readonly newAccountId: string
    readonly session: NewSession
    readonly replaces?: string
    readonly events: (accountId: string, created: boolean) => readonly NewEvent[]
    /** Counted when the code was wrong. */
    readonly failedEvent: NewEvent
  }): Promise<
    | {
        readonly kind: "started"
        readonly account: Account
        readonly session: StoredSession
        readonly created: boolean
      }
    | { readonly kind: "refused"; readonly triesLeft: number }
  >
  /** "I did not ask for this": ends the flow of a link. */
  denyMailFlow(input: {
    readonly tokenHash: Uint8Array
    readonly events: (flow: MailFlow) => readonly NewEvent[]
  }): Promise<{ denied: boolean }>
  /** The account's change of address under way, both halves. */
  findEmailChange(accountId: string): Promise<{ readonly old: MailFlow; readonly new: MailFlow } | undefined>
  /**
   * Both codes at once, one try of each. Sets the address, ends all other sessions and everything outstanding, and mails
   * both addresses.
   */
  completeEmailChange(input: {
    readonly accountId: string
    readonly old: CodeProof & { readonly flowId: string }
    readonly new: CodeProof & { readonly flowId: string }
    readonly exceptSession: string
    readonly events: readonly NewEvent[]
    readonly mails: (before: string, after: string) => readonly NewMail[]
  }): Promise<
    | { readonly kind: "changed"; readonly account: Account; readonly revoked: readonly string[] }
    | { readonly kind: "refused"; readonly triesLeft: number }
    /** The address became another account's meanwhile. */
    | { readonly kind: "taken" }
  >

  // ---- identities at providers
  findIdentity(input: { readonly issuer: string; readonly subject: string }): Promise<Identity | undefined>
  listIdentities(accountId: string): Promise<readonly Identity[]>
  /** The sealed tokens of an identity; undefined when none are kept. */
  findTokens(identityId: string): Promise<Uint8Array | undefined>
  /** Remembers the hash of a redeemed state until it would have expired anyway; false when it was there already. */
  redeemState(input: { readonly hash: Uint8Array; readonly lifetimeMs: number }): Promise<{ fresh: boolean }>
  /** Starts a session for whoever the identity belongs to. */
  signInByIdentity(input: {
    readonly issuer: string
    readonly subject: string
    readonly tokens: Uint8Array | null
    readonly session: NewSession
    readonly replaces?: string
    readonly events: (accountId: string) => readonly NewEvent[]
  }): Promise<Started>
  /** An account for an address that the provider has proved, its first identity and its first session. */
  createByIdentity(input: {
    readonly identity: NewIdentity
    readonly newAccountId: string
    readonly email: string
    readonly session: NewSession
    readonly replaces?: string
    readonly events: (accountId: string) => readonly NewEvent[]
  }): Promise<Started>
  /** `taken`: the identity is another account's. Linking what is linked already changes nothing. */
  linkIdentity(input: {
    readonly accountId: string
    readonly identity: NewIdentity
    readonly events: readonly NewEvent[]
    readonly mail: NewMail
  }): Promise<{ readonly kind: "linked" | "taken" | "unknown" }>
  /** `last`: without it nobody could sign in to the account any more. */
  unlinkIdentity(input: {
    readonly accountId: string
    readonly identityId: string
    /** Whether a mail link is a way in. */
    readonly mailIsWayIn: boolean
    readonly events: readonly NewEvent[]
    readonly mail: NewMail
  }): Promise<{ readonly kind: "unlinked" | "last" | "unknown" }>

  // ---- deletion by the owner
  /** Sets, or with null takes back, when the account is deleted. */
  scheduleDeletion(
    input: AccountChange & { readonly delayMs: number | null; readonly mail?: NewMail },
  ): Promise<Changed>
  /** Accounts whose time has come, for upkeep. */
  listDueDeletions(limit: number): Promise<readonly Account[]>

  // ---- mail
  /**
   * Puts a mail into the outbox unless a limit is reached; a limited mail is kept as a row that is never sent, so that
   * the work is the same. Answers the same for decoys. What was limited is counted in one event a minute.
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
  /** For attempts: one row per kind, account, network and minute, bounded per minute. */
  countEvent(event: NewEvent): Promise<void>
  /** For what changes nothing else, like a download of the own data. */
  recordEvents(events: readonly NewEvent[]): Promise<void>
  /** Newest first; `before` is the last id of the page before. */
  listEvents(page: {
    readonly accountId?: string
    readonly before?: number
    readonly limit: number
  }): Promise<readonly SecurityEvent[]>
  /**
   * Deletes what has outlived its retention, a bounded piece a call. Sessions that ended by themselves are found by walking
   * through all of them, since an index on their end would cost with every rotation: `after` is the last one looked at, `""`
   * begins, and without it none are looked at.
   * @returns whether to call again, and with which `after`
   */
  purge(input: {
    readonly eventRetentionMs: number
    readonly revocationRetentionMs: number
    readonly after?: string | undefined
  }): Promise<{ readonly more: boolean; readonly after: string | undefined }>
  /** What tells this database from an earlier copy of itself. */
  readMark(): Promise<Mark>
  /** Raises the counter by one. */
  raiseMark(): Promise<Mark>
  /**
   * After an older copy was put in place: ends every session, one-time token, flow and unsent mail, and no access token from
   * before is accepted any more. The counter becomes higher than `above` and than it was.
   */
  startAnew(input: {
    readonly above: number
    readonly events: readonly NewEvent[]
  }): Promise<{ readonly mark: Mark; readonly sessions: number }>
  /** Resolves when a read and a (harmless) write would work. */
  ping(): Promise<void>
  /** For the checklist. */
  describe(): StoreFacts
  close(): Promise<void>
}
