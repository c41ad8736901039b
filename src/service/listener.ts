import type { RequestListener, ServerResponse } from "node:http"
import { bodyReader, passedOf } from "../adapters/node.ts"
import type { Logger } from "../core/logger.ts"
import { renderUnavailable } from "../core/problem.ts"
import type { Reply } from "../core/request.ts"
import type { ServiceCall } from "./routes.ts"

/** The service's routes as a plain listener for behind the guard. */
export function createListener(
  routes: (call: ServiceCall) => Promise<Reply>,
  logger: Logger,
): RequestListener {
  return (request, response) => {
    const { view } = passedOf(request)
    const call: ServiceCall = {
      method: view.method,
      path: view.path,
      head: view,
      clientAddress: view.clientAddress,
      body: bodyReader(request),
    }
    routes(call).then(
      (reply) => write(response, reply),
      (error: unknown) => {
        logger.error({ err: error }, "a route of the service failed")
        write(response, renderUnavailable())
      },
    )
  }
}

function write(response: ServerResponse, reply: Reply): void {
  if (response.destroyed || response.headersSent) return
  response.statusCode = reply.status
  for (const [name, value] of reply.headers) response.appendHeader(name, value)
  if (reply.body !== null) response.setHeader("content-length", Buffer.byteLength(reply.body))
  response.end(reply.body ?? undefined)
}
