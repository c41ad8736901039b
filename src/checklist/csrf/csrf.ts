/**
 * Attack: another site's form or script makes the visitor's browser change something here with his cookies, or signs him in
 * as the attacker. Promise: an unsafe request is one of ours only if the browser says so: by Sec-Fetch-Site, else by an
 * Origin compared as a whole string. Without either (old browsers, programs) a request with cookies has to carry what no
 * form can send. Safe methods pass: they change nothing.
 * It fails open for one thing: a request without cookies, Origin and Fetch Metadata is no browser's, and passes.
 * Source: ASVS 3.5.1, 3.5.3; Fetch Metadata; OWASP CSRF Prevention; after the idea of Go's CrossOriginProtection.
 */
import type { Facts, LineState } from "../../core/facts.ts"
import { isSafeMethod, type RequestView } from "../../core/request.ts"
import { PASS, type RefusalKind, refuse, type Verdict } from "../../core/verdict.ts"
import type { CsrfPolicy } from "./options.ts"

const CROSS_SITE: RefusalKind = {
  status: 403,
  code: "csrf.cross_site",
  title: "This request came from another site.",
}
const UNPROVEN: RefusalKind = {
  status: 403,
  code: "csrf.unproven",
  title: "Send application/json, or the header X-Nightlatch: 1.",
}

// Exactly this essence; parameters may follow (RFC 9110, section 8.3.1).
const JSON_TYPE = /^application\/json[ \t]*(?:;|$)/i

export function checkCsrf(policy: CsrfPolicy, view: RequestView): Verdict {
  if (isSafeMethod(view.method)) return PASS
  const origin = view.header("origin")
  const listed =
    origin !== undefined && policy.trusted.has(origin) && view.headerValues("origin").length === 1
  switch (view.header("sec-fetch-site")) {
    case "same-origin":
    case "none":
      // The browser's own word; an Origin that contradicts it is none of ours.
      return origin === undefined || listed
        ? PASS
        : refuse(CROSS_SITE, "Sec-Fetch-Site and Origin contradict each other")
    case undefined:
      break
    default:
      return listed
        ? PASS
        : refuse(CROSS_SITE, "Sec-Fetch-Site says another site, and its Origin is not listed")
  }
  if (origin !== undefined) return listed ? PASS : refuse(CROSS_SITE, "the Origin is not ours and not listed")
  if (!view.credentials.anyCookie) return PASS
  return provesItself(view)
    ? PASS
    : refuse(UNPROVEN, "cookies, but neither Origin nor Sec-Fetch-Site nor what no form can send")
}

/** A form can send neither this type nor a header of its own; a script of another site needs a preflight for both. */
function provesItself(view: RequestView): boolean {
  return view.header("x-nightlatch") === "1" || JSON_TYPE.test(view.header("content-type") ?? "")
}

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  return facts.csrf.mode === "same-site"
    ? {
        state: "partial",
        why: "Unsafe requests have to be of our own origin or a listed one: Fetch Metadata, then Origin.",
        missing: "clients on other sites, which need SameSite=None cookies and a token bound to the session.",
      }
    : { state: "fails", why: "Unsafe requests are not checked.", fix: 'Set csrf.mode to "same-site".' }
}
