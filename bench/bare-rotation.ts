/**
 * The least that a server does to rotate over HTTP: node:http, one Ed25519 signature for the access token, the UPDATE, and
 * one commit for all that came in a turn. No parsing, no check, no limit, no header that is not sent by the other side too.
 */
import { generateKeyPairSync, sign } from "node:crypto"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { BareStore } from "./bare-store.ts"
import { answer } from "./process.ts"

const store = new BareStore(process.argv[2] ?? "")
const { privateKey } = generateKeyPairSync("ed25519")
const REFRESH = "x".repeat(112)
const CLAIMS = Buffer.alloc(420, "c")
let headers: string[] = []
let body = ""
let waiting: ServerResponse[] = []

function flush(): void {
  const batch = waiting
  waiting = []
  store.begin()
  for (const _ of batch) store.rotate()
  store.commit()
  for (const response of batch) {
    const token = `${CLAIMS.toString("base64url")}.${sign(null, CLAIMS, privateKey).toString("base64url")}`
    response.writeHead(200, [
      ...headers,
      "set-cookie",
      `__Host-Http-access_token_3000=${token}; Max-Age=899; Path=/; Secure; HttpOnly; SameSite=Strict`,
      "set-cookie",
      `__Host-Http-refresh_token_3000=${REFRESH}; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Strict`,
    ])
    response.end(body)
  }
}

const server = createServer((_request, response) => {
  if (waiting.push(response) === 1) setImmediate(flush)
})
await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
const { port } = server.address() as AddressInfo
answer((question) => {
  headers = (question.headers as string[] | undefined) ?? headers
  body = (question.body as string | undefined) ?? body
  return { port }
})
