/**
 * Sign-in by a provider as requests: begin, callback, linking. What makes a flow safe is the room's; here the identity that
 * comes out of it becomes a session, an account, a link, or the question for the credential that the account has.
 */
import { randomBytes } from "node:crypto"
import * as z from "zod"
import { decideLink, type Finished, formPostTarget, type ProviderPolicy } from "../checklist/oauth/index.ts"
import { toBase64url } from "../core/bytes.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { type HeaderList, jsonReply, type Reply } from "../core/request.ts"
import { type Refusal, type RefusalKind, refuse } from "../core/verdict.ts"
import type { NewIdentity, NewMail, Started } from "../store/store.ts"
import { answerRefusal, callHook, issuedCookies, presentSessionId, refuseStale } from "./answer.ts"
import { readBody } from "./body.ts"
import { readWhence } from "./client.ts"
import { readLanguage } from "./language.ts"
import { normaliseMailAddress } from "./mail/index.ts"
import type { FlowParts } from "./parts.ts"
import { PENDING_SECONDS, sealPending } from "./pending-link.ts"
import { sealTokens as seal } from "./provider-tokens.ts"

const REPLAYED: RefusalKind = {
  status: 400,
  code: "oauth.state",
  title: "This sign-in was finished already. Start again.",
}
/** The identity signs in to another account already. */
export const IDENTITY_TAKEN: RefusalKind = {
  status: 409,
  code: "identity.taken",
  title: "This sign-in belongs to another account.",
}
const NO_ACCOUNT: RefusalKind = {
  status: 403,
  code: "oauth.no_account",
  title: "Nobody can sign in this way without an account that allows it.",
}
const SESSION_GONE: RefusalKind = {
  status: 403,
  code: "oauth.session_gone",
  title: "You were signed out meanwhile. Sign in and start again.",
}
const NOT_A_FORM: RefusalKind = {
  status: 400,
  code: "oauth.response",
  title: "The provider's answer cannot be used.",
}

const Link = z.strictObject({ returnTo: z.string().max(2048).optional() })

const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(?:;|$)/i
const FORM_BYTES = 16_384

export function oauthRoutes(parts: FlowParts): readonly FlowRoute[] {
  return parts.providers.flatMap((provider) => routesOf(parts, provider))
}

function routesOf(parts: FlowParts, provider: ProviderPolicy): readonly FlowRoute[] {
  const { name, title, formPost } = provider
  const path = `${parts.basePath}/oauth/${name}`
  const common = { access: "public", perAddress: "30/minute" } as const
  // People stand before these: a limit, or a provider that does not answer, is told by a page too.
  const refused: FlowRoute["refused"] = (view, refusal) => parts.pages.problem({ view }, refusal)
  return [
    {
      ...common,
      refused,
      name: `oauth-${name}`,
      method: "GET",
      path,
      summary: `Sends the browser to ${title}: ?return=/path. 303.`,
      run: (call) => begin(parts, call, name),
    },
    {
      ...common,
      refused,
      name: `oauth-${name}-callback`,
      method: "GET",
      path: `${path}/callback`,
      summary: `Where ${title} sends the browser back to.`,
      run: (call) => callback(parts, call, provider),
    },
    {
      ...common,
      access: "user",
      name: `oauth-${name}-link`,
      method: "POST",
      path: `${path}/link`,
      consumes: "application/json",
      summary: `Begins to link ${title} to the account: {returnTo?}. 200 {location}.`,
      run: (call) => beginLink(parts, call, name),
    },
    ...(formPost === undefined
      ? []
      : [
          {
            ...common,
            name: `oauth-${name}-form-post`,
            method: "POST",
            path: formPost.path,
            foreignOrigin: formPost.foreignOrigin,
            summary: `Where ${title} makes the browser post its answer to; 303 to the callback.`,
            run: (call: FlowCall) => takeFormPost(parts, call, provider),
          } as const,
        ]),
  ]
}

async function begin(parts: FlowParts, call: FlowCall, provider: string): Promise<Reply> {
  const returnTo = parts.pages.returnTo(new URLSearchParams(call.view.query).get("return"))
  const begun = await parts.oauth.begin(provider, { purpose: "sign-in", returnTo })
  if (begun.kind === "refusal") return parts.pages.problem(call, begun)
  const { tag, value, maxAgeSeconds } = begun.cookie
  const cookie = parts.cookies.flow(`oauth_${tag}`).set(value, maxAgeSeconds)
  return {
    status: 303,
    headers: [["location", begun.location], ["cache-control", "no-store"], cookie],
    body: null,
  }
}

