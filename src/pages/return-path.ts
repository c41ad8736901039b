/**
 * Attack: a link to our sign-in page that leads on to a page of the attacker, who greets the person there (open redirect).
 * Promise: only a path of the own origin, written anew by the URL parser, or an address of a listed origin.
 * Source: ASVS 3.7.2; OWASP Unvalidated Redirects; CWE-601.
 */

/** Longer than any of our own, shorter than what a header takes. */
const MOST_CHARACTERS = 2048

/** A control character, a blank or a backslash: browsers drop or turn them, so that two readers see two addresses. */
const AMBIGUOUS = /[\p{Cc}\p{Cf}\p{Z}\\]/u

export interface ReturnPolicy {
  readonly origin: URL
  /** Other origins that a sign-in may lead to, as whole strings. */
  readonly origins: ReadonlySet<string>
}

/** @returns a path of the own origin that begins with one slash, or an address of a listed origin; undefined for the rest */
export function readReturn(policy: ReturnPolicy, text: string | undefined): string | undefined {
  if (text === undefined || text.length > MOST_CHARACTERS || AMBIGUOUS.test(text)) return undefined
  if (!text.startsWith("/")) return listed(policy, text)
  if (text.startsWith("//")) return undefined
  const url = URL.parse(text, policy.origin.origin)
  if (url === null || url.origin !== policy.origin.origin) return undefined
  const path = url.pathname + url.search + url.hash
  // `/.//host` begins with one slash and is resolved to two.
  return path.startsWith("//") ? undefined : path
}

function listed(policy: ReturnPolicy, text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || !policy.origins.has(url.origin) || !text.startsWith(`${url.origin}`)) return undefined
  return url.username === "" && url.password === "" ? url.href : undefined
}
