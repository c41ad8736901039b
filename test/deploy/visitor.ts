/** Visitors of the bundle's nginx: ordinary ones, and ones that write their requests by hand. */
import { type Agent, type RequestOptions, request } from "node:https"
import { connect as connectPlain, type Socket } from "node:net"
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls"
import { DOMAIN } from "./edge.ts"

export interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly rawHeaders: readonly string[]
  readonly text: string
  /** Of the certificate that was shown. */
  readonly serial: string
}

export interface Visit {
  readonly port: number
  readonly ca?: string
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly json?: unknown
  readonly body?: string | Buffer
  readonly agent?: Agent
  /** Its own address, in 127.0.0.0/8. */
  readonly from?: string
  readonly options?: RequestOptions
}

export function visit(wanted: Visit): Promise<Got> {
  const body = wanted.json === undefined ? wanted.body : JSON.stringify(wanted.json)
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: "127.0.0.1",
        servername: DOMAIN,
        port: wanted.port,
        path: wanted.path ?? "/healthz",
        method: wanted.method ?? (body === undefined ? "GET" : "POST"),
        agent: wanted.agent ?? false,
        ...(wanted.ca === undefined ? {} : { ca: wanted.ca }),
        ...(wanted.from === undefined ? {} : { localAddress: wanted.from }),
        headers: {
          host: DOMAIN,
          ...(wanted.json === undefined
            ? {}
            : { "content-type": "application/json", origin: `https://${DOMAIN}` }),
          ...wanted.headers,
        },
        ...wanted.options,
      },
      (response) => {
        const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber ?? ""
        let text = ""
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part
        })
        response.on("error", reject)
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            text,
            serial,
          }),
        )
      },
    )
    asked.on("error", (error) => reject(Object.assign(error, { reused: asked.reusedSocket })))
    asked.end(body)
  })
}

/** Sends bytes as they are and returns all that comes back until the other side closes, or nothing comes for a while. */
export async function speak(
  to: {
    readonly port: number
    readonly tls: boolean
    readonly name?: string
    readonly from?: string
    readonly options?: ConnectionOptions
  },
  text: string | Buffer,
  quietMs: number = 1_500,
): Promise<string> {
  const at = {
    host: "127.0.0.1",
    port: to.port,
    ...(to.from === undefined ? {} : { localAddress: to.from }),
  }
  const socket: Socket = to.tls
    ? connect({ ...at, servername: to.name ?? DOMAIN, rejectUnauthorized: false, ...to.options })
    : connectPlain(at)
  return new Promise((resolve) => {
    let answer = ""
    socket.on("data", (part) => {
      answer += part.toString("latin1")
    })
    socket.on(to.tls ? "secureConnect" : "connect", () => socket.write(text))
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on("error", (error: NodeJS.ErrnoException) => {
      answer ||= `error: ${error.code ?? error.message}`
    })
    socket.on("close", () => resolve(answer))
  })
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.\d (\d{3})/.exec(answer)?.[1] ?? 0)

/** Of each of several answers on one connection. */
export const statusesOf = (answers: string): readonly number[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
