import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http"
import type { HeaderList, Reply } from "../core/request.ts"
import { GUARDS_OWN, isDeliberate, joinVary } from "./merge.ts"

type GivenHeaders = OutgoingHttpHeaders | readonly OutgoingHttpHeader[]

/** Writes a whole answer in one piece. */
export function writeReply(response: ServerResponse, reply: Reply): void {
  if (response.headersSent || response.destroyed) return
  const lines: string[] = []
  for (const [name, value] of reply.headers) lines.push(name, value)
  if (reply.body !== null) lines.push("content-length", String(Buffer.byteLength(reply.body)))
  else if (reply.status !== 204 && reply.status !== 304) lines.push("content-length", "0")
  response.writeHead(reply.status, lines)
  response.end(reply.body ?? undefined)
}

/**
 * The guard's headers have the last word: they are merged at the moment the application's headers are written, whoever
 * writes them, because frameworks replace what was set early. `headers` is asked for then, so that later rules can add.
 */
export function haveLastWord(response: ServerResponse, headers: () => HeaderList): void {
  const write = response.writeHead
  response.writeHead = function lastWord(this: ServerResponse, status: number, ...rest: unknown[]) {
    const [first, second] = rest
    const reason = typeof first === "string" ? first : undefined
    const given = (typeof first === "string" ? second : first) as GivenHeaders | undefined
    if (given !== undefined) setGiven(this, given)
    merge(this, headers())
    if (reason !== undefined) this.statusMessage = reason
    return write.call(this, status)
  } as ServerResponse["writeHead"]
}

function merge(response: ServerResponse, headers: HeaderList): void {
  for (const name of GUARDS_OWN) if (response.hasHeader(name)) response.removeHeader(name)
  for (const [name, value] of headers) {
    const own = response.getHeader(name)
    if (own === undefined) response.setHeader(name, value)
    else if (name === "vary") response.setHeader(name, joinVary(String(own), value))
    else if (!isDeliberate(name, String(own))) response.setHeader(name, value)
  }
}

/** What was handed to `writeHead`: an object, a flat list or a list of pairs. */
function setGiven(response: ServerResponse, given: GivenHeaders): void {
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given as OutgoingHttpHeaders)) {
      if (value !== undefined) response.setHeader(name, value)
    }
    return
  }
  const replaced = new Set<string>()
  const pairs = (Array.isArray(given[0]) ? given : chunk(given)) as readonly (readonly [
    string,
    string | string[],
  ])[]
  for (const [name, value] of pairs) {
    if (!replaced.has(name.toLowerCase())) response.removeHeader(name)
    replaced.add(name.toLowerCase())
    response.appendHeader(name, value)
  }
}

function chunk(flat: readonly OutgoingHttpHeader[]): [OutgoingHttpHeader, OutgoingHttpHeader][] {
  const pairs: [OutgoingHttpHeader, OutgoingHttpHeader][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) {
    pairs.push([flat[at] as OutgoingHttpHeader, flat[at + 1] as OutgoingHttpHeader])
  }
  return pairs
}

/** Takes the refresh cookie out of what application code sees, raw headers included. */
export function removeCookie(request: IncomingMessage, strip: (cookieHeader: string) => string): void {
  const { headers, rawHeaders } = request
  if (headers.cookie !== undefined) {
    const kept = strip(headers.cookie)
    if (kept === "") delete headers.cookie
    else headers.cookie = kept
  }
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    if ((rawHeaders[at] as string).toLowerCase() !== "cookie") continue
    const kept = strip(rawHeaders[at + 1] as string)
    if (kept === "") rawHeaders.splice(at, 2)
    else rawHeaders[at + 1] = kept
  }
}
