/**
 * Attack: a stolen session that changes the password, a reset that tells who has an account or signs in by itself, tokens
 * that outlive the change. Promise: changing asks for the current password; both end every session and every outstanding
 * token in the same transaction and tell the person; forgetting answers everybody alike.
 * Source: ASVS 6.2.3, 6.4.3, 7.4.3, 6.3.7; CVE-2026-18963.
 */
import * as z from "zod"
import { sha256 } from "../core/bytes.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { emptyReply, jsonReply, type Reply } from "../core/request.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import { answerIssued, answerRefusal, callHook } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import * as fields from "./fields.ts"
import { readLanguage } from "./language.ts"
import { CLOSES_AT } from "./login.ts"
import type { FlowParts } from "./parts.ts"
import { LINK_ENDED } from "./register.ts"

const WRONG: RefusalKind = { status: 403, code: "password.wrong", title: "The current password is wrong." }

const Change = z.strictObject({ currentPassword: fields.password, newPassword: fields.password })
const Forgot = z.strictObject({ email: fields.email })
const Reset = z.strictObject({ token: fields.oneTimeToken, password: fields.password })

export function passwordRoutes(parts: FlowParts): readonly FlowRoute[] {
  const path = `${parts.basePath}/password`
  const common = { method: "POST", perAddress: "10/minute", consumes: "application/json" } as const
  return [
    {
      ...common,
      name: "password-change",
      path: `${path}/change`,
      access: "user",
      summary: "Changes the password: {currentPassword, newPassword}. 200, a new session; all others end.",
      run: (call) => change(parts, call),
    },
    {
      ...common,
      name: "password-forgot",
      path: `${path}/forgot`,
      access: "public",
      botCheck: { before: "mail", email: "email" },
      summary: "Asks for a link by mail: {email}. Always 202.",
      run: (call) => forgot(parts, call),
    },
    {
      ...common,
      name: "password-reset",
      path: `${path}/reset`,
      access: "public",
      summary: "Chooses a new password: {token, password}. 204; sign in with it.",
      run: (call) => reset(parts, call),
    },
  ]
}

async function change(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, passwords, sessions } = parts
  const body = await readBody(call, Change, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const { currentPassword, newPassword } = body.value
  const { userId = "", sessionId = "" } = call.session ?? {}
  const [account, present] = await Promise.all([store.findAccount(userId), store.findSession(sessionId)])
  if (account?.passwordHash == null || present === undefined) {
    return answerRefusal(parts, call, refuse(WRONG, "the account has no password"))
  }
  const { device } = call.view.credentials
  const limited = await parts.signInLimits.take({
    account: account.email,
    address: call.view.clientAddress,
    device: parts.devices.knows(device, account.id) ? device : undefined,
  })
  if (limited.kind === "refusal") return answerRefusal(parts, call, limited)
  const whence = readWhence(call.view)
  const fairness = { network: whence.addressPrefix, account: account.email }
  const verified = await passwords.verify(account.passwordHash, currentPassword, fairness)
  if (verified.kind !== "verified") return answerRefusal(parts, call, verified)
  const told = { accountId: account.id, ...whence }
  if (!verified.ok) {
    const event = { type: "login.failed", ...told } as const
    const closedEvent = { type: "login.closed", ...told } as const
    await store.countFailure({ accountId: account.id, event, closesAt: CLOSES_AT, closedEvent })
    return answerRefusal(parts, call, refuse(WRONG, "the current password is wrong"))
  }
  const weak = passwords.check(newPassword, [account.email])
  if (weak !== undefined) return answerRefusal(parts, call, weak)
  const hashed = await passwords.hash(newPassword, fairness)
  if (hashed.kind !== "hashed") return answerRefusal(parts, call, hashed)
  const { transport, persistent } = present
  const beginning = sessions.begin({ transport, persistent, methods: ["pwd"], ...whence })
  const result = await store.changePassword({
    accountId: account.id,
    verifiedHash: account.passwordHash,
    passwordHash: hashed.hash,
    session: beginning.row,
    events: [
      { type: "password.changed", ...told },
      { type: "session.started", sessionId: beginning.row.id, ...told },
    ],
    mail: notice(call, "password-changed", account),
  })
  if (result.kind === "refused")
    return answerRefusal(parts, call, refuse(WRONG, "the password changed meanwhile"))
  for (const ended of result.revoked) sessions.revocations.note(ended)
  parts.mail.wake()
  const issued = beginning.finish(result.session, result.account)
  callHook(parts, "accountChanged", { userId: account.id, email: account.email })
  return answerIssued(parts, issued, 200)
}

async function forgot(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, mail } = parts
  const body = await readBody(call, Forgot, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const { email } = body.value
  const account = await store.findAccountByEmail(email)
  const usable = account !== undefined && account.verifiedAt !== null && account.disabledAt === null
  await store.enqueueMail({
    purpose: "reset",
    email,
    accountId: usable ? account.id : null,
    decoy: !usable,
    language: readLanguage(call.view),
    limits: mail.limits,
    limitedEvent: { type: "mail.limited", addressPrefix: readWhence(call.view).addressPrefix },
  })
  mail.wake()
  return jsonReply(202, { sent: true })
}

async function reset(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, passwords, sessions } = parts
  const body = await readBody(call, Reset, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const { token, password } = body.value
  const key = { hash: sha256(token), purpose: "reset" } as const
  const found = await store.findToken(key)
  if (found === undefined) return answerRefusal(parts, call, refuse(LINK_ENDED, "no such token"))
  const weak = passwords.check(password, [found.email])
  if (weak !== undefined) return answerRefusal(parts, call, weak)
  const whence = readWhence(call.view)
  const hashed = await passwords.hash(password, { network: whence.addressPrefix, account: found.email })
  if (hashed.kind !== "hashed") return answerRefusal(parts, call, hashed)
  const result = await store.resetPassword({
    token: key,
    passwordHash: hashed.hash,
    events: (accountId) => [{ type: "password.reset", accountId, ...whence }],
    mail: (account) => notice(call, "password-reset", account),
  })
  if (result.kind === "refused") return answerRefusal(parts, call, refuse(LINK_ENDED, "redeemed meanwhile"))
  for (const ended of result.revoked) sessions.revocations.note(ended)
  parts.mail.wake()
  callHook(parts, "accountChanged", { userId: result.account.id, email: result.account.email })
  return emptyReply(204)
}

function notice(
  call: FlowCall,
  purpose: "password-changed" | "password-reset",
  account: { readonly id: string; readonly email: string },
) {
  return {
    purpose,
    email: account.email,
    accountId: account.id,
    decoy: false,
    language: readLanguage(call.view),
  } as const
}
