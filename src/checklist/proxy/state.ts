import type { Facts, LineState } from "../../core/facts.ts"

/** https://www.fastly.com/documentation/reference/http/http-headers/X-Forwarded-For: nothing is added for a client without TLS. */
const FASTLY =
  " Fastly names only clients that came to it by TLS: it has to force TLS, or one that comes without chooses its address."

/** Does the line of the checklist hold here and now? */
export function state({ proxy: { trusted, overlooked } }: Facts): LineState {
  if (overlooked !== undefined) {
    const { peer, name, hops } = overlooked
    const where = peer === "unknown" ? "a Unix socket" : peer
    return {
      state: "fails",
      why: hops
        ? `Requests come through ${where}, a public address, for which a number of hops does not count: all its clients share one address and its limits.`
        : `Requests come through ${where}, which nobody named as a proxy: all its clients share one address and its limits.`,
      fix: `If it is a proxy of yours, name it: NIGHTLATCH_TRUSTED_PROXIES=${name}`,
    }
  }
  if (trusted.length === 0) {
    return {
      state: "holds",
      why: "No proxy is trusted: forwarding headers are ignored, the socket's address counts.",
    }
  }
  if (/^\d+ hops?$/.test(trusted[0] ?? "")) {
    return {
      state: "holds",
      why: `Forwarding headers count for ${trusted[0]} from private addresses, as long as nobody but the proxies reaches this port from there.`,
    }
  }
  const fastly = trusted.some((text) => text.startsWith("fastly ")) ? FASTLY : ""
  return { state: "holds", why: `Forwarding headers count only from ${trusted.join(", ")}.${fastly}` }
}
