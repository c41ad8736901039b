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
  const rest =
    topology === "loopback-http"
      ? "on loopback http the names end in the port"
      : "one that comes twice is refused"
  return {
    state: "partial",
    why: `Cookies are Secure, HttpOnly, SameSite=Strict, without Domain, and their names promise it; ${rest}.`,
    missing: "cookies for several sub-domains of one site, and for clients on other sites.",
  }
}
