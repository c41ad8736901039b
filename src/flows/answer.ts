import type { Issued } from "../checklist/session/index.ts"
import type { FlowCall } from "../core/flow.ts"
import { newInstance, renderRefusal } from "../core/problem.ts"
import { SIGN_IN_TOO_OLD } from "../core/recent-sign-in.ts"
import { type HeaderList, jsonReply, type Reply } from "../core/request.ts"
import type { Transport } from "../core/session.ts"
import { type Refusal, type RefusalKind, refuse } from "../core/verdict.ts"
import type { FlowHooks, FlowParts, Notice } from "./parts.ts"

/** sessions.md: linking and other risky changes need a sign-in younger than ten minutes. */
const RECENT_MS = 600_000

/** A hook that takes longer is told of in the log; it is never ended. */
const HOOK_LATE_MS = 10_000

/** Fetch Metadata, all of it, and Origin: scripts cannot take these away. */
const BROWSER_MARKS = [
  "origin",
  "sec-fetch-site",
  "sec-fetch-mode",
  "sec-fetch-dest",
  "sec-fetch-user",
  "sec-fetch-storage-access",
]

const BEARER_REFUSED: RefusalKind = {
  status: 403,
  code: "bearer.browser",
  title: "Browsers get cookies; tokens in the body are for other clients.",
}
const BEARER_OFF: RefusalKind = {
  status: 403,
  code: "bearer.off",
  title: "Tokens in the body are not offered here.",
}
/** The token outlived the account it names. */
export const ACCOUNT_GONE: RefusalKind = {
  status: 401,
  code: "session.ended",
  title: "The session has ended. Sign in again.",
}
const DESTINATION: RefusalKind = {
  status: 403,
  code: "header.destination",
  title: "This is for scripts; it is not a page, an image or a script.",
}

/** A refusal as an answer; the reason goes to the log under the same instance. */
export function answerRefusal(parts: Pick<FlowParts, "logger">, call: FlowCall, refusal: Refusal): Reply {
  const instance = newInstance()
  const { status, code } = refusal.refusal
  parts.logger.info({ instance, status, code, reason: refusal.reason, path: call.view.path }, "refused")
  return renderRefusal(refusal, instance)
}

/** An injected script must not get tokens in a body: what looks like a browser gets cookies or nothing. */
export function checkTransport(parts: FlowParts, call: FlowCall, transport: Transport): Refusal | undefined {
  if (transport === "cookie") return undefined
  if (!parts.policy.bearer) return refuse(BEARER_OFF, "bearer transport is not switched on")
  const { view } = call
  const { access, refresh, device } = view.credentials
  const browser =
    BROWSER_MARKS.some((name) => view.header(name) !== undefined) ||
    (access ?? refresh ?? device) !== undefined
  return browser ? refuse(BEARER_REFUSED, "a bearer sign-in that looks like a browser's") : undefined
}

/** Tokens on their way to the client: cookies for a cookie session, the body for a bearer one, never both. */
export function answerIssued(
  parts: FlowParts,
  issued: Issued,
  status: number,
  extra: HeaderList = [],
): Reply {
  const { session, access, refresh } = issued
  const expiresAt = new Date(access.expiresAt).toISOString()
  if (session.transport === "bearer") {
    const tokens = { accessToken: access.token, ...(refresh === undefined ? {} : { refreshToken: refresh }) }
    return jsonReply(status, { userId: session.accountId, expiresAt, tokenType: "Bearer", ...tokens }, extra)
  }
  const headers = [...extra, ...issuedCookies(parts, issued)]
  return jsonReply(status, { userId: session.accountId, expiresAt }, headers)
}

/** The cookies of a session; a browser forgets them when it closes unless the person wished to be remembered. */
export function issuedCookies(parts: Pick<FlowParts, "cookies" | "clock">, issued: Issued): HeaderList {
  const { session, access, refresh, refreshMaxAgeSeconds } = issued
  const { cookies, clock } = parts
  const accessSeconds = Math.max(0, Math.floor((access.expiresAt - clock()) / 1000))
  const setAccess = cookies.setAccess(access.token, session.persistent ? accessSeconds : undefined)
  if (refresh === undefined) return [setAccess]
  return [setAccess, cookies.setRefresh(refresh, session.persistent ? refreshMaxAgeSeconds : undefined)]
}

/** The session that this browser has now, by either cookie; a sign-in ends it. */
export function presentSessionId(parts: FlowParts, call: FlowCall): string | undefined {
  const { refresh } = call.view.credentials
  const named = refresh === undefined ? undefined : parts.sessions.readRefreshToken(refresh, "cookie")
  return named?.sessionId ?? call.session?.sessionId
}

/**
 * Data about a person is for fetch alone: a page of another site that loads it as a script or image gets nothing, and
 * neither does an address bar (ASVS 3.2.1).
 */
export function refuseDestination(call: FlowCall): Refusal | undefined {
  const destination = call.view.header("sec-fetch-dest")
  return destination === undefined || destination === "empty"
    ? undefined
    : refuse(DESTINATION, "Sec-Fetch-Dest is not empty")
}

/** Risky changes ask for a person who proved lately who they are (ASVS 7.5.1). */
export function refuseStale(
  parts: Pick<FlowParts, "clock">,
  call: Pick<FlowCall, "session">,
): Refusal | undefined {
  const age = parts.clock() - (call.session?.authenticatedAt ?? 0)
  return age <= RECENT_MS ? undefined : refuse(SIGN_IN_TOO_OLD, "the sign-in is older than ten minutes")
}

/**
 * Runs an application's hook after the commit and after the answer, which does not wait: nothing of a hook, its time
 * included, reaches a client.
 */
export function callHook<Name extends keyof FlowHooks>(
  parts: Pick<FlowParts, "hooks" | "logger">,
  name: Name,
  account: Notice<Name>,
): void {
  const hook = parts.hooks[name] as ((account: Notice<Name>) => void | Promise<void>) | undefined
  if (hook !== undefined) setImmediate(() => void runHook(parts.logger, name, async () => hook(account)))
}

async function runHook(logger: FlowParts["logger"], hook: string, run: () => Promise<void>): Promise<void> {
  const timer = setTimeout(() => logger.warn({ hook }, "a hook has not ended after 10 s"), HOOK_LATE_MS)
  timer.unref()
  try {
    await run()
  } catch (error) {
    logger.error({ hook, error: error instanceof Error ? error.name : typeof error }, "a hook failed")
  } finally {
    clearTimeout(timer)
  }
}
