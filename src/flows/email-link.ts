/**
 * Sign-in by mail as requests: ask, complete with the link or the code, disown. What makes it safe is the room's; here the
 * flow cookie is set and read, and every address is answered alike.
 */
import { randomBytes } from "node:crypto"
import * as z from "zod"
import { sha256, toBase64url } from "../core/bytes.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { emptyReply, jsonReply, type Reply } from "../core/request.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import type { Account, NewMail } from "../store/store.ts"
import { answerIssued, answerRefusal, callHook, presentSessionId } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import * as fields from "./fields.ts"
import { readLanguage } from "./language.ts"
import type { FlowParts } from "./parts.ts"
import { LINK_ENDED } from "./register.ts"

const ELSEWHERE: RefusalKind = {
  status: 400,
  code: "email_link.elsewhere",
  title: "Open the link in the browser where you asked for it, or type the code there.",
}
const CODE_WRONG: RefusalKind = { status: 400, code: "email_link.code_wrong", title: "This code is wrong." }

const Ask = z.strictObject({ email: fields.email, remember: fields.remember })
const Complete = z.union([
  z.strictObject({ token: fields.oneTimeToken }),
  z.strictObject({ code: fields.typedCode }),
])
const Deny = z.strictObject({ token: fields.oneTimeToken })

export function emailLinkRoutes(parts: FlowParts): readonly FlowRoute[] {
  if (!parts.policy.emailLink.enabled) return []
  const path = `${parts.basePath}/email-link`
  const common = { method: "POST", access: "public", consumes: "application/json" } as const
  return [
    {
      ...common,
      name: "email-link",
      path,
      perAddress: "10/minute",
      botCheck: { before: "mail", email: "email" },
      summary: "Asks for a link and a code by mail: {email, remember?}. Always 202, and a cookie.",
      run: (call) => ask(parts, call),
    },
    {
      ...common,
      name: "email-link-complete",
      path: `${path}/complete`,
      perAddress: "20/minute",
      summary: "Signs in the browser that asked: {token} or {code}. 200 {userId} and two cookies.",
      run: (call) => complete(parts, call),
    },
    {
      ...common,
      name: "email-link-deny",
      path: `${path}/deny`,
      perAddress: "10/minute",
      summary: '"I did not ask for this": {token}. Always 204.',
      run: (call) => deny(parts, call),
    },
  ]
}

async function ask(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, emailLinks, cookies, policy } = parts
  const body = await readBody(call, Ask, policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const { email, remember } = body.value
  const account = await store.findAccountByEmail(email)
  const flow = emailLinks.begin()
  const whence = readWhence(call.view)
  const { lifetimeMs, perHour, perDay } = policy.emailLink
  await store.startMailFlow({
    flows: [
      {
        id: flow.flowId,
        purpose: "sign-in",
        email,
        accountId: account?.id ?? null,
        secretHash: flow.secretHash,
        persistent: remember ?? true,
        lifetimeMs,
        ...whence,
      },
    ],
    mails: [mailFor(parts, call, { email, account, flowId: flow.flowId })],
    limits: { ...parts.mail.limits, perRecipientHour: perHour, perRecipientDay: perDay },
    limitedEvent: { type: "mail.limited", addressPrefix: whence.addressPrefix },
    // One row for every address, known or not: the work shall tell nothing.
    events: [
      { type: "email_link.asked", ...(account === undefined ? {} : { accountId: account.id }), ...whence },
    ],
  })
  parts.mail.wake()
  const cookie = cookies.flow("sign_in").set(flow.cookie, lifetimeMs / 1000)
  return jsonReply(202, { sent: true }, [cookie])
}

/** Every case puts one row into the outbox; what must not be sent is a decoy. */
function mailFor(
  parts: FlowParts,
  call: FlowCall,
  to: { readonly email: string; readonly account: Account | undefined; readonly flowId: string },
): NewMail {
  const { account, email, flowId } = to
  const { registration, emailLink } = parts.policy
  const known = parts.devices.knows(call.view.credentials.device, account?.id)
  return {
    purpose: "email-link",
    email,
    accountId: account?.id ?? null,
    decoy:
      account === undefined ? registration !== "open" || !emailLink.registers : account.disabledAt !== null,
    language: readLanguage(call.view),
    budget: known ? "link-device" : "link",
    flowId,
  }
}

async function complete(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, sessions, emailLinks, cookies } = parts
  const body = await readBody(call, Complete, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const cookie = cookies.flow("sign_in")
  const flow = emailLinks.readCookie(cookie.read(call.view.headerValues("cookie")))
  if (flow === undefined) return answerRefusal(parts, call, refuse(ELSEWHERE, "no flow cookie came along"))
  const { value } = body
  const proof =
    "token" in value ? emailLinks.proofOfLink(value.token) : emailLinks.proofOfCode(flow.flowId, value.code)
  if (proof === undefined) return answerRefusal(parts, call, refuse(CODE_WRONG, "not six digits"))
  const whence = readWhence(call.view)
  const beginning = sessions.begin({ transport: "cookie", persistent: true, methods: ["mail"], ...whence })
  const replaces = presentSessionId(parts, call)
  const result = await store.completeEmailLink({
    flow,
    proof,
    newAccountId: toBase64url(randomBytes(16)),
    session: beginning.row,
    ...(replaces === undefined ? {} : { replaces }),
    events: (accountId, created) => [
      ...(created ? [{ type: "account.created", accountId, ...whence } as const] : []),
      { type: "session.started", accountId, sessionId: beginning.row.id, ...whence },
    ],
    failedEvent: { type: "email_link.failed", addressPrefix: whence.addressPrefix },
  })
  if (result.kind === "refused") return refused(parts, call, "token" in value, result.triesLeft)
  if (replaces !== undefined) sessions.revocations.note(replaces)
  const { account } = result
  if (result.created) callHook(parts, "accountCreated", { userId: account.id, email: account.email })
  const issued = beginning.finish(result.session, account)
  const device = cookies.setDevice(parts.devices.issue(account.id))
  return answerIssued(parts, issued, 200, [device, cookie.clear()])
}

/** A link that is not the flow's may be another browser's; a code that is wrong may be typed again while tries are left. */
function refused(parts: FlowParts, call: FlowCall, byLink: boolean, triesLeft: number): Reply {
  if (byLink) return answerRefusal(parts, call, refuse(ELSEWHERE, "the link is not of this browser's flow"))
  return answerRefusal(
    parts,
    call,
    triesLeft > 0
      ? refuse(CODE_WRONG, `${triesLeft} tries are left`)
      : refuse(LINK_ENDED, "the flow has ended"),
  )
}

async function deny(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const body = await readBody(call, Deny, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const whence = readWhence(call.view)
  await parts.store.denyMailFlow({
    tokenHash: sha256(body.value.token),
    events: ({ accountId }) => [
      { type: "email_link.denied", ...(accountId === null ? {} : { accountId }), ...whence },
    ],
  })
  return emptyReply(204)
}
