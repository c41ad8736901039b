import type { Facts, LineState } from "../../core/facts.ts"

export function state(facts: Facts): LineState {
  const { topology, names } = facts.cookie
  const unbound = names.filter((name) => !name.startsWith("__Host-Http-"))
  if (names.length === 0 || unbound.length > 0) {
    return {
      state: "fails",
      why: "Not every cookie name binds the cookie to this host.",
      fix: "Use the topology one-host, the default.",
    }
  }
  const bound = "Secure, HttpOnly, SameSite=Strict, without Domain, and their names promise it"
  return topology === "loopback-http"
    ? { state: "holds", why: `Cookies are ${bound}; on loopback http the names end in the port.` }
    : { state: "holds", why: `Cookies are ${bound}; one that comes twice is refused.` }
}
