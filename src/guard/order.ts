/**
 * The order of the request-time checks, as one table: what is cheap and says no to most comes first, no signature is
 * verified before a limit, nothing is decided about a user before we know that the request is meant for us.
 * A column says which rows apply to a kind of route.
 */
export type RouteKind =
  | "app-health"
  | "app-public"
  | "app-user"
  | "flow-public"
  | "flow-user"
  | "flow-credential"

export type Row =
  /** Plain http on a public origin. */
  | "https"
  /** The declared body is too large. */
  | "body"
  /** The service is late. */
  | "overload"
  /** Requests of one client address. */
  | "address-limit"
  /** A cookie of ours that came twice, or two credentials at once. */
  | "credential"
  /** Preflights are answered here; a foreign origin that would change something is refused. */
  | "cors"
  /** Another site's form or script. */
  | "csrf"
  /** The flow's own limit per address. */
  | "flow-limit"
  /** The access token, if any: a bad one makes the visitor anonymous. */
  | "token"
  /** No session, no entry. */
  | "user"
  /** Requests of one user. */
  | "user-limit"

const PUBLIC: readonly Row[] = [
  "https",
  "body",
  "overload",
  "address-limit",
  "credential",
  "cors",
  "csrf",
  "flow-limit",
  "token",
]
const USER: readonly Row[] = [...PUBLIC, "user", "user-limit"]

export const ORDER: Readonly<Record<RouteKind, readonly Row[]>> = {
  // A prober on the machine or the private network comes by plain http, and an instance that is busy must not be killed for it.
  "app-health": ["body"],
  "app-public": PUBLIC.filter((row) => row !== "flow-limit"),
  "app-user": USER.filter((row) => row !== "flow-limit"),
  "flow-public": PUBLIC,
  "flow-user": USER,
  // The flow judges the token itself: an expired one may still sign out.
  "flow-credential": PUBLIC.filter((row) => row !== "token"),
}
