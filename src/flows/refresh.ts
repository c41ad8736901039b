/**
 * The refresh as a request. The decision is the session room's; here it gets its token from the right place and its answer.
 * It never clears cookies: a late answer would delete those of a newer session, and a dead cookie is harmless.
 */
import * as z from "zod"
import { SESSION_INVALID } from "../checklist/session/index.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
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
  const { sessions } = parts
  const cookie = call.view.credentials.refresh
  const whence = readWhence(call.view)
  if (cookie !== undefined) return answer(parts, call, await sessions.present(cookie, "cookie", whence))
  if (!parts.policy.bearer || call.view.header("content-type") === undefined) {
    return answerRefusal(parts, call, refuse(NONE, "no refresh token came"))
  }
  const body = await readBody(call, Refresh, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  if (call.view.header("origin") !== undefined) {
    return answerRefusal(parts, call, refuse(SESSION_INVALID, "a bearer refresh from a browser"))
  }
  return answer(parts, call, await sessions.present(body.value.refreshToken, "bearer", whence))
}

async function answer(
  parts: FlowParts,
  call: FlowCall,
  presented: Awaited<ReturnType<FlowParts["sessions"]["present"]>>,
): Promise<Reply> {
  if (presented.kind === "refreshed") return answerIssued(parts, presented, 200)
  const { revoked } = presented
  if (revoked?.accountId !== undefined && revoked.why !== "rollback")
    await warn(parts, call, revoked.accountId)
  return answerRefusal(parts, call, presented)
}

/** Tells the person. The session has ended already: a failure here is logged and changes no answer. */
async function warn(parts: FlowParts, call: FlowCall, accountId: string): Promise<void> {
  const { store, mail, logger } = parts
  try {
    const account = await store.findAccount(accountId)
    if (account === undefined) return
    await store.enqueueMail({
      purpose: "signed-out-for-safety",
      email: account.email,
      accountId,
      decoy: false,
      language: readLanguage(call.view),
      limits: mail.limits,
      limitedEvent: { type: "mail.limited", accountId },
    })
    mail.wake()
  } catch (error) {
    logger.warn({ error: error instanceof Error ? error.name : typeof error }, "a safety mail was not queued")
  }
}
