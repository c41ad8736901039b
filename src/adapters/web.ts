import type { HeaderList, Reply, RequestHead } from "../core/request.ts"
import type { Session } from "../core/session.ts"
import type { Guard, Passed } from "../guard/index.ts"
import { GUARDS_OWN, isDeliberate, joinVary } from "./merge.ts"
import { bodyConsumed } from "./misuse.ts"
import { BoundedBody, webBodyReader } from "./web-body.ts"

export { limit, requireRecentSignIn, requireRole, requireUser } from "../guard/index.ts"

/** What the runtime knows about a connection and `Request` does not say. */
export interface Connection {
  /** The socket's other end. Without it every client shares one rate limit. */
  readonly peerAddress?: string
}

export interface WebContext {
  readonly session: Session | undefined
  readonly passed: Passed
}

export type WebHandler = (request: Request, context: WebContext) => Response | Promise<Response>

/** Guards a handler of web requests: `const fetch = guard(latch, (request, { session }) => new Response(…))`. */
export function guard(
  latch: Guard,
  handler: WebHandler,
): (request: Request, connection?: Connection) => Promise<Response> {
  return async (request, connection = {}) => {
    const head = webHead(request, connection)
    const entered = request.bodyUsed ? latch.fail(head, bodyConsumed()) : await latch.enter(head)
    if (entered.kind === "reply") return toResponse(entered.reply)
    if (entered.kind === "flow") return toResponse(await entered.run(webBodyReader(request)))
    const visible = withoutRefresh(latch, entered, request)
    const context = { session: entered.session, passed: entered }
    const body = BoundedBody.of(visible, latch.bodyBytes)
    if (body === undefined) return withHeaders(await handler(visible, context), entered.headers)
    try {
      const response = await handler(body.request, context)
      if (!body.exceeded) return withHeaders(response, entered.headers)
    } catch (error) {
      if (!body.exceeded) throw error
    }
    return toResponse(entered.tooLarge())
  }
}

export function webHead(request: Request, connection: Connection): RequestHead {
  const url = new URL(request.url)
  const { headers } = request
  return {
    method: request.method,
    target: url.pathname + url.search,
    peerAddress: connection.peerAddress,
    encrypted: url.protocol === "https:",
    // Runtimes without a Host header of their own put it into the URL.
    header: (name) => headers.get(name) ?? (name === "host" ? url.host : undefined),
    headerValues(name) {
      const value = headers.get(name) ?? (name === "host" ? url.host : null)
      return value === null ? [] : [value]
    },
  }
}

/** Made once, from a string and a list: never changed afterwards. */
export function toResponse(reply: Reply): Response {
  return new Response(reply.body, { status: reply.status, headers: reply.headers as [string, string][] })
}

/** The request without our refresh cookie. */
export function withoutRefresh(latch: Guard, passed: Passed, request: Request): Request {
  if (passed.view.credentials.refresh === undefined) return request
  const headers = new Headers(request.headers)
  const kept = latch.stripRefresh(headers.get("cookie") ?? "")
  if (kept === "") headers.delete("cookie")
  else headers.set("cookie", kept)
  return new Request(request, { headers })
}

function withHeaders(response: Response, added: HeaderList): Response {
  const headers = new Headers(response.headers)
  for (const name of GUARDS_OWN) headers.delete(name)
  for (const [name, value] of added) {
    const own = headers.get(name)
    if (own !== null && name === "vary") headers.set(name, joinVary(own, value))
    else if (own === null || !isDeliberate(name, own)) headers.set(name, value)
  }
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
