/**
 * Attack: anybody on the way who reads or changes a request, or keeps a visitor on plain http.
 * Promise: on an https origin a request that came by plain http is refused and never redirected after its cookies and body
 * have already travelled in clear; browsers are told to use https for a year. Whether a request came by https is the
 * connection's word, or that of a proxy that was named.
 * Source: ASVS 12.2.1, 3.4.1; RFC 6797; RFC 9110, section 4.2.2.
 */
import type { Facts, LineState } from "../../core/facts.ts"
import type { RequestView } from "../../core/request.ts"
import { PASS, type RefusalKind, refuse, type Verdict } from "../../core/verdict.ts"
import type { HttpsPolicy } from "./options.ts"

const HTTPS_REQUIRED: RefusalKind = { status: 403, code: "https.required", title: "Use https." }

// The usual reason: a proxy speaks https, and was not named.
const PLAIN =
  "plain http on an https origin; the word of a proxy that speaks https counts once it is in proxy.trusted (NIGHTLATCH_TRUSTED_PROXIES)"

export function checkHttps(policy: HttpsPolicy, view: Pick<RequestView, "secure">): Verdict {
  return !policy.enforced || view.secure ? PASS : refuse(HTTPS_REQUIRED, PLAIN)
}

/** Certificates of 90 days are renewed after 60: by then every renewal but the last has failed. */
const RENEW_DAYS = 7
const RENEW = "Renew it; changed files are taken up within seconds."

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { enforced, certificateDays } = facts.https
  if (certificateDays !== undefined && certificateDays < 0) {
    return { state: "fails", why: "The certificate has expired: no client accepts it.", fix: RENEW }
  }
  if (certificateDays !== undefined && certificateDays < RENEW_DAYS) {
    const why = `The certificate ends in ${certificateDays} days, and no new one has come.`
    return { state: "weakened", why, fix: RENEW }
  }
  if (enforced && facts.loopback)
    return { state: "holds", why: "Plain http is refused; a loopback name gets no HSTS." }
  if (enforced && facts.header.hstsSeconds > 0) {
    const days = Math.floor(facts.header.hstsSeconds / 86_400)
    return { state: "holds", why: `Plain http is refused; browsers remember https for ${days} days.` }
  }
  if (facts.loopback && !enforced) {
    return {
      state: "holds",
      why: "A loopback origin: nothing leaves this machine. On a public name only https starts.",
    }
  }
  return { state: "fails", why: "Plain http is answered.", fix: "Set an https origin." }
}
