/**
 * Attack: a borrowed session that moves the account to the thief's mailbox, or a person who moves it to one that is not
 * theirs. Promise: a recent sign-in, a code from the old address and a code from the new one, three tries; both are told.
 * Source: ASVS 6.4.4, 7.5.1, 6.3.7.
 */
import * as z from "zod"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { jsonReply, type Reply } from "../core/request.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import type { NewMail, NewMailFlow } from "../store/store.ts"
import { answerRefusal, callHook, refuseStale } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import * as fields from "./fields.ts"
import { readLanguage } from "./language.ts"
import type { FlowParts } from "./parts.ts"

const SAME: RefusalKind = { status: 422, code: "email.same", title: "This is your address already." }
const CODES_WRONG: RefusalKind = {
  status: 400,
  code: "email.codes_wrong",
  title: "One of the codes is wrong, or they have ended. Look at both mails, or ask again.",
}

const Ask = z.strictObject({ newEmail: fields.email })
const Complete = z.strictObject({ oldCode: fields.typedCode, newCode: fields.typedCode })

export function emailChangeRoutes(parts: FlowParts): readonly FlowRoute[] {
  const path = `${parts.basePath}/account/email`
  const common = {
    method: "POST",
    access: "user",
    perAddress: "10/minute",
    consumes: "application/json",
  } as const
  return [
    {
      ...common,
      name: "email-change",
      path,
      botCheck: { before: "mail", email: "newEmail" },
      summary: "Asks for another address: {newEmail}. A code goes to the old one and to the new one. 202.",
      run: (call) => ask(parts, call),
    },
    {
      ...common,
      name: "email-change-complete",
      path: `${path}/complete`,
      summary: "Changes the address: {oldCode, newCode}. 200; all other sessions end.",
      run: (call) => complete(parts, call),
    },
  ]
}

async function ask(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, emailLinks } = parts
  const body = await readBody(call, Ask, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const stale = refuseStale(parts, call)
  if (stale !== undefined) return answerRefusal(parts, call, stale)
  const account = await store.findAccount(call.session?.userId ?? "")
  const { newEmail } = body.value
  if (account === undefined || account.email === newEmail)
    return answerRefusal(parts, call, refuse(SAME, "the address is the account's"))
  const holder = await store.findAccountByEmail(newEmail)
  const whence = readWhence(call.view)
  const { id: accountId } = account
  const lifetimeMs = parts.policy.emailLink.lifetimeMs
  const flow = (purpose: "email-change-old" | "email-change-new", email: string): NewMailFlow => {
    const { flowId: id, secretHash } = emailLinks.begin()
    return { id, purpose, email, accountId, secretHash, persistent: false, lifetimeMs, ...whence }
  }
  const old = flow("email-change-old", account.email)
  const changed = flow("email-change-new", newEmail)
  const mail = (about: Pick<NewMail, "purpose" | "email" | "flowId">): NewMail => ({
    accountId,
    decoy: false,
    language: readLanguage(call.view),
    ...about,
  })
  await store.startMailFlow({
    flows: [old, changed],
    mails: [
      mail({ purpose: "email-change-old", email: account.email, flowId: old.id }),
      // Whoever holds the address is told, and not the one who asked.
      holder === undefined
        ? mail({ purpose: "email-change-new", email: newEmail, flowId: changed.id })
        : { ...mail({ purpose: "already-registered", email: newEmail }), accountId: holder.id },
    ],
    limits: parts.mail.limits,
    limitedEvent: { type: "mail.limited", addressPrefix: whence.addressPrefix },
    events: [{ type: "email.change_asked", accountId, ...whence }],
  })
  parts.mail.wake()
  return jsonReply(202, { sent: true })
}

async function complete(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, emailLinks, sessions } = parts
  const body = await readBody(call, Complete, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const stale = refuseStale(parts, call)
  if (stale !== undefined) return answerRefusal(parts, call, stale)
  const { userId: accountId = "", sessionId = "" } = call.session ?? {}
  const under = await store.findEmailChange(accountId)
  const wrong = () => answerRefusal(parts, call, refuse(CODES_WRONG, "no change under way, or a wrong code"))
  if (under === undefined) return wrong()
  const old = emailLinks.proofOfCode(under.old.id, body.value.oldCode)
  const changed = emailLinks.proofOfCode(under.new.id, body.value.newCode)
  if (old === undefined || changed === undefined) return wrong()
  const whence = readWhence(call.view)
  const language = readLanguage(call.view)
  const result = await store.completeEmailChange({
    accountId,
    old: { ...old, flowId: under.old.id },
    new: { ...changed, flowId: under.new.id },
    exceptSession: sessionId,
    events: [{ type: "email.changed", accountId, ...whence }],
    mails: (before, after) =>
      [before, after].map((email) => ({
        purpose: "email-changed",
        email,
        accountId,
        decoy: false,
        language,
      })),
  })
  if (result.kind !== "changed") return wrong()
  for (const ended of result.revoked) sessions.revocations.note(ended)
  parts.mail.wake()
  callHook(parts, "accountChanged", { userId: accountId, email: result.account.email })
  return jsonReply(200, { email: result.account.email })
}
