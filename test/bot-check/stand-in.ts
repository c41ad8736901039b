/**
 * Turnstile and hCaptcha as far as a service sees them: `siteverify` with the fields, the error codes and the single use that
 * their documentation describes, and the ways in which it can fail. Tokens are made here as their widgets make them.
 */
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { WidgetName } from "../../src/checklist/bot-check/index.ts"

export const SITE_KEY = "1x00000000000000000000BB"
export const SECRET_KEY = "1x0000000000000000000000000000000SECRET"

export type Failure =
  | "hangs"
  | "breaks off"
  | "500"
  | "404"
  | "429"
  | "garbage"
  | "not JSON"
  | "redirects"
  | "endless"

export interface Visit {
  readonly hostname?: string
  readonly action?: string
  readonly cdata?: string
  /** When the widget was used, in milliseconds since 1970. */
  readonly at: number
}

export interface StandIn {
  readonly verifyUrl: string
  /** Every question, with its fields. */
  readonly asked: URLSearchParams[]
  /** Where the redirect of a failure leads. */
  readonly followed: () => number
  failure: Failure | undefined
  /** What the widget gives to a page. */
  token(visit: Visit): string
  options(provider: WidgetName): {
    readonly provider: WidgetName
    readonly siteKey: string
    readonly secretKey: string
    readonly verifyUrl: string
  }
  close(): void
}

export async function openStandIn(
  provider: WidgetName,
  lifetimeMs: number,
  clock: () => number,
): Promise<StandIn> {
  const visits = new Map<string, Visit>()
  const seen = new Set<string>()
  const asked: URLSearchParams[] = []
  let followed = 0

  function answer(fields: URLSearchParams): object {
    const refused = (...codes: string[]) => ({ success: false, "error-codes": codes })
    const secret = fields.get("secret")
    if (secret === null) return refused("missing-input-secret")
    if (secret !== SECRET_KEY) return refused("invalid-input-secret")
    const token = fields.get("response") ?? ""
    if (token === "") return refused("missing-input-response")
    if (provider === "hcaptcha" && fields.get("sitekey") !== SITE_KEY)
      return refused("sitekey-secret-mismatch")
    const visit = visits.get(token)
    if (visit === undefined) return refused("invalid-input-response")
    const over = clock() - visit.at > lifetimeMs
    if (provider === "turnstile" && (over || seen.has(token))) return refused("timeout-or-duplicate")
    if (over) return refused("expired-input-response")
    if (seen.has(token)) return refused("already-seen-response")
    seen.add(token)
    const { hostname = "localhost", action = "", cdata = "" } = visit
    const challenge_ts = new Date(visit.at).toISOString()
    return provider === "turnstile"
      ? { success: true, challenge_ts, hostname, "error-codes": [], action, cdata, metadata: {} }
      : { success: true, challenge_ts, hostname, credit: false }
  }

  function fail(failure: Failure, response: ServerResponse): void {
    switch (failure) {
      case "hangs":
        return
      case "breaks off":
        response.writeHead(200, { "content-length": "100" }).write("{")
        return void setTimeout(() => response.destroy(), 20)
      case "500":
        return void response.writeHead(500).end('{"success":true}')
      case "404":
        return void response.writeHead(404).end("<!doctype html><title>Not found</title>")
      case "429":
        return void response.writeHead(429).end()
      case "garbage":
        return void response.end('{"success":"yes","hostname":"localhost"}')
      case "not JSON":
        return void response.end("<!doctype html><title>success</title>")
      case "redirects":
        return void response.writeHead(307, { location: "/followed" }).end()
      case "endless":
        for (let kilobytes = 0; kilobytes < 64; kilobytes++) response.write(" ".repeat(1024))
        return void response.end('{"success":true}')
    }
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (request.url === "/followed") followed++
    if (standIn.failure !== undefined && request.url !== "/followed") return fail(standIn.failure, response)
    const right =
      request.method === "POST" && request.headers["content-type"] === "application/x-www-form-urlencoded"
    const fields = new URLSearchParams(right ? Buffer.concat(chunks).toString("utf8") : "")
    asked.push(fields)
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer(fields)))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const verifyUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/siteverify`
  let made = 0
  const standIn: StandIn = {
    verifyUrl,
    asked,
    followed: () => followed,
    failure: undefined,
    token(visit) {
      const token = `0.${"x".repeat(300)}-${made++}_T`
      visits.set(token, visit)
      return token
    },
    options: () => ({ provider, siteKey: SITE_KEY, secretKey: SECRET_KEY, verifyUrl }),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return standIn
}
