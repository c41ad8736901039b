/**
 * The least that a server does to rotate over HTTP: node:http, one Ed25519 signature for the access token, the UPDATE, and
 * one commit for all that came in a turn; on PostgreSQL a commit for each. No parsing, no check, no limit, no header that is
 * not sent by the other side too.
 */
import { generateKeyPairSync, sign } from "node:crypto"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { BarePostgres } from "./bare-postgres.ts"
import { BareStore } from "./bare-store.ts"
import { answer } from "./process.ts"

const { privateKey } = generateKeyPairSync("ed25519")
const REFRESH = "x".repeat(112)
const CLAIMS = Buffer.alloc(420, "c")
let headers: string[] = []
let body = ""

function respond(response: ServerResponse): void {
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

function onSqlite(path: string): (response: ServerResponse) => void {
  const store = new BareStore(path)
  let waiting: ServerResponse[] = []
  function flush(): void {
    const batch = waiting
    waiting = []
    store.begin()
    for (const _ of batch) store.rotate()
    store.commit()
    for (const response of batch) respond(response)
  }
  return (response) => {
    if (waiting.push(response) === 1) setImmediate(flush)
  }
}

async function onPostgres(url: string): Promise<(response: ServerResponse) => void> {
  const store = await BarePostgres.open(url)
  return (response) => void store.rotate().then(() => respond(response))
}

const [place = ""] = process.argv.slice(2)
const take = place.startsWith("postgres") ? await onPostgres(place) : onSqlite(place)
const server = createServer((_request, response) => take(response))
await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
const { port } = server.address() as AddressInfo
answer((question) => {
  headers = (question.headers as string[] | undefined) ?? headers
  body = (question.body as string | undefined) ?? body
  return { port }
})
