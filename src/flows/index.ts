import type { FlowMatch, FlowRoute } from "../core/flow.ts"
import { callHook } from "./answer.ts"
import { emailChangeRoutes } from "./email-change.ts"
import { emailLinkRoutes } from "./email-link.ts"
import { identityRoutes } from "./identities.ts"
import { loginRoute } from "./login.ts"
import { logoutRoute } from "./logout.ts"
import { accountRoutes } from "./me.ts"
import { oauthRoutes } from "./oauth.ts"
import { ownDataRoutes } from "./own-data.ts"
import type { FlowHooks, FlowParts, Notice } from "./parts.ts"
import { passwordRoutes } from "./password.ts"
import { refreshRoute } from "./refresh.ts"
import { registerRoutes } from "./register.ts"
import { createMatch } from "./router.ts"
import { sessionRoutes } from "./sessions.ts"

export { createBotGate } from "./bot-check.ts"
export type { FlowHooks } from "./parts.ts"
export { openTokens } from "./provider-tokens.ts"

export interface Flows {
  /** The one table: router, guard, limits and tests are made from it. */
  readonly routes: readonly FlowRoute[]
  match(method: string, path: string): FlowMatch | undefined
  /** Calls the application's hook for what no flow did. */
  callHook<Name extends keyof FlowHooks>(name: Name, account: Notice<Name>): void
}

export function createFlows(parts: FlowParts): Flows {
  const own: readonly FlowRoute[] = [
    ...registerRoutes(parts),
    loginRoute(parts),
    refreshRoute(parts),
    ...emailLinkRoutes(parts),
    ...accountRoutes(parts),
    ...emailChangeRoutes(parts),
    ...ownDataRoutes(parts),
    ...identityRoutes(parts),
    ...oauthRoutes(parts),
    logoutRoute(parts),
    ...sessionRoutes(parts),
    ...passwordRoutes(parts),
    jwksRoute(parts),
  ].map((route) => parts.botGate.guard(route))
  const routes = [...own, ...parts.extraRoutes(own)]
  return {
    routes,
    match: createMatch(routes, parts.basePath),
    callHook: (name, account) => callHook(parts, name, account),
  }
}

/** Public keys, for services that verify access tokens themselves. The age is what a rotation of secrets has to wait. */
function jwksRoute(parts: FlowParts): FlowRoute {
  return {
    name: "jwks",
    method: "GET",
    path: "/.well-known/jwks.json",
    access: "public",
    summary: "Public keys of access tokens.",
    run: () => ({
      status: 200,
      headers: [
        ["content-type", "application/jwk-set+json"],
        ["cache-control", "public, max-age=600"],
      ],
      body: parts.tokens.jwks(),
    }),
  }
}
