/** The ways into one's own account: see them, take one away, add the one that waits. */
import { randomBytes } from "node:crypto"
import * as z from "zod"
import { toBase64url } from "../core/bytes.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { emptyReply, jsonReply, type Reply } from "../core/request.ts"
import { type RefusalKind, refuse } from "../core/verdict.ts"
import { ACCOUNT_GONE, answerRefusal, refuseDestination, refuseStale } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import { readLanguage } from "./language.ts"
import { IDENTITY_TAKEN, linkedMail } from "./oauth.ts"
import type { FlowParts } from "./parts.ts"
import { openPending } from "./pending-link.ts"

const UNKNOWN: RefusalKind = {
  status: 404,
  code: "identity.unknown",
  title: "You have no such sign-in method.",
}
const LAST: RefusalKind = {
  status: 409,
  code: "identity.last",
  title: "This is the last way into your account. Add another one first.",
}
const NONE_PENDING: RefusalKind = {
  status: 400,
  code: "identity.none_pending",
  title: "There is nothing to link. Start at the provider again.",
}

const Nothing = z.strictObject({})

export function identityRoutes(parts: FlowParts): readonly FlowRoute[] {
  const path = `${parts.basePath}/account/identities`
  return [
    {
      name: "methods",
      method: "GET",
      path: `${parts.basePath}/methods`,
      access: "public",
      summary: "How people can sign in here.",
      run: () => methods(parts),
    },
    {
      name: "identities",
      method: "GET",
      path,
      access: "user",
      summary: "Providers linked to the account.",
      run: (call) => list(parts, call),
    },
    {
      name: "identities-unlink",
      method: "DELETE",
      path: `${path}/:id`,
      access: "user",
      perAddress: "20/minute",
      summary: "Removes a provider. 204; 409 when it is the last way in.",
      run: (call) => unlink(parts, call),
    },
    {
      name: "identities-link-pending",
      method: "POST",
      path: `${path}/pending`,
      access: "user",
      perAddress: "20/minute",
      consumes: "application/json",
      summary: "Links the provider whose sign-in waits in this browser: {}. 200 {provider}.",
      run: (call) => linkPending(parts, call),
    },
  ]
}

function methods(parts: FlowParts): Reply {
  const providers = parts.providers.map(({ name, title }) => ({ name, title }))
  return jsonReply(200, { password: true, emailLink: parts.policy.emailLink.enabled, providers })
}

async function list(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const refused = refuseDestination(call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const stored = await parts.store.listIdentities(call.session?.userId ?? "")
  const identities = stored.map(({ id, provider, email, createdAt, lastUsedAt }) => ({
    id,
    provider,
    email,
    createdAt: new Date(createdAt).toISOString(),
    lastUsedAt: new Date(lastUsedAt).toISOString(),
  }))
  return jsonReply(200, { identities })
}

async function unlink(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const stale = refuseStale(parts, call)
  if (stale !== undefined) return answerRefusal(parts, call, stale)
  const { store } = parts
  const identityId = call.params.id ?? ""
  const account = await store.findAccount(call.session?.userId ?? "")
  if (account === undefined) return answerRefusal(parts, call, refuse(ACCOUNT_GONE, "the account is gone"))
  const { id: accountId, email } = account
  const identity = (await store.listIdentities(accountId)).find(({ id }) => id === identityId)
  if (identity === undefined)
    return answerRefusal(parts, call, refuse(UNKNOWN, "not an identity of the account"))
  const result = await store.unlinkIdentity({
    accountId,
    identityId,
    mailIsWayIn: parts.policy.emailLink.enabled,
    events: [
      {
        type: "identity.unlinked",
        accountId,
        ...readWhence(call.view),
        detail: { provider: identity.provider },
      },
    ],
    mail: {
      purpose: "identity-unlinked",
      email,
      accountId,
      decoy: false,
      language: readLanguage(call.view),
      about: titleOf(parts, identity.provider),
    },
  })
  if (result.kind !== "unlinked")
    return answerRefusal(
      parts,
      call,
      refuse(result.kind === "last" ? LAST : UNKNOWN, `unlink: ${result.kind}`),
    )
  parts.mail.wake()
  return emptyReply(204)
}

async function linkPending(parts: FlowParts, call: FlowCall): Promise<Reply> {
  const { store, cookies } = parts
  const body = await readBody(call, Nothing, parts.policy.bodyBytes)
  const refused = "kind" in body ? body : refuseStale(parts, call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const cookie = cookies.flow("pending_link")
  const pending = openPending(
    parts.linkKeys.list,
    cookie.read(call.view.headerValues("cookie")),
    parts.clock(),
  )
  const account = await store.findAccount(call.session?.userId ?? "")
  if (pending === undefined || account === undefined)
    return answerRefusal(parts, call, refuse(NONE_PENDING, "no identity waits in this browser"))
  const { identity } = pending
  const { id: accountId } = account
  const result = await store.linkIdentity({
    accountId,
    identity: { ...identity, id: toBase64url(randomBytes(16)), tokens: null },
    events: [
      {
        type: "identity.linked",
        accountId,
        ...readWhence(call.view),
        detail: { provider: identity.provider },
      },
    ],
    mail: linkedMail(call, { title: titleOf(parts, identity.provider) }, account),
  })
  if (result.kind !== "linked")
    return answerRefusal(parts, call, refuse(IDENTITY_TAKEN, "another account's identity"))
  parts.mail.wake()
  return jsonReply(200, { provider: identity.provider }, [cookie.clear()])
}

function titleOf(parts: FlowParts, provider: string): string {
  return parts.providers.find(({ name }) => name === provider)?.title ?? provider
}
