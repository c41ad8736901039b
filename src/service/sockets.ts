import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http"
import { createServer as createTlsServer, type Server as TlsServer } from "node:https"
import { readOverload } from "../checklist/overload/index.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import type { Configuration } from "./configuration.ts"
import { HANDSHAKE_MS } from "./tls.ts"

/** Requests in flight get this long to finish when the service is told to stop. */
const DRAIN_MS = 10_000
const DRAIN_CHECK_MS = 25

export interface Address {
  readonly host: string
  readonly port: number
}

/** The service's server: https when it has a certificate, else plain http. */
export function openServer(configuration: Configuration, listener: RequestListener): Server | TlsServer {
  const limits = limitsOf(configuration)
  const { tls } = configuration
  if (tls === undefined) return createServer(limits, listener)
  const options = {
    ...limits,
    ...tls.loaded.context,
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_MS,
  } as const
  return createTlsServer(options, listener)
}

/** What a server takes only when it is made: the size of a request's head. Read again, with its faults, by the latch. */
export function limitsOf({ options }: Configuration): ServerOptions {
  const { maxHeaderBytes, connectionsCheckingIntervalMs } = readOverload(
    options.overload,
    new Faults(),
  ).serverLimits
  return { maxHeaderSize: maxHeaderBytes, connectionsCheckingInterval: connectionsCheckingIntervalMs }
}

/**
 * @param names what the port and the host are called in a fault
 * @throws MisuseError when the address is taken or not this machine's
 */
export function listen(
  server: Server | TlsServer,
  address: Address,
  names: { readonly port: string; readonly host: string },
): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const problem = LISTEN_PROBLEMS[error.code ?? ""]
      if (problem === undefined) return reject(error)
      const [which, text, fix] = problem
      reject(new MisuseError([{ code: "configuration.listen", path: names[which], problem: text, fix }]))
    })
    server.listen(address, () => {
      const taken = server.address()
      if (taken === null || typeof taken === "string") return reject(new Error("no address to listen on"))
      resolve({ host: taken.address, port: taken.port })
    })
  })
}

const LISTEN_PROBLEMS: Readonly<Record<string, readonly ["port" | "host", string, string]>> = {
  EADDRINUSE: [
    "port",
    "another program listens on this port",
    "Stop it, or choose another: PORT=3001 or --port 3001",
  ],
  EACCES: [
    "port",
    "this user may not listen on this port",
    "Choose one above 1023 and let a proxy take 443.",
  ],
  EADDRNOTAVAIL: [
    "host",
    "this machine does not have this address",
    "Use 127.0.0.1, or 0.0.0.0 in a container.",
  ],
  ENOTFOUND: ["host", "this name has no address", "Use 127.0.0.1, or 0.0.0.0 in a container."],
}

/** Keep-alive connections that are idle are closed again and again, since one may have become idle a moment ago. */
export async function drain(server: Server | TlsServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const idle = setInterval(() => server.closeIdleConnections(), DRAIN_CHECK_MS)
  const late = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}
