/**
 * Signs out by either credential: an access token that may have expired, or a refresh token of any generation. Always 204,
 * except when the store is down: then nothing is cleared, because the session would live on.
 * Source: ASVS 7.4.1, 14.3.1.
 */
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { emptyReply, type Reply } from "../core/request.ts"
import { readWhence } from "./client.ts"
import type { FlowParts } from "./parts.ts"

export function logoutRoute(parts: FlowParts): FlowRoute {
  return {
    name: "logout",
    method: "POST",
    path: `${parts.basePath}/logout`,
    access: "credential",
    summary: "Signs out. Always 204.",
    run: (call) => logout(parts, call),
  }
}

async function logout(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, sessions, tokens, cookies } = parts
  const { access, refresh, bearer } = call.view.credentials
  const token = access ?? (parts.policy.bearer ? bearer : undefined)
  const named = new Set<string>()
  const byAccess = token === undefined ? undefined : tokens.readSignedOut(token)
  if (byAccess !== undefined) named.add(byAccess.sessionId)
  const byRefresh = refresh === undefined ? undefined : sessions.readRefreshToken(refresh, "cookie")
  if (byRefresh !== undefined) named.add(byRefresh.sessionId)
  for (const sessionId of named) {
    const events = [{ type: "session.signed_out", sessionId, ...readWhence(call.view) }] as const
    await store.revokeSession({ sessionId, reason: "logout", events })
    sessions.revocations.note(sessionId)
  }
  // "cookies" would sign out neighbours on other ports and sub-domains.
  return emptyReply(204, [...cookies.clear(), ["clear-site-data", '"cache", "storage"']])
}
