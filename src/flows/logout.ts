/**
 * Signs out by either credential: an access token that may have expired, or a refresh token of any generation. Always 204,
 * whatever the credential was; but not when the store is down, or when a body cannot be read: the session would live on.
 * Source: ASVS 7.4.1, 14.3.1.
 */
import * as z from "zod"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { emptyReply, type Reply } from "../core/request.ts"
import { answerRefusal } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import * as fields from "./fields.ts"
import type { FlowParts } from "./parts.ts"

const Logout = z.strictObject({ refreshToken: fields.refreshToken.optional() })

export function logoutRoute(parts: FlowParts): FlowRoute {
  return {
    name: "logout",
    method: "POST",
    path: `${parts.basePath}/logout`,
    access: "credential",
    summary: "Signs out. 204; a bearer session also by {refreshToken}.",
    run: (call) => logout(parts, call),
  }
}

async function logout(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, sessions, tokens, cookies } = parts
  const { access, refresh, bearer } = call.view.credentials
  const body = await readBearerBody(parts, call)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const token = access ?? (parts.policy.bearer ? bearer : undefined)
  const named = [
    token === undefined ? undefined : tokens.readSignedOut(token),
    refresh === undefined ? undefined : sessions.readRefreshToken(refresh, "cookie"),
    body.refreshToken === undefined ? undefined : sessions.readRefreshToken(body.refreshToken, "bearer"),
  ]
  for (const sessionId of new Set(named.map((each) => each?.sessionId))) {
    if (sessionId === undefined) continue
    const events = [{ type: "session.signed_out", sessionId, ...readWhence(call.view) }] as const
    await store.revokeSession({ sessionId, reason: "logout", events })
    sessions.revocations.note(sessionId)
  }
  // "cookies" would sign out neighbours on other ports and sub-domains.
  return emptyReply(204, [...cookies.clear(), ["clear-site-data", '"cache", "storage"']])
}

/** A program has no cookies; a browser has, and its body says nothing. */
async function readBearerBody(parts: FlowParts, call: FlowCall) {
  const { access, refresh } = call.view.credentials
  const isProgram = parts.policy.bearer && access === undefined && refresh === undefined
  if (!isProgram || call.view.header("content-type") === undefined) return {}
  const body = await readBody(call, Logout, parts.policy.bodyBytes)
  return "kind" in body ? body : body.value
}
