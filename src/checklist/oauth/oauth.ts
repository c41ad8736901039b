/**
 * Attack: the answer of a foreign flow, browser or provider signs somebody in (login CSRF, mix-up, replay), a code is
 * intercepted, or an identity is claimed that no provider stated.
 * Promise: every flow has state, PKCE S256, nonce, a redirect URI of its own and a sealed cookie in the browser that began;
 * what must be there and is not is a refusal, never a pass. The identity is (issuer, subject). What the provider's failure
 * leaves open stays closed (`UnavailableError`).
 * Source: RFC 9700, 2.1 and 4; RFC 9207; OpenID Connect Core 3.1; ASVS 10.1.2, 10.2.1, 10.2.2, 10.5.1 to 10.5.4.
 */
import { sha256, toBase64url } from "../../core/bytes.ts"
import type { Clock } from "../../core/clock.ts"
import type { Keys } from "../../core/keys.ts"
import type { Logger } from "../../core/logger.ts"
import { MisuseError } from "../../core/misuse.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { type Refusal, refuse } from "../../core/verdict.ts"
import { readAnswering, readCallback } from "./callback.ts"
import { type Connection, createConnection, ENDPOINTS, type Endpoints, loadLibrary } from "./connection.ts"
import { clientOf, type Exchange, errorWord, judge, type ProviderTokens, sendCode } from "./exchange.ts"
import {
  FLOW_SECONDS,
  type Flow,
  flowTag,
  MOST_VALUE_CHARACTERS,
  type OauthIntent,
  randomText,
  sealFlow,
  tagOf,
} from "./flow-cookie.ts"
import { identifyByGithub } from "./github.ts"
import type { OauthIdentity } from "./identity.ts"
import { identifyByIdToken } from "./openid.ts"
import type { OauthPolicy, ProviderPolicy } from "./policy.ts"
import { DENIED, ISSUER, PROVIDER, RESPONSE, RETURN_PATH } from "./refusals.ts"
import { TIMEOUT_MS } from "./transport.ts"

/** A flow that began: where to send the browser, and the cookie it has to bring back. */
export interface Begun {
  readonly kind: "begun"
  /** The provider's page. */
  readonly location: string
  /** The tag belongs into the cookie's name, so that flows in several tabs do not overwrite each other. */
  readonly cookie: { readonly tag: string; readonly value: string; readonly maxAgeSeconds: number }
}

/** A flow that ended well. Nobody is signed in yet: the caller redeems the state once and decides about the account. */
export interface Finished {
  readonly kind: "finished"
  readonly intent: OauthIntent
  readonly identity: OauthIdentity
  /** SHA-256 of the state: kept until `expiresAt`, so that the same flow does not finish twice. */
  readonly stateHash: Uint8Array
  /** Milliseconds since 1970: a minute after the flow's cookie stops opening, for a callback that was under way then. */
  readonly expiresAt: number
  /** Only of a provider with `keepTokens`. */
  readonly tokens?: ProviderTokens
}

export interface Oauth {
  /** @throws UnavailableError when the provider's metadata cannot be read */
  begin(provider: string, intent: OauthIntent): Promise<Begun | Refusal>
  /** Which flow cookie a callback asks for; undefined when it carries no state of ours. */
  tagOf(query: URLSearchParams): string | undefined
  /**
   * @param sealed the value of that cookie
   * @throws UnavailableError when the provider does not answer, or refuses this service
   */
  finish(provider: string, query: URLSearchParams, sealed: string | undefined): Promise<Finished | Refusal>
}

export interface OauthInput {
  readonly policy: OauthPolicy
  /** The first seals, all open. */
  readonly keys: Keys
  readonly clock: Clock
  /** Default the runtime's. */
  readonly fetch?: typeof fetch
  readonly logger: Logger
}

/** What tests put in the place of the world. */
export interface World {
  readonly endpoints: Endpoints
  readonly timeoutMs: number
}

export function createOauth(input: OauthInput): Oauth {
  return createOauthIn({ endpoints: ENDPOINTS, timeoutMs: TIMEOUT_MS }, input)
}

