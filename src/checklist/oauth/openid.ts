/**
 * Attack: an ID token that another issuer, another key, another algorithm or another flow made, or that lacks what must be
 * there; the issuer is taken from the token itself.
 * Promise: issuer, audience, nonce, times and subject are required and compared; the signature is one of the provider's own
 * asymmetric keys. With several tenants the issuer is the configured template and nothing else. All of it before any claim
 * is believed.
 * Source: OpenID Connect Core 3.1.3.7; CVE-2026-31813 (issuer from the token), CVE-2026-15612 (absent nonce).
 */
import type { AuthorizationServer, TokenEndpointResponse } from "oauth4webapi"
import { type Refusal, refuse } from "../../core/verdict.ts"
import { TENANT } from "./connection.ts"
import {
  type Exchange,
  httpOptions,
  type Identified,
  judge,
  type ProviderTokens,
  readAnswer,
} from "./exchange.ts"
import { faultOf, peek } from "./id-token.ts"
import { type Claims, provesEmail, readEmail, readName, readSubject } from "./identity.ts"
import { CONSUMERS_TENANT } from "./read-provider.ts"
import { IDENTITY, RESPONSE } from "./refusals.ts"

/** @throws UnavailableError when the provider does not answer as one */
export async function identifyByIdToken(
  exchange: Exchange,
  response: Response,
): Promise<Identified | Refusal> {
  const { library, connection, server, client, flow } = exchange
  const { policy } = connection
  const options = httpOptions(exchange)
  let issuer = server.issuer
  let tokens: TokenEndpointResponse
  const answer = await readAnswer(exchange, response)
  if (answer !== undefined) {
    if (typeof answer.access_token !== "string") return refuse(RESPONSE, "the answer has no access token")
    const claims = peek(answer.id_token)
    if (claims === undefined) return refuse(IDENTITY, "the answer has no well-formed ID token")
    const expected = expectedIssuer(server, policy.tenant, claims)
    if (expected === undefined) return refuse(IDENTITY, "the ID token is of no tenant that may sign in")
    issuer = expected
  }
  try {
    tokens = await library.processAuthorizationCodeResponse({ ...server, issuer }, client, response, {
      expectedNonce: flow.nonce,
      requireIdToken: true,
    })
    await library.validateApplicationLevelSignature(server, response, options)
  } catch (error) {
    return judge(exchange, error, IDENTITY)
  }
  const claims: Claims = library.getValidatedIdTokenClaims(tokens) ?? {}
  const fault = faultOf(claims, { clientId: policy.clientId, startedAt: flow.startedAt, now: exchange.now })
  if (fault !== undefined) return refuse(IDENTITY, fault)
  const subject = readSubject(claims.sub)
  if (subject === undefined) return refuse(IDENTITY, "the subject is not 1 to 255 ASCII characters")
  const profile = await readProfile(exchange, claims, subject, tokens.access_token)
  if ("kind" in profile) return profile.refusal
  const email = readEmail(profile.claims.email)
  return {
    identity: {
      provider: policy.name,
      issuer,
      subject,
      email,
      emailProved: provesEmail(policy, profile.claims, email),
      name: readName(profile.claims.name),
    },
    tokens: policy.keepTokens ? keep(tokens, exchange.now) : undefined,
  }
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * The issuer the token must have. Microsoft's metadata for several tenants hold a template; the tenant is a claim of the
 * token, so only a tenant of the same host can come out (Microsoft, "Claims validation": the issuer's tenant is `tid`).
 */
function expectedIssuer(
  server: AuthorizationServer,
  tenant: string | undefined,
  claims: Claims,
): string | undefined {
  if (!server.issuer.includes(TENANT)) return server.issuer
  const { tid } = claims
  if (typeof tid !== "string" || !GUID.test(tid)) return undefined
  if (tenant === "organizations" && tid === CONSUMERS_TENANT) return undefined
  return server.issuer.replace(TENANT, tid)
}

type Profile = { readonly claims: Claims } | { readonly kind: "refused"; readonly refusal: Refusal }

/**
 * The claims about the person. Providers that follow OpenID Connect Core 5.4 to the letter put them behind the userinfo
 * endpoint, so it is asked when the ID token has no address.
 */
async function readProfile(
  exchange: Exchange,
  claims: Claims,
  subject: string,
  accessToken: string,
): Promise<Profile> {
  const { library, server, client, connection } = exchange
  if (connection.policy.kind !== "oidc" || claims.email !== undefined) return { claims }
  if (server.userinfo_endpoint === undefined) return { claims }
  try {
    const response = await library.userInfoRequest(server, client, accessToken, httpOptions(exchange))
    // The person or the provider does not share it: a sign-in without an address, not a failure.
    if (response.status === 401 || response.status === 403) return { claims }
    // A signed one is only sent to clients that registered for it; nothing here verifies it, so nothing here reads it.
    if (/^application\/jwt\b/i.test(response.headers.get("content-type") ?? "")) return { claims }
    const info = await library.processUserInfoResponse(server, client, subject, response)
    return { claims: { ...claims, ...info } }
  } catch (error) {
    return { kind: "refused", refusal: judge(exchange, error, IDENTITY) }
  }
}

function keep(tokens: TokenEndpointResponse, now: number): ProviderTokens {
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresAt: tokens.expires_in === undefined ? undefined : now + tokens.expires_in * 1000,
    scope: tokens.scope,
  }
}
