import type { IncomingMessage, ServerResponse } from "node:http"
import type { Context, MiddlewareHandler } from "hono"
import { routePath } from "hono/route"
import type { MisuseError } from "../core/misuse.ts"
import type { Session } from "../core/session.ts"
import type { Verdict } from "../core/verdict.ts"
import * as rules from "../guard/index.ts"
import { type Guard, guarded, type LimitOptions, limit as limitRule, type Passed } from "../guard/index.ts"
import { GUARDS_OWN, isDeliberate, joinVary } from "./merge.ts"
import { bodyConsumed, misuseOf, mountedBelow } from "./misuse.ts"
import { admit } from "./node.ts"
import { NodeHead } from "./node-head.ts"
import { toResponse, webHead, withoutRefresh } from "./web.ts"
import { BoundedBody, webBodyReader } from "./web-body.ts"

/** Variables of a guarded application: `new Hono<Guarded>()`. */
export interface Guarded {
  Variables: { session: Session | undefined; nightlatch: Passed }
}

/** Variables of a route behind `requireUser`: the session is there. */
export interface SignedIn {
  Variables: { session: Session; nightlatch: Passed }
}

interface NodeBindings {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse
}

export interface HonoGuardOptions {
  /** Where the guard stands when the rest of the application is meant to be open, for example `"/api"`. Default the root. */
  readonly mountedAt?: string
}

/** Guards a Hono application: `app.use(guard(latch))`, at the root and before everything else. */
export function guard(latch: Guard, options: HonoGuardOptions = {}): MiddlewareHandler<Guarded> {
  const place = `${options.mountedAt ?? ""}/*`
  let placed = false
  let misplaced: MisuseError | undefined
  return async (c, next) => {
    if (!placed) {
      placed = true
      const found = routePath(c)
      if (found !== place) misplaced = mountedBelow(found)
    }
    const { incoming, outgoing } = (c.env ?? {}) as NodeBindings
    const head = incoming === undefined ? webHead(c.req.raw, {}) : new NodeHead(incoming)
    const wrong = misplaced ?? misuseBefore(c, incoming)
    const entered = wrong === undefined ? await latch.enter(head) : latch.fail(head, wrong)
    if (entered.kind === "reply") return toResponse(entered.reply)
    if (entered.kind === "flow") return toResponse(await entered.run(webBodyReader(c.req.raw)))
    c.set("session", entered.session)
    c.set("nightlatch", entered)
    if (incoming !== undefined && outgoing !== undefined) {
      admit(latch, entered, incoming, outgoing)
      return next()
    }
    c.req.raw = withoutRefresh(latch, entered, c.req.raw)
    const body = BoundedBody.of(c.req.raw, latch.bodyBytes)
    if (body !== undefined) c.req.raw = body.request
    await next()
    if (body?.exceeded === true) {
      // Hono would keep the headers of the answer that stands.
      c.res = undefined
      c.res = toResponse(entered.tooLarge())
      return undefined
    }
    for (const name of GUARDS_OWN) if (c.res.headers.has(name)) c.header(name, undefined)
    for (const [name, value] of entered.headers) {
      const own = c.res.headers.get(name)
      if (own !== null && name === "vary") c.header(name, joinVary(own, value))
      else if (own === null || !isDeliberate(name, own)) c.header(name, value)
    }
    return undefined
  }
}

function misuseBefore(c: Context, incoming: IncomingMessage | undefined): MisuseError | undefined {
  if (incoming !== undefined) return misuseOf(incoming)
  return c.req.raw.bodyUsed ? bodyConsumed() : undefined
}

/** Only signed-in users; behind it `c.var.session` is a session. A second lock: without a guard it throws. */
export const requireUser: MiddlewareHandler<SignedIn> = apply<SignedIn>(rules.requireUser)

/** Only users with one of these roles. */
export function requireRole(...roles: readonly string[]): MiddlewareHandler<SignedIn> {
  return apply<SignedIn>(rules.requireRole(...roles))
}

/** Only users who signed in at most so long ago. */
export function requireRecentSignIn(maxAgeSeconds: number): MiddlewareHandler<SignedIn> {
  return apply<SignedIn>(rules.requireRecentSignIn(maxAgeSeconds))
}

/** An own limit, for example `limit("5/minute")`, counted per user or address for each method and route pattern. */
export function limit(rate: string, options: LimitOptions = {}): MiddlewareHandler<Guarded> {
  const rule = limitRule(rate, options)
  return apply<Guarded>((passed, c) => rule(passed, `${c.req.method} ${routePath(c)}`))
}

function apply<Variables extends Guarded | SignedIn>(
  rule: (passed: Passed, c: Context) => Verdict | Promise<Verdict>,
): MiddlewareHandler<Variables> {
  return async (c, next) => {
    const passed = guarded(c.get("nightlatch") as Passed | undefined)
    const verdict = rule(passed, c)
    const reply = passed.render(verdict instanceof Promise ? await verdict : verdict)
    return reply === undefined ? next() : toResponse(reply)
  }
}
