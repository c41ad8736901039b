import { createServer, type IncomingMessage, type Server, type ServerOptions } from "node:http"
import { newInstance, renderRefusal } from "../core/problem.ts"
import { refuse } from "../core/verdict.ts"

const HTTPS_REQUIRED = { status: 403, code: "https.required", title: "Use https." }

/**
 * Plain http beside https: a browser that opens a page is led to the same page by https. Everything else is refused: its
 * cookies and body have travelled in clear already, and a client that gets along with a redirect never learns.
 */
export function createRedirect(origin: string, limits: ServerOptions): Server {
  return createServer(limits, (request, response) => {
    response.shouldKeepAlive = false
    if (opensPage(request)) {
      response.writeHead(308, { location: origin + request.url, "content-length": "0" }).end()
      return
    }
    const { status, headers, body } = renderRefusal(
      refuse(HTTPS_REQUIRED, "plain http beside https"),
      newInstance(),
    )
    response.writeHead(status, headers.flat()).end(body)
  })
}

/** Newer browsers say so; of others, a reader of pages names HTML first and shows no credential. */
function opensPage({ method, url = "", headers }: IncomingMessage): boolean {
  if (method !== "GET" && method !== "HEAD") return false
  if (!url.startsWith("/") || headers.authorization !== undefined) return false
  const mode = headers["sec-fetch-mode"]
  return mode === undefined ? /^text\/html\b/.test(headers.accept ?? "") : mode === "navigate"
}
