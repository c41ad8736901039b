/**
 * Attack: a page of another site that reads answers with the visitor's cookies, by an origin that only looks like ours; and
 * one that changes something although it may not read the answer.
 * Promise: origins are compared as whole strings; who is not listed gets no CORS header at all, and nothing unsafe of his
 * reaches a handler; preflights grant what is listed and mirror nothing; `Vary: Origin` on every answer.
 * Source: Fetch, CORS protocol; ASVS 3.4.2, 3.5.1; CVE class of reflected origins.
 */
import type { Facts, LineState } from "../../core/facts.ts"
import { type HeaderList, isSafeMethod, type RequestView } from "../../core/request.ts"
import { PASS, type Pass, type RefusalKind, refuse, type Verdict } from "../../core/verdict.ts"
import type { CorsPolicy } from "./options.ts"

const FOREIGN_ORIGIN: RefusalKind = {
  status: 403,
  code: "cors.foreign_origin",
  title: "This origin may not do that.",
}
const NOT_GRANTED: RefusalKind = {
  status: 403,
  code: "cors.not_granted",
  title: "This origin may not ask for that.",
}

/** For every answer, refusals included: a cache must not give one origin's answer to another (Fetch, CORS and caches). */
export const VARY_BY_ORIGIN: HeaderList = Object.freeze([["vary", "Origin"]] as const)

const passes = new WeakMap<HeaderList, Pass>()

export function checkCors(policy: CorsPolicy, view: RequestView): Verdict {
  const origin = view.header("origin")
  if (origin === undefined || (origin === policy.ownOrigin && view.method !== "OPTIONS")) return PASS
  const granted = view.headerValues("origin").length === 1 ? policy.granted.get(origin) : undefined
  const preflight = view.method === "OPTIONS" && view.header("access-control-request-method") !== undefined
  if (granted === undefined) {
    if (origin === policy.ownOrigin || (isSafeMethod(view.method) && !preflight)) return PASS
    return refuse(FOREIGN_ORIGIN, "the Origin is not listed")
  }
  if (preflight) return answerPreflight(policy, view, granted)
  let pass = passes.get(granted)
  if (pass === undefined) {
    pass = Object.freeze({ kind: "pass", headers: granted })
    passes.set(granted, pass)
  }
  return pass
}

function answerPreflight(policy: CorsPolicy, view: RequestView, granted: HeaderList): Verdict {
  const method = view.header("access-control-request-method") ?? ""
  const wanted = (view.header("access-control-request-headers") ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
  if (!policy.methods.has(method))
    return refuse(NOT_GRANTED, "the preflight asks for a method that is not listed")
  if (wanted.some((name) => name !== "" && !policy.headers.has(name))) {
    return refuse(NOT_GRANTED, "the preflight asks for a header that is not listed")
  }
  return { kind: "answer", reply: { status: 204, headers: [...granted, ...policy.preflight], body: null } }
}

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { origins } = facts.cors
  if (origins.includes("*") || origins.includes("null")) {
    return { state: "fails", why: "Every site may read answers.", fix: "List the origins in cors.origins." }
  }
  const who = origins.length === 0 ? "No other origin" : `Besides the own origin only ${origins.join(", ")}`
  return { state: "holds", why: `${who} may read answers; a foreign one changes nothing.` }
}
