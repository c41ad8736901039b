import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import type { Reply } from "../core/request.ts"
import type { Session } from "../core/session.ts"
import type { Entered, Guard, Passed } from "../guard/index.ts"
import { guarded } from "../guard/index.ts"
import { misuseOf } from "./misuse.ts"
import { bodyReader, boundChunkedBody } from "./node-body.ts"
import { NodeHead } from "./node-head.ts"
import { haveLastWord, removeCookie, writeReply } from "./node-response.ts"

export { limit, requireRecentSignIn, requireRole, requireUser } from "../guard/index.ts"
export { bodyReader } from "./node-body.ts"

const PASSED: unique symbol = Symbol("nightlatch.passed")

interface GuardedMessage extends IncomingMessage {
  [PASSED]?: Passed
}

/**
 * Guards a listener of node:http: `createServer(guard(latch, listener))`. Refusals and the flows below the base path are
 * answered here; `listener` sees only what has passed. Upgrades (WebSocket) do not come through a request listener: refuse
 * them on the server, or judge them with `enter`.
 */
export function guard(latch: Guard, listener: RequestListener = notFound(latch)): RequestListener {
  return (request, response) => enter(latch, request, response, listener)
}

/** One request: `listener` is called when it has passed. */
export function enter(
  latch: Guard,
  request: IncomingMessage,
  response: ServerResponse,
  listener: RequestListener,
): void {
  const head = new NodeHead(request)
  const wrong = misuseOf(request)
  const entered = wrong === undefined ? latch.enter(head) : latch.fail(head, wrong)
  if (entered instanceof Promise) void entered.then((late) => go(latch, late, request, response, listener))
  else go(latch, entered, request, response, listener)
}

function go(
  latch: Guard,
  entered: Entered,
  request: IncomingMessage,
  response: ServerResponse,
  listener: RequestListener,
): void {
  if (entered.kind === "pass") {
    admit(latch, entered, request, response)
    listener(request, response)
    return
  }
  if (entered.kind === "reply") {
    answer(request, response, entered.reply)
    return
  }
  const reply = entered.run(bodyReader(request))
  if (reply instanceof Promise) void reply.then((late) => answer(request, response, late))
  else answer(request, response, reply)
}

/** Lets a request through to application code that shares node's own message and response. */
export function admit(
  latch: Guard,
  passed: Passed,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  ;(request as GuardedMessage)[PASSED] = passed
  if (passed.view.credentials.refresh !== undefined) removeCookie(request, latch.stripRefresh)
  haveLastWord(response, () => passed.headers)
  boundChunkedBody(request, response, latch.bodyBytes, () => passed.tooLarge())
}

/** A body nobody read is not drained: with a large one on the way the connection ends after the answer. */
export function answer(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if (!request.complete && request.headers["transfer-encoding"] !== undefined)
    response.shouldKeepAlive = false
  if (!request.complete && Number(request.headers["content-length"] ?? 0) > 65_536)
    response.shouldKeepAlive = false
  writeReply(response, reply)
}

/** Whether a guard has passed it. */
export function isPassed(request: IncomingMessage): boolean {
  return (request as GuardedMessage)[PASSED] !== undefined
}

/** What the guard knows of a request it has passed. @throws MisuseError when no guard has */
export function passedOf(request: IncomingMessage): Passed {
  return guarded((request as GuardedMessage)[PASSED])
}

/** The signed-in user of a request, or undefined on a public route. @throws MisuseError when no guard has seen it */
export function sessionOf(request: IncomingMessage): Session | undefined {
  return passedOf(request).session
}

function notFound(latch: Guard): RequestListener {
  return (request, response) => writeReply(response, latch.notFound(passedOf(request)))
}
