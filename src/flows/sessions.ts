import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { emptyReply, jsonReply, type Reply } from "../core/request.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import { answerRefusal, refuseDestination } from "./answer.ts"
import { readWhence } from "./client.ts"
import type { FlowParts } from "./parts.ts"

const UNKNOWN: RefusalKind = { status: 404, code: "session.unknown", title: "You have no such session." }

/** One's own sessions: see them, end one, end all others (ASVS 7.5.2). */
export function sessionRoutes(parts: FlowParts): readonly FlowRoute[] {
  const path = `${parts.basePath}/sessions`
  return [
    {
      name: "sessions",
      method: "GET",
      path,
      access: "user",
      summary: "Own sessions.",
      run: (call) => list(parts, call),
    },
    {
      name: "sessions-end-others",
      method: "DELETE",
      path,
      access: "user",
      summary: "Ends all other sessions. 204.",
      run: (call) => endOthers(parts, call),
    },
    {
      name: "sessions-end",
      method: "DELETE",
      path: `${path}/:id`,
      access: "user",
      summary: "Ends one session. 204.",
      run: (call) => endOne(parts, call),
    },
  ]
}

async function list(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const refused = refuseDestination(call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const stored = await parts.store.listSessions(call.session?.userId ?? "")
  const sessions = stored.map((session) => ({
    id: session.id,
    current: session.id === call.session?.sessionId,
    client: session.client,
    addressPrefix: session.addressPrefix,
    createdAt: new Date(session.createdAt).toISOString(),
    lastUsedAt: new Date(session.rotatedAt ?? session.createdAt).toISOString(),
  }))
  return jsonReply(200, { sessions })
}

async function endOne(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const sessionId = call.params.id ?? ""
  const accountId = call.session?.userId ?? ""
  const { revoked } = await parts.store.revokeSession({
    sessionId,
    accountId,
    reason: "user",
    events: [{ type: "session.ended_by_user", accountId, sessionId, ...readWhence(call.view) }],
  })
  if (!revoked) return answerRefusal(parts, call, refuse(UNKNOWN, "not a live session of this account"))
  parts.sessions.revocations.note(sessionId)
  return emptyReply(204)
}

async function endOthers(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { userId: accountId = "", sessionId: except = "" } = call.session ?? {}
  const { revoked } = await parts.store.revokeSessions({
    accountId,
    except,
    reason: "user",
    events: [{ type: "session.all_ended", accountId, sessionId: except, ...readWhence(call.view) }],
  })
  for (const sessionId of revoked) parts.sessions.revocations.note(sessionId)
  return emptyReply(204)
}