/** By POST, bound to the session that asks and to a recent sign-in. The page or script goes to `location` itself. */
async function beginLink(parts: FlowParts, call: FlowCall, provider: string): Promise<Reply> {
  const body = await readBody(call, Link, parts.policy.bodyBytes)
  const refused = "kind" in body ? body : refuseStale(parts, call)
  if (refused !== undefined) return answerRefusal(parts, call, refused)
  const { userId: accountId = "", sessionId = "" } = call.session ?? {}
  const returnTo = parts.pages.returnTo("value" in body ? (body.value.returnTo ?? null) : null)
  const begun = await parts.oauth.begin(provider, { purpose: "link", returnTo, accountId, sessionId })
  if (begun.kind === "refusal") return answerRefusal(parts, call, begun)
  const { tag, value, maxAgeSeconds } = begun.cookie
  return jsonReply(200, { location: begun.location }, [
    parts.cookies.flow(`oauth_${tag}`).set(value, maxAgeSeconds),
  ])
}

/** Judges and keeps nothing: the answer goes on to the callback, whose GET carries the flow's Lax cookie. */
async function takeFormPost(parts: FlowParts, call: FlowCall, provider: ProviderPolicy): Promise<Reply> {
  const isForm = FORM_TYPE.test(call.view.header("content-type") ?? "")
  const read = isForm ? await call.body(FORM_BYTES) : undefined
  const target =
    read?.kind === "bytes"
      ? formPostTarget(provider, new URLSearchParams(Buffer.from(read.bytes).toString("utf8")))
      : undefined
  if (target === undefined)
    return parts.pages.problem(call, refuse(NOT_A_FORM, "a form_post without an answer"))
  return {
    status: 303,
    headers: [
      ["location", target],
      ["cache-control", "no-store"],
    ],
    body: null,
  }
}

async function callback(parts: FlowParts, call: FlowCall, provider: ProviderPolicy): Promise<Reply> {
  const query = new URLSearchParams(call.view.query)
  const tag = parts.oauth.tagOf(query)
  const cookie = tag === undefined ? undefined : parts.cookies.flow(`oauth_${tag}`)
  const sealed = cookie?.read(call.view.headerValues("cookie"))
  const finished = await parts.oauth.finish(provider.name, query, sealed)
  // A foreign answer ends nobody's flow: the cookie goes when its own flow has come to an end.
  const over: HeaderList = cookie === undefined || sealed === undefined ? [] : [cookie.clear()]
  if (finished.kind === "refusal") return refusedCallback(parts, call, finished, [])
  const lifetimeMs = Math.max(0, finished.expiresAt - parts.clock())
  const { fresh } = await parts.store.redeemState({ hash: finished.stateHash, lifetimeMs })
  if (!fresh) return refusedCallback(parts, call, refuse(REPLAYED, "the state was redeemed before"), over)
  return finished.intent.purpose === "link"
    ? link(parts, call, { provider, finished, over })
    : signIn(parts, call, { provider, finished, over })
}

interface Arrival {
  readonly provider: ProviderPolicy
  readonly finished: Finished
  /** Takes the flow's cookie away. */
  readonly over: HeaderList
}

async function refusedCallback(
  parts: FlowParts,
  call: FlowCall,
  refusal: Refusal,
  headers: HeaderList,
): Promise<Reply> {
  const { addressPrefix } = readWhence(call.view)
  await parts.store.countEvent({
    type: "oauth.refused",
    addressPrefix,
    detail: { code: refusal.refusal.code },
  })
  return parts.pages.problem(call, { ...refusal, headers: [...refusal.headers, ...headers] })
}

/** The session that began it must live: its cookies are Strict, so it is looked up by the sealed id. */
async function link(parts: FlowParts, call: FlowCall, arrival: Arrival): Promise<Reply> {
  const { finished, over, provider } = arrival
  const { accountId = "", sessionId = "", returnTo } = finished.intent
  const session = await parts.store.findSession(sessionId)
  const lives =
    session !== undefined &&
    session.revokedAt === null &&
    session.accountId === accountId &&
    parts.clock() < Math.min(session.idleEnd, session.absoluteEnd)
  const account = lives ? await parts.store.findAccount(accountId) : undefined
  if (account === undefined || account.disabledAt !== null)
    return refusedCallback(
      parts,
      call,
      refuse(SESSION_GONE, "the session that began the link has ended"),
      over,
    )
  const linked = await parts.store.linkIdentity({
    accountId,
    identity: newIdentity(parts, finished),
    events: [
      { type: "identity.linked", accountId, ...readWhence(call.view), detail: { provider: provider.name } },
    ],
    mail: linkedMail(call, provider, account),
  })
  if (linked.kind !== "linked")
    return refusedCallback(parts, call, refuse(IDENTITY_TAKEN, "the identity is another account's"), over)
  parts.mail.wake()
  return parts.pages.bounce(call, returnTo, over)
}

