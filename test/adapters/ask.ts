/** Requests by the name that the service has, whatever port it got. */
import { once } from "node:events"
import { request as httpRequest, type Server } from "node:http"
import type { AddressInfo } from "node:net"

export const HOST = "localhost:3000"

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

export function askAt(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port,
      host: "127.0.0.1",
      method,
      path,
      headers: { host: HOST, ...headers },
      agent: false,
    })
    request.on("response", (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      const done = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      response.on("end", done).on("error", done)
    })
    request.on("error", reject)
    request.end(body)
  })
}
