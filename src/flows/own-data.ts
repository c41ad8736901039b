/** What a person may see of and do to the own account as a whole: what happened, all data, deletion with a waiting time. */
import * as z from "zod"
import { describeEvent } from "../checklist/event/index.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { emptyReply, jsonReply, type Reply } from "../core/request.ts"
import { refuse } from "../core/verdict.ts"
import type { Account } from "../store/store.ts"
import { ACCOUNT_GONE, answerRefusal, refuseDestination, refuseStale } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import { readLanguage } from "./language.ts"
import type { FlowParts } from "./parts.ts"

const RECENT_EVENTS = 30
const EXPORTED_EVENTS = 10_000
const PAGE = 500

const Nothing = z.strictObject({})

export function ownDataRoutes(parts: FlowParts): readonly FlowRoute[] {
  const path = `${parts.basePath}/account`
  const route = (
    name: string,
    method: "GET" | "POST",
    last: string,
    summary: string,
    run: (parts: FlowParts, call: FlowCall, account: Account) => Promise<Reply>,
  ): FlowRoute => ({
    name,
    method,
    path: `${path}/${last}`,
    access: "user",
    perAddress: "60/minute",
    ...(method === "POST" ? { consumes: "application/json" as const } : {}),
    summary,
    run: (call) => withAccount(parts, call, run),
  })
  return [
    route("account-events", "GET", "events", "What happened lately, newest first.", listEvents),
    route(
      "account-export",
      "GET",
      "export",
      "Everything that is kept about the account, as JSON.",
      exportAll,
    ),
    route("account-delete", "POST", "delete", "Asks for deletion: {}. 202 {deletionAt}.", askDeletion),
    route("account-keep", "POST", "keep", "Takes the deletion back: {}. 204.", takeBack),
  ]
}

async function withAccount(
  parts: FlowParts,
  call: FlowCall,
  run: (parts: FlowParts, call: FlowCall, account: Account) => Promise<Reply>,
): Promise<Reply> {
  const refused = refuseDestination(call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const account = await parts.store.findAccount(call.session?.userId ?? "")
  return account === undefined
    ? answerRefusal(parts, call, refuse(ACCOUNT_GONE, "the account is gone"))
    : run(parts, call, account)
}

async function listEvents(parts: FlowParts, _call: FlowCall, account: Account): Promise<Reply> {
  const events = await parts.store.listEvents({ accountId: account.id, limit: RECENT_EVENTS })
  const told = events.map((event) => ({
    at: new Date(event.at).toISOString(),
    type: event.type,
    count: event.count,
    client: event.client ?? "",
    addressPrefix: event.addressPrefix ?? "",
    text: describeEvent(event),
  }))
  return jsonReply(200, { events: told })
}

async function exportAll(parts: FlowParts, call: FlowCall, account: Account): Promise<Reply> {
  const { store } = parts
  const accountId = account.id
  const [identities, sessions] = await Promise.all([
    store.listIdentities(accountId),
    store.listSessions(accountId),
  ])
  const events = []
  for (let before: number | undefined; events.length < EXPORTED_EVENTS; ) {
    const page = await store.listEvents({
      accountId,
      limit: PAGE,
      ...(before === undefined ? {} : { before }),
    })
    events.push(...page)
    before = page.at(-1)?.id
    if (page.length < PAGE) break
  }
  await store.recordEvents([{ type: "account.exported", accountId, ...readWhence(call.view) }])
  const { passwordHash, failures, epoch, ...told } = account
  const data = {
    account: { ...told, hasPassword: passwordHash !== null },
    identities: identities.map(({ accountId: _, ...identity }) => identity),
    sessions: sessions.map(({ accountId: _, ...session }) => session),
    events: events.map(({ accountId: _, ...event }) => ({ ...event, text: describeEvent(event) })),
    timesAre: "milliseconds since 1970, UTC",
  }
  return {
    status: 200,
    headers: [
      ["content-type", "application/json"],
      ["cache-control", "no-store"],
      ["content-disposition", 'attachment; filename="account.json"'],
    ],
    body: `${JSON.stringify(data, undefined, 2)}\n`,
  }
}

async function askDeletion(parts: FlowParts, call: FlowCall, account: Account): Promise<Reply> {
  const body = await readBody(call, Nothing, parts.policy.bodyBytes)
  const refused = "kind" in body ? body : refuseStale(parts, call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const { id: accountId, email } = account
  const result = await parts.store.scheduleDeletion({
    accountId,
    delayMs: parts.policy.deletionDelayMs,
    events: [{ type: "account.deletion_asked", accountId, ...readWhence(call.view) }],
    mail: { purpose: "deletion-asked", email, accountId, decoy: false, language: readLanguage(call.view) },
  })
  if (result.kind === "unknown")
    return answerRefusal(parts, call, refuse(ACCOUNT_GONE, "the account is gone"))
  parts.mail.wake()
  return jsonReply(202, { deletionAt: new Date(result.account.deletionAt ?? 0).toISOString() })
}

async function takeBack(parts: FlowParts, call: FlowCall, account: Account): Promise<Reply> {
  const body = await readBody(call, Nothing, parts.policy.bodyBytes)
  if ("kind" in body) return answerRefusal(parts, call, body)
  const accountId = account.id
  if (account.deletionAt !== null) {
    await parts.store.scheduleDeletion({
      accountId,
      delayMs: null,
      events: [{ type: "account.deletion_cancelled", accountId, ...readWhence(call.view) }],
    })
  }
  return emptyReply(204)
}