async function signIn(parts: FlowParts, call: FlowCall, arrival: Arrival): Promise<Reply> {
  const { store } = parts
  const { finished, provider, over } = arrival
  const { identity } = finished
  const email = identity.email === undefined ? undefined : normaliseMailAddress(identity.email)
  const known = await store.findIdentity(identity)
  const account = email === undefined ? undefined : await store.findAccountByEmail(email)
  const emailProved = identity.emailProved && email !== undefined
  const decision = decideLink({
    identityKnown: known !== undefined,
    accountByEmail:
      account === undefined
        ? undefined
        : { verified: account.verifiedAt !== null, disabled: account.disabledAt !== null },
    emailProved,
    registrationOpen: parts.policy.registration === "open",
  })
  const whence = readWhence(call.view)
  const beginning = parts.sessions.begin({
    transport: "cookie",
    persistent: true,
    methods: ["oauth"],
    ...whence,
  })
  const replaces = presentSessionId(parts, call)
  const session = { session: beginning.row, ...(replaces === undefined ? {} : { replaces }) }
  const started = (accountId: string) =>
    ({ type: "session.started", accountId, sessionId: beginning.row.id, ...whence }) as const
  const byIdentity = () =>
    store.signInByIdentity({
      issuer: identity.issuer,
      subject: identity.subject,
      tokens: sealTokens(parts, finished),
      ...session,
      events: (accountId) => [started(accountId)],
    })
  let result: Started = { kind: "refused" }
  switch (decision) {
    case "sign-in":
      result = await byIdentity()
      break
    case "create":
      result = await store.createByIdentity({
        identity: newIdentity(parts, finished),
        newAccountId: toBase64url(randomBytes(16)),
        email: email ?? "",
        ...session,
        events: (accountId) => [{ type: "account.created", accountId, ...whence }, started(accountId)],
      })
      break
    case "link-and-sign-in": {
      if (account === undefined) break
      const accountId = account.id
      const linked = await store.linkIdentity({
        accountId,
        identity: newIdentity(parts, finished),
        events: [{ type: "identity.linked", accountId, ...whence, detail: { provider: provider.name } }],
        mail: linkedMail(call, provider, account),
      })
      parts.mail.wake()
      if (linked.kind === "linked") result = await byIdentity()
      break
    }
    case "ask-for-credential":
      return askForCredential(parts, call, arrival)
    case "refused":
      break
  }
  if (result.kind === "refused")
    return refusedCallback(parts, call, refuse(NO_ACCOUNT, `decided: ${decision}`), over)
  if (replaces !== undefined) parts.sessions.revocations.note(replaces)
  if (decision === "create")
    callHook(parts, "accountCreated", { userId: result.account.id, email: result.account.email })
  const issued = beginning.finish(result.session, result.account)
  const device = parts.cookies.setDevice(parts.devices.issue(result.account.id))
  return parts.pages.bounce(call, finished.intent.returnTo, [
    ...issuedCookies(parts, issued),
    device,
    ...over,
  ])
}

/** The person signs in as before, or proves the address by mail; then the identity waits in a cookie to be linked. */
function askForCredential(parts: FlowParts, call: FlowCall, { finished, provider, over }: Arrival): Reply {
  const sealed = sealPending(parts.linkKeys.list, {
    identity: { ...finished.identity, email: finished.identity.email ?? null },
    returnTo: finished.intent.returnTo,
    endsAt: parts.clock() + PENDING_SECONDS * 1000,
  })
  const cookie = parts.cookies.flow("pending_link").set(sealed, PENDING_SECONDS)
  const query = new URLSearchParams({ linking: provider.name, return: `${parts.basePath}/settings` })
  return parts.pages.bounce(call, `${parts.basePath}/sign-in?${query}`, [cookie, ...over])
}

function newIdentity(parts: FlowParts, finished: Finished): NewIdentity {
  const { issuer, subject, provider, email } = finished.identity
  return {
    id: toBase64url(randomBytes(16)),
    issuer,
    subject,
    provider,
    email: email ?? null,
    tokens: sealTokens(parts, finished),
  }
}

function sealTokens(parts: FlowParts, { identity, tokens }: Finished): Uint8Array | null {
  return tokens === undefined ? null : seal(parts.tokenKeys.list, identity, tokens)
}

export function linkedMail(
  call: FlowCall,
  provider: Pick<ProviderPolicy, "title">,
  account: { readonly id: string; readonly email: string },
): NewMail {
  return {
    purpose: "identity-linked",
    email: account.email,
    accountId: account.id,
    decoy: false,
    language: readLanguage(call.view),
    about: provider.title,
  }
}