export function createOauthIn(world: World, input: OauthInput): Oauth {
  const { keys, clock, logger } = input
  const ask = input.fetch ?? fetch
  const connections = new Map<string, Connection>()
  for (const policy of input.policy.providers) {
    connections.set(policy.name, createConnection({ ...world, policy, clock, fetch: ask }))
  }

  return {
    tagOf,

    async begin(provider, intent) {
      const connection = connections.get(provider)
      if (connection === undefined) return refuse(PROVIDER, "no provider of that name is configured")
      const flow: Flow = {
        state: randomText(),
        verifier: randomText(),
        nonce: randomText(),
        startedAt: clock(),
        intent: checkIntent(intent),
      }
      const value = sealFlow(keys.list, provider, flow)
      if (value.length > MOST_VALUE_CHARACTERS) return refuse(RETURN_PATH, "the sealed flow fits no cookie")
      const server = await connection.server()
      const { policy } = connection
      const location = new URL(server.authorization_endpoint ?? "")
      for (const [name, text] of [
        ["client_id", policy.clientId],
        ["redirect_uri", policy.redirectUri],
        ["response_type", "code"],
        ["scope", policy.scopes.join(" ")],
        ["state", flow.state],
        ["nonce", flow.nonce],
        ["code_challenge", toBase64url(sha256(flow.verifier))],
        ["code_challenge_method", "S256"],
      ] as const) {
        location.searchParams.set(name, text)
      }
      if (policy.formPost !== undefined) location.searchParams.set("response_mode", "form_post")
      const cookie = { tag: flowTag(flow.state), value, maxAgeSeconds: FLOW_SECONDS }
      return { kind: "begun", location: location.href, cookie }
    },

    async finish(provider, query, sealed) {
      const connection = connections.get(provider)
      if (connection === undefined) return refuse(PROVIDER, "no provider of that name is configured")
      const now = clock()
      const flow = readCallback(keys.list, provider, query, sealed, now)
      if ("kind" in flow) return flow
      const server = await connection.server()
      const answering = readAnswering(server, query)
      if (typeof answering !== "string") return answering
      const library = await loadLibrary()
      const client = clientOf(library, connection.policy.clientId, now)
      const exchange: Exchange = { library, connection, server, client, flow, now, logger }
      let parameters: URLSearchParams
      try {
        parameters = library.validateAuthResponse({ ...server, issuer: answering }, client, query, flow.state)
      } catch (error) {
        if (error instanceof library.AuthorizationResponseError)
          return refuseAnswer(connection.policy, error.error)
        return judge(exchange, error, RESPONSE)
      }
      const found = await redeem(exchange, parameters)
      if ("kind" in found) return found
      // With several tenants the answer's issuer was only of the right form: it is the ID token's as well.
      if (answering !== server.issuer && answering !== found.identity.issuer) {
        return refuse(ISSUER, "the answer and the ID token name different tenants")
      }
      return {
        kind: "finished",
        intent: flow.intent,
        identity: found.identity,
        stateHash: sha256(flow.state),
        expiresAt: flow.startedAt + (FLOW_SECONDS + 60) * 1000,
        ...(found.tokens === undefined ? {} : { tokens: found.tokens }),
      }
    },
  }
}

async function redeem(exchange: Exchange, parameters: URLSearchParams): ReturnType<typeof identifyByIdToken> {
  const response = await sendCode(exchange, parameters)
  const byGithub = exchange.connection.policy.kind === "github"
  return byGithub ? identifyByGithub(exchange, response) : identifyByIdToken(exchange, response)
}

function refuseAnswer({ name }: ProviderPolicy, error: string): Refusal {
  // Apple has its own word for it.
  if (error === "access_denied" || error === "user_cancelled_authorize" || error === "consent_required") {
    return refuse(DENIED, `the provider answered ${error}`)
  }
  if (error === "server_error" || error === "temporarily_unavailable") {
    throw new UnavailableError(`provider ${name}: it answered ${error}`)
  }
  return refuse(RESPONSE, `the provider answered ${errorWord(error)}`)
}

/** Only what is declared is sealed, and a link says whose it is. */
function checkIntent(intent: OauthIntent): OauthIntent {
  const { purpose, returnTo, accountId, sessionId } = intent
  if (purpose === "sign-in") return { purpose, returnTo }
  if (accountId !== undefined && sessionId !== undefined) return { purpose, returnTo, accountId, sessionId }
  throw new MisuseError([
    {
      code: "oauth.intent",
      path: "intent",
      problem: "a link names no account and session",
      fix: "Give accountId and sessionId of whoever is signed in.",
    },
  ])
}
