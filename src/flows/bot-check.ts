/**
 * The bot check as a property of a route: whatever has `botCheck` in the route table is asked for here, before it runs, and
 * nowhere else. An answer is redeemed in the store, so it is good once on all instances, and for the route that asked.
 * Known and unknown addresses take the same steps: what is counted is the address that was typed.
 */
import * as z from "zod"
import type { BotChecks, Challenge, Device, Need, Risk } from "../checklist/bot-check/index.ts"
import { HEADER } from "../checklist/bot-check/index.ts"
import type { KnownDevices } from "../checklist/session/index.ts"
import type { BodyReader, BotCheckRule, FlowCall, FlowRoute } from "../core/flow.ts"
import type { Logger } from "../core/logger.ts"
import type { Reply } from "../core/request.ts"
import type { Refusal } from "../core/verdict.ts"
import type { Store } from "../store/store.ts"
import { answerRefusal } from "./answer.ts"
import { readBody } from "./body.ts"
import * as fields from "./fields.ts"

export interface BotGate {
  /** The route with its check before it, if it has one. */
  guard(route: FlowRoute): FlowRoute
  /** A challenge for whoever looks at the sign-in page and is going to be asked for one; undefined when that is not so. */
  offerSignIn(address: string): Promise<Challenge | undefined>
}

interface GateParts {
  readonly checks: BotChecks
  readonly risk: Risk
  readonly store: Pick<Store, "findAccountByEmail" | "redeemState">
  readonly devices: KnownDevices
  readonly bodyBytes: number
  readonly logger: Logger
}

/** The failure that is counted; see `login.ts`. */
const FAILED = "login.refused"

export function createBotGate(parts: GateParts): BotGate {
  const { risk, checks } = parts
  return {
    guard(route) {
      const rule = route.botCheck
      if (rule === undefined) return route
      const schema = z.looseObject({ [rule.email]: fields.email })
      return { ...route, run: (call) => run(parts, route, rule, schema, call) }
    },
    async offerSignIn(address) {
      return (await risk.lookAtSignIn({ address })) === "due" ? checks.ask("login") : undefined
    },
  }
}

async function run(
  parts: GateParts,
  route: FlowRoute,
  rule: BotCheckRule,
  schema: z.ZodType<Record<string, unknown>>,
  given: FlowCall,
): Promise<Reply> {
  const call = { ...given, body: once(given.body) }
  const read = await readBody(call, schema, parts.bodyBytes)
  // The route itself refuses it, and nothing was asked for in vain.
  if ("kind" in read) return route.run(call)
  const account = String(read.value[rule.email])
  const need = await needOf(parts, rule, call, account)
  if (typeof need === "object") return answerRefusal(parts, call, need)
  if (need === "due") {
    const refused = await redeem(parts, route, call)
    if (refused !== undefined) {
      const members = refused.refusal.status === 403 ? { botCheck: parts.checks.ask(route.name) } : {}
      return answerRefusal(parts, call, { ...refused, members })
    }
  }
  const reply = await route.run(call)
  return rule.before === "sign-in"
    ? noteFailure(parts, route, call, { account, free: need === "free" }, reply)
    : reply
}

/** Strangers' budgets first; a browser that is known at the account has one of its own when those are used up. */
async function needOf(parts: GateParts, rule: BotCheckRule, call: FlowCall, account: string): Promise<Need> {
  const { risk } = parts
  const { clientAddress: address } = call.view
  const mail = rule.before === "mail"
  const need = await (mail ? risk.mail(address) : risk.lookAtSignIn({ account, address }))
  if (need !== "due") return need
  const device = await knownDevice(parts, call, account)
  if (device === undefined) return need
  return mail ? risk.mailFrom(device) : risk.lookAtSignInFrom(device)
}

/** The look at the account is the same whether there is one or not. */
async function knownDevice(parts: GateParts, call: FlowCall, account: string): Promise<Device | undefined> {
  const { device } = call.view.credentials
  if (device === undefined) return undefined
  const found = await parts.store.findAccountByEmail(account)
  return parts.devices.knows(device, found?.id) ? { device, account } : undefined
}

async function redeem(parts: GateParts, route: FlowRoute, call: FlowCall): Promise<Refusal | undefined> {
  const { checks, risk, store } = parts
  const answers = call.view.headerValues(HEADER)
  const limited = answers.length === 0 ? undefined : await risk.answer(call.view.clientAddress)
  if (limited?.kind === "refusal") return limited
  const judged = await checks.judge(route.name, answers)
  if (judged.kind === "refusal") return judged
  const { fresh } = await store.redeemState({ hash: judged.hash, lifetimeMs: judged.lifetimeMs })
  if (!fresh) return checks.used
  checks.notePassed()
  return undefined
}

/** Counts a failure, and when the next try will be asked for, its challenge goes out at once: it is solved while one types. */
async function noteFailure(
  parts: GateParts,
  route: FlowRoute,
  call: FlowCall,
  { account, free }: { readonly account: string; readonly free: boolean },
  reply: Reply,
): Promise<Reply> {
  if (reply.status !== 401 || reply.body === null) return reply
  const problem = JSON.parse(reply.body) as { readonly code?: unknown }
  if (problem.code !== FAILED) return reply
  const { risk } = parts
  const { clientAddress: address } = call.view
  const device = await knownDevice(parts, call, account)
  await (device === undefined
    ? risk.noteFailure({ account, address }, free)
    : risk.noteFailureFrom(device, free))
  const strangers = await risk.lookAtSignIn({ account, address })
  const need = strangers === "due" && device !== undefined ? await risk.lookAtSignInFrom(device) : strangers
  if (need !== "due") return reply
  return { ...reply, body: JSON.stringify({ ...problem, botCheck: parts.checks.ask(route.name) }) }
}

/** The check and the route read the same body. */
function once(read: BodyReader): BodyReader {
  let first: ReturnType<BodyReader> | undefined
  return (limitBytes) => {
    first ??= read(limitBytes)
    return first
  }
}
