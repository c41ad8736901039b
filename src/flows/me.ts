import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { jsonReply, type Reply } from "../core/request.ts"
import type { Session } from "../core/session.ts"
import { refuse } from "../core/verdict.ts"
import { ACCOUNT_GONE, answerRefusal, refuseDestination } from "./answer.ts"
import type { FlowParts } from "./parts.ts"

/** A verified token is one object while it is remembered, and so is what it says. */
const replies = new WeakMap<Session, Reply>()

export function accountRoutes(parts: FlowParts): readonly FlowRoute[] {
  const { basePath } = parts
  return [
    {
      name: "me",
      method: "GET",
      path: `${basePath}/me`,
      access: "user",
      storeless: true,
      summary: "Who is signed in, from the access token alone.",
      run: (call) => me(parts, call),
    },
    {
      name: "account",
      method: "GET",
      path: `${basePath}/account`,
      access: "user",
      summary: "The account as the store has it.",
      run: (call) => account(parts, call),
    },
  ]
}

/** The hot path: no promise, no store. */
function me(parts: FlowParts, call: FlowCall): Reply {
  const { session } = call
  const refused = refuseDestination(call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  if (session === undefined) return answerRefusal(parts, call, refuse(ACCOUNT_GONE, "no session"))
  let reply = replies.get(session)
  if (reply === undefined) {
    const { userId, sessionId, methods, roles } = session
    const authenticatedAt = new Date(session.authenticatedAt).toISOString()
    const expiresAt = new Date(session.expiresAt).toISOString()
    reply = jsonReply(200, { userId, sessionId, authenticatedAt, methods, roles, expiresAt })
    replies.set(session, reply)
  }
  return reply
}

async function account(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const refused = refuseDestination(call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const found = await parts.store.findAccount(call.session?.userId ?? "")
  if (found === undefined) return answerRefusal(parts, call, refuse(ACCOUNT_GONE, "the account is gone"))
  const { id, email, roles, createdAt, deletionAt } = found
  return jsonReply(200, {
    userId: id,
    email,
    roles,
    hasPassword: found.passwordHash !== null,
    createdAt: new Date(createdAt).toISOString(),
    deletionAt: deletionAt === null ? null : new Date(deletionAt).toISOString(),
  })
}
