/**
 * Attack: a password planted for somebody else's address; a list of who has an account.
 * Promise: only whoever opens the mailbox chooses the password, and the answer is the same for every address.
 * Source: ASVS 6.3.8; CVE-2026-53516.
 */
import { randomBytes } from "node:crypto"
import * as z from "zod"
import { sha256, toBase64url } from "../core/bytes.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { jsonReply, type Reply } from "../core/request.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import type { Account, NewMail } from "../store/store.ts"
import { answerIssued, answerRefusal, callHook, checkTransport, presentSessionId } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import * as fields from "./fields.ts"
import { readLanguage } from "./language.ts"
import type { FlowParts } from "./parts.ts"

const CLOSED: RefusalKind = { status: 403, code: "registration.closed", title: "Nobody can register here." }
export const LINK_ENDED: RefusalKind = {
  status: 400,
  code: "link.ended",
  title: "This link does not work any more. Ask for a new one.",
}

const Register = z.strictObject({ email: fields.email })
const Complete = z.strictObject({
  token: fields.oneTimeToken,
  password: fields.password,
  remember: fields.remember,
  transport: fields.transport,
})

export function registerRoutes(parts: FlowParts): readonly FlowRoute[] {
  const { basePath } = parts
  return [
    {
      name: "register",
      method: "POST",
      path: `${basePath}/register`,
      access: "public",
      perAddress: "10/minute",
      ...(parts.policy.registration === "closed"
        ? {}
        : { botCheck: { before: "mail", email: "email" } as const }),
      consumes: "application/json",
      summary: "Asks for an account: {email}. Always 202; the rest happens by mail.",
      run: (call) => register(parts, call),
    },
    {
      name: "register-complete",
      method: "POST",
      path: `${basePath}/register/complete`,
      access: "public",
      perAddress: "10/minute",
      consumes: "application/json",
      summary: "Chooses the password: {token, password}. 201, signed in.",
      run: (call) => complete(parts, call),
    },
  ]
}

async function register(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, mail, policy } = parts
  if (policy.registration === "closed")
    return answerRefusal(parts, call, refuse(CLOSED, "registration is closed"))
  const body = await readBody(call, Register, policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const { email } = body.value
  const account = await store.findAccountByEmail(email)
  const limitedEvent = { type: "mail.limited", addressPrefix: readWhence(call.view).addressPrefix } as const
  await store.enqueueMail({ ...mailFor(parts, call, email, account), limits: mail.limits, limitedEvent })
  mail.wake()
  return jsonReply(202, { sent: true })
}

/** Every case puts one row into the outbox; what must not be sent is a decoy. */
function mailFor(parts: FlowParts, call: FlowCall, email: string, account: Account | undefined): NewMail {
  const language = readLanguage(call.view)
  if (account === undefined) {
    return {
      purpose: "register",
      email,
      accountId: null,
      decoy: parts.policy.registration !== "open",
      language,
    }
  }
  const decoy = account.disabledAt !== null
  const purpose = account.verifiedAt === null ? "register" : "already-registered"
  return { purpose, email, accountId: account.id, decoy, language }
}

async function complete(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, passwords, sessions } = parts
  const body = await readBody(call, Complete, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const { token, password, remember, transport = "cookie" } = body.value
  const refused = checkTransport(parts, call, transport)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const key = { hash: sha256(token), purpose: "register" } as const
  // Looked at before it is redeemed: a password that is not accepted does not cost the link, and nobody hashes without one.
  const found = await store.findToken(key)
  if (found === undefined) return answerRefusal(parts, call, refuse(LINK_ENDED, "no such token"))
  const weak = passwords.check(password, [found.email])
  if (weak !== undefined) return answerRefusal(parts, call, weak)
  const whence = readWhence(call.view)
  const hashed = await passwords.hash(password, { network: whence.addressPrefix, account: found.email })
  if (hashed.kind !== "hashed") return answerRefusal(parts, call, hashed)
  const beginning = sessions.begin({ transport, persistent: remember ?? true, methods: ["pwd"], ...whence })
  const replaces = transport === "cookie" ? presentSessionId(parts, call) : undefined
  const result = await store.completeRegistration({
    token: key,
    newAccountId: toBase64url(randomBytes(16)),
    passwordHash: hashed.hash,
    session: beginning.row,
    ...(replaces === undefined ? {} : { replaces }),
    events: (accountId) => [
      { type: "account.created", accountId, ...whence },
      { type: "session.started", accountId, sessionId: beginning.row.id, ...whence },
    ],
  })
  if (result.kind === "refused") return answerRefusal(parts, call, refuse(LINK_ENDED, "redeemed meanwhile"))
  if (replaces !== undefined) sessions.revocations.note(replaces)
  const issued = beginning.finish(result.session, result.account)
  callHook(parts, "accountCreated", { userId: result.account.id, email: result.account.email })
  const device =
    transport === "cookie" ? [parts.cookies.setDevice(parts.devices.issue(result.account.id))] : []
  return answerIssued(parts, issued, 201, device)
}
