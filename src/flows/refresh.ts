/**
 * The refresh as a request. The decision is the session room's; here it gets its token from the right place and its answer.
 * It never clears cookies: a late answer would delete those of a newer session, and a dead cookie is harmless.
 */
import * as z from "zod"
import { SESSION_INVALID } from "../checklist/session/index.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import type { Transport } from "../core/session.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import { answerIssued, answerRefusal } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import * as fields from "./fields.ts"
import { readLanguage } from "./language.ts"
import type { FlowParts } from "./parts.ts"

const NONE: RefusalKind = { status: 401, code: "session.none", title: "Sign in first." }

const Refresh = z.strictObject({ refreshToken: fields.refreshToken })

export function refreshRoute(parts: FlowParts): FlowRoute {
  return {
    name: "refresh",
    method: "POST",
    path: `${parts.basePath}/refresh`,
    access: "credential",
    perAddress: "300/minute",
    summary: "Rotates the refresh token. 200 with new cookies, or with tokens for a bearer session.",
    run: (call) => refresh(parts, call),
  }
}

async function refresh(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const cookie = call.view.credentials.refresh
  if (cookie !== undefined) return present(parts, call, cookie, "cookie")
  if (!parts.policy.bearer || call.view.header("content-type") === undefined) {
    return answerRefusal(parts, call, refuse(NONE, "no refresh token came"))
  }
  const body = await readBody(call, Refresh, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  if (call.view.header("origin") !== undefined) {
    return answerRefusal(parts, call, refuse(SESSION_INVALID, "a bearer refresh from a browser"))
  }
  return present(parts, call, body.value.refreshToken, "bearer")
}

async function present(
  parts: FlowParts,
  call: FlowCall,
  token: string,
  transport: Transport,
): Promise<Reply> {
  const whence = { ...readWhence(call.view), language: readLanguage(call.view) }
  const presented = await parts.sessions.present(token, transport, whence)
  if (presented.kind === "refreshed") return answerIssued(parts, presented, 200)
  // The store has put a mail into the outbox, in the step that ended the session.
  if (presented.revoked !== undefined) parts.mail.wake()
  return answerRefusal(parts, call, presented)
}
