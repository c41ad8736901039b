import { sha256, toBase64url } from "../../core/bytes.ts"
import type { Logger } from "../../core/logger.ts"
import { drawBytes } from "../../core/random.ts"
import type { Transport } from "../../core/session.ts"
import { type Refusal, type RefusalKind, refuse } from "../../core/verdict.ts"
import type {
  Account,
  NewSession,
  Peek,
  RefreshPresentation,
  RefreshResult,
  Store,
  StoredSession,
  TokenAccount,
  TokenSession,
} from "../../store/store.ts"
import type { SessionPolicy } from "./options.ts"
import {
  formatRefreshToken,
  parseRefreshToken,
  type RefreshToken,
  succeedRefreshToken,
} from "./refresh-token.ts"
import type { Revocations } from "./revocation.ts"
import { pairKeys, repeatSuccessor, type SessionKeys } from "./root.ts"

/** The presented refresh token is not one of ours, or of the other transport. */
export const SESSION_INVALID: RefusalKind = {
  status: 401,
  code: "session.invalid",
  title: "You are not signed in.",
}
/** It was one of ours; its session is over. */
export const SESSION_ENDED: RefusalKind = {
  status: 401,
  code: "session.ended",
  title: "The session has ended. Sign in again.",
}

/** What a person holds after signing in or refreshing. */
export interface Issued {
  readonly access: { readonly token: string; readonly expiresAt: number }
  /** Absent when the request came together with another one: the client already has, or is getting, the newest. */
  readonly refresh?: string
  /** For the refresh cookie: seconds to the nearer of the idle and the absolute end. */
  readonly refreshMaxAgeSeconds: number
  readonly session: TokenSession
  readonly account: TokenAccount
}

export interface Refreshed extends Issued {
  readonly kind: "refreshed"
}

export interface RefusedRefresh extends Refusal {
  /** This very presentation ended the session; `rollback` is never told to the user as theft. */
  readonly revoked?: { readonly why: Ending; readonly accountId: string | undefined }
}

/** Where a refresh comes from, and the language a mail about it is written in. */
interface Presenter {
  readonly addressPrefix: string
  readonly client: string
  readonly language: string
}

/** A sign-in under way: the row for the store, and the tokens once the row is durable. */
export interface Beginning {
  readonly row: NewSession
  finish(stored: StoredSession, account: Account): Issued & { readonly refresh: string }
}

export interface Sessions {
  begin(
    input: Pick<NewSession, "transport" | "persistent" | "methods" | "client" | "addressPrefix">,
  ): Beginning
  /**
   * The refresh: rotates, or repeats what was answered before, or refuses.
   * @throws UnavailableError when the store failed, or when no configured secret made the successor it keeps
   */
  present(token: string, transport: Transport, from: Presenter): Promise<Refreshed | RefusedRefresh>
  /** What a refresh would come to, without doing it: pages recognise a session and issue nothing. */
  peek(token: string, transport: Transport): Promise<Peek | undefined>
  /** Proves a token genuine without asking the store; for logout and for pages. Says nothing about the session's life. */
  readRefreshToken(token: string, transport: Transport): RefreshToken | undefined
  readonly revocations: Revocations
}

/** The part of the token room that makes access tokens. */
export interface AccessTokenIssuer {
  issue(input: {
    readonly userId: string
    readonly sessionId: string
    readonly authenticatedAt: number
    readonly methods: readonly string[]
    readonly roles: readonly string[]
    readonly epoch: number
  }): { readonly token: string; readonly expiresAt: number }
}

/**
 * Attack: a copied refresh token, and the false alarms with which other rotations answer tabs, retries and crashes.
 * Promise: one line of tokens per session; honest clients stay signed in, a second holder ends the session.
 * The decision itself is the store's, in one transaction; this is what surrounds it. Source: RFC 9700, section 4.14.2.
 */
