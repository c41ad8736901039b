/** A server that speaks Vault's protocol as far as a reader of KV version 2 meets it, and that can be as ill as a real one. */
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import type { Issued } from "./certificates.ts"

interface Token {
  /** Prefixes below `/v1/` that it may read. */
  readonly reads: readonly string[]
  readonly lookup: boolean
  renewable: boolean
  /** In seconds; 0 never ends. */
  readonly ttl: number
  endsAt: number
}

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>>
}

export type Answer = (response: ServerResponse, received: Received) => void

export interface VaultServer {
  readonly address: string
  readonly received: Received[]
  /** Milliseconds; moved by tests. */
  now: number
  sealed: boolean
  /** When set, it answers instead. */
  instead: Answer | undefined
  /** A path that has an inner error. */
  refusing: string | undefined
  readonly namespace: string | undefined
  /** By path below the mount `secret`; null is a deleted newest version. */
  readonly secrets: Map<string, Readonly<Record<string, unknown>> | null>
  readonly tokens: Map<string, Token>
  readonly roles: Map<
    string,
    { readonly secretIds: Set<string>; readonly ttl: number; readonly renewable: boolean }
  >
  /** Service accounts by their token. */
  readonly accounts: Map<string, { readonly role: string; readonly ttl: number }>
  issue(more?: Partial<Token>): string
  asked(path: string): number
  close(): Promise<void>
}

const POLICY = ["secret/data/nightlatch"]

export async function openVault(
  options: { readonly tls?: Issued; readonly namespace?: string } = {},
): Promise<VaultServer> {
  const listener = (request: IncomingMessage, response: ServerResponse) => void serve(request, response)
  const { tls } = options
  const server =
    tls === undefined
      ? createServer(listener)
      : createTlsServer({ cert: tls.certificate, key: tls.key }, listener)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo

  const vault: VaultServer = {
    address: `${tls === undefined ? "http" : "https"}://localhost:${port}`,
    received: [],
    now: 0,
    sealed: false,
    instead: undefined,
    refusing: undefined,
    namespace: options.namespace,
    secrets: new Map(),
    tokens: new Map(),
    roles: new Map(),
    accounts: new Map(),
    issue(more = {}) {
      const token = `hvs.${randomBytes(24).toString("base64url")}`
      const { ttl = 3600 } = more
      const standard = { reads: POLICY, lookup: true, renewable: true }
      vault.tokens.set(token, { ...standard, ...more, ttl, endsAt: ends(ttl) })
      return token
    },
    asked: (path) => vault.received.filter((each) => each.path === path).length,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }

  const ends = (ttl: number) => (ttl === 0 ? Number.POSITIVE_INFINITY : vault.now + ttl * 1000)

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const received: Received = {
      method: request.method ?? "",
      path: (request.url ?? "").replace(/^\/v1\//, ""),
      headers: request.headers,
      body: text === "" ? {} : JSON.parse(text),
    }
    vault.received.push(received)
    if (vault.instead !== undefined) return vault.instead(response, received)
    const [status, body] = answer(received)
    send(response, status, body)
  }

  function answer(asked: Received): readonly [number, object] {
    if (asked.path === vault.refusing) return [500, { errors: ["1 error occurred"] }]
    if (vault.sealed) return [503, { errors: ["Vault is sealed"] }]
    const namespace = asked.headers["x-vault-namespace"]
    if (namespace !== vault.namespace)
      return [404, { errors: [`no handler for route "${asked.path}". route entry not found.`] }]
    if (asked.headers["x-vault-request"] !== "true")
      return [412, { errors: ["missing 'X-Vault-Request' header"] }]
    const { path, method, body } = asked
    if (path === "auth/approle/login" && method === "POST") return logInByRole(body)
    if (path === "auth/kubernetes/login" && method === "POST") return logInByAccount(body)
    if (path.startsWith("auth/") && path.endsWith("/login"))
      return [404, { errors: [`no handler for route "${path}". route entry not found.`] }]
    return answerTo(asked)
  }

  function answerTo({ path, method, headers }: Received): readonly [number, object] {
    const name = headers["x-vault-token"]
    if (typeof name !== "string") return [400, { errors: ["missing client token"] }]
    const token = vault.tokens.get(name)
    if (token === undefined || token.endsAt <= vault.now)
      return [403, { errors: ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"] }]
    const left = token.ttl === 0 ? 0 : Math.floor((token.endsAt - vault.now) / 1000)
    if (path === "auth/token/lookup-self" && method === "GET" && token.lookup) {
      const data = {
        accessor: "a",
        creation_ttl: token.ttl,
        id: name,
        renewable: token.renewable,
        ttl: left,
        type: "service",
      }
      return [200, { request_id: "r", lease_id: "", lease_duration: 0, data, wrap_info: null, auth: null }]
    }
    if (path === "auth/token/renew-self" && method === "POST") {
      if (!token.renewable) return [400, { errors: ["lease is not renewable"] }]
      token.endsAt = ends(token.ttl)
      return [200, authOf(name, token)]
    }
    if (!token.reads.includes(path) || method !== "GET")
      return [403, { errors: ["1 error occurred:\n\t* permission denied\n\n"] }]
    const secret = vault.secrets.get(path.replace(/^secret\/data\//, ""))
    if (secret === undefined) return [404, { errors: [] }]
    const metadata = {
      created_time: "2026-11-01T00:00:00Z",
      custom_metadata: null,
      destroyed: false,
      version: 3,
    }
    const gone = { ...metadata, deletion_time: "2026-11-02T00:00:00Z" }
    if (secret === null) return [404, { request_id: "r", data: { data: null, metadata: gone }, auth: null }]
    const data = { data: secret, metadata: { ...metadata, deletion_time: "" } }
    return [
      200,
      { request_id: "r", lease_id: "", lease_duration: 0, data, wrap_info: null, warnings: null, auth: null },
    ]
  }

  function logInByRole({ role_id, secret_id }: Received["body"]): readonly [number, object] {
    const role = vault.roles.get(String(role_id))
    if (role === undefined || !role.secretIds.has(String(secret_id)))
      return [400, { errors: ["invalid role or secret ID"] }]
    return logIn(role.ttl, role.renewable)
  }

  function logInByAccount({ role, jwt }: Received["body"]): readonly [number, object] {
    const account = vault.accounts.get(String(jwt))
    if (account === undefined) return [403, { errors: ["permission denied"] }]
    if (account.role !== role) return [400, { errors: [`invalid role name "${role}"`] }]
    return logIn(account.ttl, true)
  }

  function logIn(ttl: number, renewable: boolean): readonly [number, object] {
    const name = vault.issue({ ttl, renewable })
    return [200, authOf(name, { ttl, renewable })]
  }

  const authOf = (client_token: string, { ttl, renewable }: { ttl: number; renewable: boolean }) => ({
    request_id: "r",
    lease_id: "",
    renewable: false,
    lease_duration: 0,
    data: null,
    wrap_info: null,
    warnings: null,
    auth: {
      client_token,
      accessor: "a",
      policies: ["default", "nightlatch"],
      token_policies: ["default", "nightlatch"],
      metadata: {},
      lease_duration: ttl,
      renewable,
      entity_id: "e",
      token_type: "service",
      orphan: true,
    },
  })

  return vault
}

export function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" })
  response.end(JSON.stringify(body))
}
