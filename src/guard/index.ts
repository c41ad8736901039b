export type { Entered, Passed } from "./entry.ts"
export { createGuard, type Guard, type GuardParts } from "./guard.ts"
export { type HostPolicy, readHosts } from "./host.ts"
export { type PublicRoutes, readHealthPaths, readPublicRoutes } from "./public-routes.ts"
export {
  guarded,
  type LimitOptions,
  limit,
  requireRecentSignIn,
  requireRole,
  requireUser,
} from "./rule.ts"