export function createSessions(input: {
  readonly policy: SessionPolicy
  readonly ring: SessionKeys
  readonly store: Pick<Store, "presentRefresh" | "peekRefresh">
  readonly tokens: AccessTokenIssuer
  readonly revocations: Revocations
  readonly logger: Logger
}): Sessions {
  const { policy, store, tokens, revocations, logger } = input
  const rootsNow = pairKeys(input.ring)

  function issue(session: TokenSession, account: TokenAccount, now: number): Issued {
    const end = Math.min(session.idleEnd, session.absoluteEnd)
    return {
      access: tokens.issue({
        userId: account.id,
        sessionId: session.id,
        authenticatedAt: session.authenticatedAt,
        methods: session.methods,
        roles: account.roles,
        epoch: account.epoch,
      }),
      refreshMaxAgeSeconds: Math.max(0, Math.floor((end - now) / 1000)),
      session,
      account,
    }
  }

  return {
    revocations,
    readRefreshToken: (token, transport) => parseRefreshToken(rootsNow().macKeys, transport, token),

    async peek(token, transport) {
      const presented = parseRefreshToken(rootsNow().macKeys, transport, token)
      if (presented === undefined) return undefined
      const { sessionId, generation } = presented
      const { graceMs, minRotateMs } = policy
      const { readyAt } = revocations
      const hash = sha256(presented.secret)
      return store.peekRefresh({ sessionId, generation, hash, transport, graceMs, minRotateMs, readyAt })
    },

    begin(start) {
      const first = { sessionId: toBase64url(drawBytes(16)), generation: 1, secret: drawBytes(32) }
      const row: NewSession = {
        ...start,
        id: first.sessionId,
        hash: sha256(first.secret),
        salt: drawBytes(32),
        idleMs: policy.idleMs,
        absoluteMs: policy.absoluteMs,
      }
      return {
        row,
        finish: (stored, account) => ({
          ...issue(stored, account, stored.createdAt),
          refresh: formatRefreshToken(rootsNow().signing.mac, stored.transport, first),
        }),
      }
    },

    async present(token, transport, from) {
      const { macKeys, signing } = rootsNow()
      const presented = parseRefreshToken(macKeys, transport, token)
      if (presented === undefined) return refuse(SESSION_INVALID, "not a refresh token of this transport")
      const nextSalt = drawBytes(32)
      const next = succeedRefreshToken(signing.next, presented, nextSalt)
      const result = await store.presentRefresh({
        sessionId: presented.sessionId,
        generation: presented.generation,
        hash: sha256(presented.secret),
        nextHash: sha256(next.secret),
        nextSalt,
        transport,
        graceMs: policy.graceMs,
        minRotateMs: policy.minRotateMs,
        idleMs: policy.idleMs,
        readyAt: revocations.readyAt,
        events: eventsFor(presented, from),
        mail: ({ id, email }) => ({
          purpose: "signed-out-for-safety",
          email,
          accountId: id,
          decoy: false,
          language: from.language,
        }),
      })
      switch (result.verdict) {
        case "rotated":
          return refreshed(result, formatRefreshToken(signing.mac, transport, next))
        case "retry":
          return refreshed(result, repeatSuccessor(rootsNow().all, transport, presented, result))
        case "coalesced":
          return refreshed(result)
        case "ended":
        case "unknown":
          return refuse(SESSION_ENDED, `the session is ${result.verdict}`)
        default:
          return end(presented.sessionId, result.verdict, result.accountId)
      }
    },
  }

  function refreshed(result: Kept, refresh?: string): Refreshed {
    const issued = issue(result.session, result.account, result.now)
    return { kind: "refreshed", ...issued, ...(refresh === undefined ? {} : { refresh }) }
  }

  function end(sessionId: string, why: Ending, accountId: string | undefined): RefusedRefresh {
    revocations.note(sessionId)
    const fields = { sessionId, accountId, verdict: why }
    if (why === "late-parent") logger.warn(fields, "session: ended for safety, a parent came late")
    else logger.error(fields, ALARM[why])
    return { ...refuse(SESSION_ENDED, `revoked: ${why}`), revoked: { why, accountId } }
  }
}

const ALARM = {
  reuse: "session: a refresh token was used again, the session is revoked",
  rollback: "session: a token is ahead of the store: the database went back in time, or a key leaked",
} as const

type Kept = Extract<RefreshResult, { verdict: "rotated" | "coalesced" | "retry" }>
type Ending = "reuse" | "late-parent" | "rollback"

function eventsFor(presented: RefreshToken, from: Presenter): RefreshPresentation["events"] {
  const facts = {
    sessionId: presented.sessionId,
    addressPrefix: from.addressPrefix,
    client: from.client,
    detail: { generation: presented.generation },
  }
  return {
    reuse: [{ type: "session.reuse", ...facts }],
    "late-parent": [{ type: "session.parent_late", ...facts }],
    rollback: [{ type: "session.rollback", ...facts }],
  }
}
