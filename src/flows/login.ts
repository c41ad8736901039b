/**
 * Attack: guessing passwords, finding out who has an account, fixing a session, locking people out.
 * Promise: the same answer, the same steps in the same order for a wrong password, an unknown address, a disabled and a
 * closed account; a new session each time, and the one that came with the request ends.
 * Source: ASVS 6.3.1, 6.3.8, 7.2.4; NIST SP 800-63B-4, 3.2.2.
 */
import * as z from "zod"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import type { Account } from "../store/store.ts"
import { answerIssued, answerRefusal, checkTransport, presentSessionId } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import * as fields from "./fields.ts"
import type { FlowParts } from "./parts.ts"

const REFUSED: RefusalKind = { status: 401, code: "login.refused", title: "Address or password is wrong." }

/** Failures in a row that close the password for browsers that never signed in to the account (NIST: at most 100). */
export const CLOSES_AT = 100

const Login = z.strictObject({
  email: fields.email,
  password: fields.password,
  remember: fields.remember,
  transport: fields.transport,
})

export function loginRoute(parts: FlowParts): FlowRoute {
  return {
    name: "login",
    method: "POST",
    path: `${parts.basePath}/login`,
    access: "public",
    botCheck: { before: "sign-in", email: "email" },
    consumes: "application/json",
    summary: "Signs in: {email, password}. 200 {userId} and two cookies.",
    run: (call) => login(parts, call),
  }
}

async function login(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, passwords, devices } = parts
  const body = await readBody(call, Login, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const { email, password, transport = "cookie" } = body.value
  const wrongTransport = checkTransport(parts, call, transport)
  if (wrongTransport !== undefined) return answerRefusal(parts, call, wrongTransport)

  const account = await store.findAccountByEmail(email)
  const { device } = call.view.credentials
  const known = devices.knows(device, account?.id)
  const limited = await parts.signInLimits.take({
    account: email,
    address: call.view.clientAddress,
    device: known ? device : undefined,
  })
  if (limited.kind === "refusal") return answerRefusal(parts, call, limited)

  const fairness = { network: readWhence(call.view).addressPrefix, account: email }
  const verified = await passwords.verify(account?.passwordHash, password, fairness)
  if (verified.kind !== "verified") return answerRefusal(parts, call, verified)
  const closed = account !== undefined && account.failures >= CLOSES_AT && !known
  if (!verified.ok || account?.passwordHash == null || account.disabledAt !== null || closed) {
    return fail(parts, call, account)
  }
  return succeed(parts, call, {
    ...body.value,
    account,
    verifiedHash: account.passwordHash,
    rehash: verified.rehash,
  })
}

async function fail(parts: FlowParts, call: FlowCall, account: Account | undefined): Promise<Reply> {
  const { addressPrefix } = readWhence(call.view)
  const whose = account === undefined ? {} : { accountId: account.id }
  await parts.store.countFailure({
    accountId: account?.id,
    event: { type: "login.failed", addressPrefix, ...whose },
    closesAt: CLOSES_AT,
    closedEvent: { type: "login.closed", addressPrefix, ...whose },
  })
  return answerRefusal(parts, call, refuse(REFUSED, "unknown, wrong, disabled or closed"))
}

async function succeed(
  parts: FlowParts,
  call: FlowCall,
  signIn: {
    readonly account: Account
    readonly verifiedHash: string
    readonly rehash: boolean
    readonly password: string
    readonly remember?: boolean | undefined
    readonly transport?: "cookie" | "bearer" | undefined
  },
): Promise<Reply> {
  const { store, sessions, devices, passwords } = parts
  const { account, transport = "cookie" } = signIn
  const whence = readWhence(call.view)
  const stronger = signIn.rehash
    ? await passwords.hash(signIn.password, { network: whence.addressPrefix, account: account.email })
    : undefined
  // A queue that is full now rehashes at the next sign-in.
  const rehashed = stronger?.kind === "hashed" ? { rehashed: stronger.hash } : {}
  const beginning = sessions.begin({
    transport,
    persistent: signIn.remember ?? true,
    methods: ["pwd"],
    ...whence,
  })
  const replaces = transport === "cookie" ? presentSessionId(parts, call) : undefined
  const told = { accountId: account.id, ...whence }
  const result = await store.startSession({
    accountId: account.id,
    verifiedHash: signIn.verifiedHash,
    ...rehashed,
    session: beginning.row,
    ...(replaces === undefined ? {} : { replaces }),
    events: [
      { type: "session.started", sessionId: beginning.row.id, ...told },
      ...("rehashed" in rehashed ? [{ type: "password.rehashed", ...told } as const] : []),
    ],
  })
  if (result.kind === "refused") {
    return answerRefusal(parts, call, refuse(REFUSED, "the account changed while the password was verified"))
  }
  if (replaces !== undefined) sessions.revocations.note(replaces)
  const issued = beginning.finish(result.session, result.account)
  const device = transport === "cookie" ? [parts.cookies.setDevice(devices.issue(account.id))] : []
  return answerIssued(parts, issued, 200, device)
}
