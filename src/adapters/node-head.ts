import type { IncomingMessage } from "node:http"
import type { Server, Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { UNKNOWN } from "../core/address.ts"
import type { RequestHead } from "../core/request.ts"

/** A request head over node's own message: nothing is copied until it is asked for. */
export class NodeHead implements RequestHead {
  readonly method: string
  readonly target: string
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage) {
    this.#request = request
    this.method = request.method ?? ""
    this.target = originForm(request.url ?? "")
  }

  get peerAddress(): string | undefined {
    const { socket } = this.#request
    return socket.remoteAddress ?? (isGone(socket) ? UNKNOWN : undefined)
  }

  get encrypted(): boolean {
    return (this.#request.socket as TLSSocket).encrypted === true
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return typeof value === "string" ? value : value?.[0]
  }

  /** From the raw list, because node joins or drops what came twice. */
  headerValues(name: string): readonly string[] {
    const raw = this.#request.rawHeaders
    const values: string[] = []
    for (let at = 0; at < raw.length; at += 2) {
      const candidate = raw[at] as string
      if (candidate.length === name.length && candidate.toLowerCase() === name)
        values.push(raw[at + 1] as string)
    }
    return values
  }
}

/** `GET http://host/path` (absolute form, RFC 9112, section 3.2.2) is judged by its path like any other. */
function originForm(target: string): string {
  if (target.startsWith("/")) return target
  const match = /^https?:\/\/[^/?#]*/i.exec(target)
  if (match === null) return target
  const rest = target.slice(match[0].length)
  return rest.startsWith("/") ? rest : `/${rest}`
}

/**
 * Whether a socket without an address at its other end is one whose client has reset the connection (getpeername fails then),
 * and no Unix socket: whoever is believed on one of these must not be whoever hangs up quickly.
 */
function isGone(socket: Socket & { readonly server?: Server }): boolean {
  const listening = socket.server?.address()
  const overIp = typeof listening === "object" && listening !== null
  return overIp || socket.destroyed || socket.localAddress !== undefined
}
