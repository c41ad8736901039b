/**
 * What only the guard may say: an application's own CORS headers would let origins read that are not listed (Fetch, HTTP
 * responses of the CORS protocol; Private Network Access). They go before the guard's are added.
 */
export const GUARDS_OWN: readonly string[] = Object.freeze([
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-expose-headers",
  "access-control-max-age",
  "access-control-allow-private-network",
])

/**
 * Where a route knows better than the guard: what may be cached, a page's content policy that also says who may frame it
 * (error pages of frameworks carry one that does not), and a referrer policy, which pages with forms need.
 */
export function isDeliberate(name: string, own: string): boolean {
  if (name === "content-security-policy") return own.includes("frame-ancestors")
  return name === "cache-control" || name === "referrer-policy"
}

/** Both lists of a Vary header, each name once. */
export function joinVary(own: string, added: string): string {
  const present = own
    .toLowerCase()
    .split(",")
    .map((part) => part.trim())
  const missing = added
    .split(",")
    .map((part) => part.trim())
    .filter((part) => !present.includes(part.toLowerCase()))
  return [own, ...missing].join(", ")
}
