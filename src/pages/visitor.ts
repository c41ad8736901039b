/**
 * Attack: a page that hands out a session because somebody looked at it, or shows private things to one that has ended.
 * Promise: pages recognise a session by its refresh cookie and issue, rotate and write nothing; one that has ended shows
 * nothing. Source: sessions.md, Navigation.
 */
import type { RequestView } from "../core/request.ts"
import type { Session } from "../core/session.ts"
import type { Account, Peek, StoredSession } from "../store/store.ts"
import type { Site } from "./site.ts"

export interface Visitor {
  readonly account: Account
  readonly stored: StoredSession
  /** As the flows of a signed-in user take it. */
  readonly session: Session
}

export async function findVisitor(site: Site, view: RequestView): Promise<Visitor | undefined> {
  const { refresh } = view.credentials
  const peek = refresh === undefined ? undefined : await site.sessions.peek(refresh, "cookie")
  return peek === undefined ? undefined : visitorOf(site, peek)
}

export function visitorOf(site: Site, peek: Peek): Visitor | undefined {
  if (!("session" in peek) || site.sessions.revocations.isRevoked(peek.session.id)) return undefined
  const { session: stored, account } = peek
  const session = {
    userId: account.id,
    sessionId: stored.id,
    authenticatedAt: stored.authenticatedAt,
    methods: stored.methods,
    roles: account.roles,
    expiresAt: Math.min(stored.idleEnd, stored.absoluteEnd),
  }
  return { account, stored, session }
}

/** A browser leaves SameSite=Strict cookies out of what another site started; the next request is ours. */
export function cameFromElsewhere(view: RequestView): boolean {
  return view.header("sec-fetch-site") === "cross-site" && view.header("sec-fetch-mode") === "navigate"
}
