/**
 * Express 4 and 5, and whatever else calls `(request, response, next)` with node's own message and response. Nothing of
 * Express is imported: these types are what its handlers are made of.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { MisuseError } from "../core/misuse.ts"
import type { Verdict } from "../core/verdict.ts"
import * as rules from "../guard/index.ts"
import { type Guard, type LimitOptions, limit as limitRule, type Passed } from "../guard/index.ts"
import { answer, enter, passedOf } from "./node.ts"

export { sessionOf } from "./node.ts"

/** A handler of Express. */
export type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** What a router of Express leaves on the message. */
interface Routed extends IncomingMessage {
  readonly route?: { readonly path?: unknown }
  /** Where the router is mounted, as this request spelt it. */
  readonly baseUrl?: string
}

/**
 * Guards an Express application: `app.use(guard(latch))`, first of all, so that nothing has read the body and no route stands
 * before it. Refusals and the flows below the base path are answered here.
 */
export function guard(latch: Guard): Middleware {
  return (request, response, next) => enter(latch, request, response, () => next())
}

/** Only signed-in users. A second lock: without a guard before it, it is an error. */
export const requireUser: Middleware = apply(rules.requireUser)

/** Only users with one of these roles. */
export function requireRole(...roles: readonly string[]): Middleware {
  return apply(rules.requireRole(...roles))
}

/** Only users who signed in at most so long ago. */
export function requireRecentSignIn(maxAgeSeconds: number): Middleware {
  return apply(rules.requireRecentSignIn(maxAgeSeconds))
}

/**
 * An own limit, for example `app.post("/orders", limit("5/minute"), …)`, counted per user or address for each method and
 * route pattern. In a mounted router, and outside a route, it needs a name: there Express tells no pattern.
 */
export function limit(rate: string, options: LimitOptions = {}): Middleware {
  const rule = limitRule(rate, options)
  return apply((passed, request) => rule(passed, options.name ?? patternOf(request)))
}

function patternOf(request: Routed): string {
  if (request.route?.path !== undefined && (request.baseUrl ?? "") === "")
    return `${request.method} ${String(request.route.path)}`
  throw new MisuseError([
    {
      code: "guard.limit_name",
      path: "limit",
      problem: "in a mounted router, and outside a route, Express tells no pattern to count under",
      fix: 'Name the limit: limit("5/minute", { name: "orders" }).',
    },
  ])
}

function apply(rule: (passed: Passed, request: Routed) => Verdict | Promise<Verdict>): Middleware {
  return (request, response, next) => {
    const passed = passedOf(request)
    const go = (verdict: Verdict) => {
      const reply = passed.render(verdict)
      if (reply === undefined) next()
      else answer(request, response, reply)
    }
    const verdict = rule(passed, request)
    // Express 4 does not look at a promise.
    if (verdict instanceof Promise) verdict.then(go).catch(next)
    else go(verdict)
  }
}
