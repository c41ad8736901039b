/**
 * Fastify 5. Nothing of it is imported: these types are what its plugins and hooks are made of. The guard stands around the
 * server and not only in a hook, because what Fastify refuses before it routes (`/%ff`) runs no hook.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http"
import type { Session } from "../core/session.ts"
import type { Verdict } from "../core/verdict.ts"
import * as rules from "../guard/index.ts"
import { type Guard, type LimitOptions, limit as limitRule, type Passed } from "../guard/index.ts"
import {
  answer,
  enter,
  guard as guardNode,
  isPassed,
  passedOf,
  sessionOf as sessionOfMessage,
} from "./node.ts"

interface Request {
  readonly raw: IncomingMessage
  readonly routeOptions: { readonly url?: string | undefined }
}

interface Reply {
  readonly raw: ServerResponse
  hijack(): unknown
}

type Done = (error?: Error) => void
/** An `onRequest` hook of Fastify. */
export type Hook = (request: Request, reply: Reply, done: Done) => void

interface Application {
  readonly server: unknown
  addHook(name: "onRequest", hook: Hook): unknown
}

export interface FastifyGuardOptions {
  readonly latch: Guard
}

/**
 * Guards a Fastify application: `await app.register(guard, { latch })`, on the application itself. Refusals and the flows below
 * the base path are answered here, also for `app.inject`.
 */
export function guard(application: Application, { latch }: FastifyGuardOptions, done: Done): void {
  const server = application.server as Server
  const listeners = server.listeners("request") as RequestListener[]
  server.removeAllListeners("request")
  server.on(
    "request",
    guardNode(latch, (request, response) => {
      for (const listener of listeners) listener.call(server, request, response)
    }),
  )
  // What came by no server, as with `inject`, or by another one: Fastify has two for a name with two addresses.
  application.addHook("onRequest", (request, reply, next) => {
    if (isPassed(request.raw)) next()
    else enter(latch, request.raw, reply.raw, () => next())
  })
  done()
}

// https://fastify.dev/docs/latest/Reference/Plugins/: the hook is for the whole application and not for a context of its own.
Object.assign(guard, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "nightlatch",
})

/** The signed-in user of a request, or undefined on a public route. @throws MisuseError when no guard has seen it */
export function sessionOf(request: Pick<Request, "raw">): Session | undefined {
  return sessionOfMessage(request.raw)
}

/** Only signed-in users: `{ onRequest: [requireUser] }`. A second lock: without a guard before it, it is an error. */
export const requireUser: Hook = apply(rules.requireUser)

/** Only users with one of these roles. */
export function requireRole(...roles: readonly string[]): Hook {
  return apply(rules.requireRole(...roles))
}

/** Only users who signed in at most so long ago. */
export function requireRecentSignIn(maxAgeSeconds: number): Hook {
  return apply(rules.requireRecentSignIn(maxAgeSeconds))
}

/** An own limit, for example `{ onRequest: [limit("5/minute")] }`, counted per user or address for each method and route pattern. */
export function limit(rate: string, options: LimitOptions = {}): Hook {
  const rule = limitRule(rate, options)
  return apply((passed, { raw, routeOptions }) =>
    rule(passed, `${raw.method} ${routeOptions.url ?? "no route"}`),
  )
}

function apply(rule: (passed: Passed, request: Request) => Verdict | Promise<Verdict>): Hook {
  return (request, reply, done) => {
    const passed = passedOf(request.raw)
    const go = (verdict: Verdict) => {
      const refusal = passed.render(verdict)
      if (refusal === undefined) return done()
      reply.hijack()
      answer(request.raw, reply.raw, refusal)
    }
    const verdict = rule(passed, request)
    if (verdict instanceof Promise) verdict.then(go).catch(done)
    else go(verdict)
  }
}
