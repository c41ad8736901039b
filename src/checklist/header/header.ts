/**
 * Attack: a browser that is helpful to the attacker: frames us, sniffs a script out of JSON, tells other sites our URLs,
 * keeps identity in a cache. Promise: every answer says what must not be done with it; the values are fixed at start.
 * Source: ASVS 3.4.3 to 3.4.8; OWASP HTTP Headers Cheat Sheet.
 */
import type { Facts, LineState } from "../../core/facts.ts"
import type { HeaderList } from "../../core/request.ts"

/** Workers need no directive: where there is none, `script-src` is theirs (CSP 3, worker-src). */
const PAGE_POLICY: Readonly<Record<string, readonly string[]>> = {
  "default-src": ["'none'"],
  "script-src": ["'self'"],
  "style-src": ["'self'"],
  "img-src": ["'self'", "data:"],
  "connect-src": ["'self'"],
  "form-action": ["'self'"],
  "base-uri": ["'none'"],
  "frame-ancestors": ["'none'"],
}

/**
 * For pages of our own. `same-origin` as referrer policy, because `no-referrer` makes our own forms send `Origin: null`.
 * @param more origins that this page loads from besides, by directive
 */
export function pageHeaders(more: Readonly<Record<string, readonly string[]>> = {}): HeaderList {
  const names = new Set([...Object.keys(PAGE_POLICY), ...Object.keys(more)])
  const policy = [...names].map((name) =>
    [name, ...(PAGE_POLICY[name] ?? []), ...(more[name] ?? [])].join(" "),
  )
  return [
    ["content-type", "text/html; charset=utf-8"],
    ["cache-control", "no-store"],
    ["content-security-policy", policy.join("; ")],
    ["referrer-policy", "same-origin"],
  ]
}

const EXPECTED = ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"]

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const missing = EXPECTED.filter((name) => !facts.header.names.includes(name))
  if (missing.length > 0) {
    return {
      state: "fails",
      why: `Answers lack ${missing.join(", ")}.`,
      fix: "Build the guard with its own headers.",
    }
  }
  return {
    state: "holds",
    why: `${facts.header.names.length} headers on every answer, refusals and errors included.`,
  }
}
