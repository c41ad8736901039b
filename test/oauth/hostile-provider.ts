/** An OpenID provider that says whatever a test wants: every answer, every claim, every signature. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: URLSearchParams
}

export type Answer = (request: Received, response: ServerResponse) => void | Promise<void>

export interface Minting {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>> | string
  readonly key?: KeyObject
}

export interface Hostile {
  readonly issuer: string
  readonly received: Received[]
  /** What answers a path instead of the honest answer; tests set and delete. */
  readonly answers: Map<string, Answer>
  /** Members that replace those of the honest metadata; undefined removes one. */
  metadata: Readonly<Record<string, unknown>>
  /** Keys of the key set. */
  keys: readonly object[]
  /** Claims of an honest ID token for this nonce. */
  claims(nonce: string, now: number): Readonly<Record<string, unknown>>
  mint(minting: Minting): string
  close(): Promise<void>
}

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
const rsa = (): Pair => generateKeyPairSync("rsa", { modulusLength: 2048 })

/** Two keys of the set, so that a token has to say which; and one of a stranger. Made once: they take time. */
export const ONE: Pair = rsa()
export const TWO: Pair = rsa()
export const STRANGER: Pair = rsa()

export const PEM: string = ONE.publicKey.export({ type: "spki", format: "pem" }).toString()

export function jwk(pair: { readonly publicKey: KeyObject }, kid?: string): object {
  const named = kid === undefined ? {} : { kid }
  return { ...pair.publicKey.export({ format: "jwk" }), use: "sig", alg: "RS256", ...named }
}

export function part(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")
}

export function signRs256(header: object, claims: object | string, key: KeyObject = ONE.privateKey): string {
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`
}

export function signHs256(header: object, claims: object, secret: string | Buffer): string {
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`
}

export function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(typeof value === "string" ? value : JSON.stringify(value))
}

/** An endpoint that answers this, whatever it is asked. */
export const says =
  (value: unknown, status: number = 200): Answer =>
  (_request, response) =>
    json(response, status, value)

export async function openHostile(clientId: string): Promise<Hostile> {
  const received: Received[] = []
  const answers = new Map<string, Answer>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = (request.url ?? "").split("?")[0] ?? ""
    const body = new URLSearchParams(Buffer.concat(chunks).toString("utf8"))
    const seen = { method: request.method ?? "", path, headers: request.headers, body }
    received.push(seen)
    const answer = answers.get(path) ?? honest.get(path)
    if (answer === undefined) return void response.writeHead(404).end()
    await answer(seen, response)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const hostile: Hostile = {
    issuer,
    received,
    answers,
    metadata: {},
    keys: [jwk(ONE, "one"), jwk(TWO, "two")],
    claims(nonce, now) {
      const issuedAt = Math.floor(now / 1000)
      return {
        iss: issuer,
        aud: clientId,
        sub: "248289761001",
        nonce,
        iat: issuedAt,
        exp: issuedAt + 300,
        email: "ada@example.com",
        email_verified: true,
        name: "Ada",
      }
    },
    mint({ header = {}, claims, key }) {
      return signRs256({ alg: "RS256", kid: "one", typ: "JWT", ...header }, claims, key)
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    },
  }
  const honest = new Map<string, Answer>([
    [
      "/.well-known/openid-configuration",
      (_request, response) =>
        json(response, 200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
          ...hostile.metadata,
        }),
    ],
    ["/jwks", (_request, response) => json(response, 200, { keys: hostile.keys })],
  ])
  return hostile
}
