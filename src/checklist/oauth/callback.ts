import { equalBytes, sha256 } from "../../core/bytes.ts"
import { type Refusal, refuse } from "../../core/verdict.ts"
import { TENANT } from "./connection.ts"
import { type Flow, isOver, openFlow, tagOf } from "./flow-cookie.ts"
import { EXPIRED, ISSUER, RESPONSE, STATE } from "./refusals.ts"

/** Everything about a callback that is decided without asking anybody: it is this browser's, this flow's, this provider's. */
export function readCallback(
  keys: readonly Uint8Array[],
  provider: string,
  query: URLSearchParams,
  sealed: string | undefined,
  now: number,
): Flow | Refusal {
  const names = [...query.keys()]
  if (new Set(names).size < names.length) return refuse(RESPONSE, "a parameter comes twice")
  const tag = tagOf(query)
  if (tag === undefined) return refuse(STATE, "there is no well-formed state")
  if (sealed === undefined) return refuse(STATE, "the browser has no cookie of this flow")
  const flow = openFlow(keys, provider, tag, sealed)
  if (flow === undefined) return refuse(STATE, "the cookie is not of this flow and provider")
  if (isOver(flow, now)) return refuse(EXPIRED, "the flow is older than ten minutes")
  if (!equalBytes(sha256(query.get("state") ?? ""), sha256(flow.state))) {
    return refuse(STATE, "the state is not the one of the cookie")
  }
  const answers = ["code", "error"].some((name) => (query.get(name) ?? "") !== "")
  return answers ? flow : refuse(RESPONSE, "there is neither code nor error")
}

/**
 * RFC 9207: an answer that names an issuer names this one, and where the metadata promise it, it does name one.
 * @returns the issuer to compare with, which of a template for several tenants is the one that the answer names
 */
export function readAnswering(
  server: { readonly issuer: string; readonly authorization_response_iss_parameter_supported?: boolean },
  query: URLSearchParams,
): string | Refusal {
  const named = query.get("iss")
  if (named === null) {
    return server.authorization_response_iss_parameter_supported === true
      ? refuse(ISSUER, "the answer does not say whose it is")
      : server.issuer
  }
  return named === server.issuer || isOfTemplate(named, server.issuer)
    ? named
    : refuse(ISSUER, "another issuer answers")
}

function isOfTemplate(issuer: string, template: string): boolean {
  const [before = "", after] = template.split(TENANT)
  if (after === undefined) return false
  const tenant = issuer.slice(before.length, issuer.length - after.length)
  return /^[0-9a-f-]{36}$/.test(tenant) && issuer === `${before}${tenant}${after}`
}
