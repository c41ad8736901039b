import type { AuthorizationServer } from "oauth4webapi"
import type { Clock } from "../../core/clock.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { ProviderPolicy } from "./policy.ts"
import { createTransport, mayAsk, type Transport } from "./transport.ts"

export type Library = typeof import("oauth4webapi")

/** Loaded when the first person chooses a provider: a service without one never pays for it. */
export const loadLibrary = (): Promise<Library> => import("oauth4webapi")

/** Where the well-known providers live. Tests put stand-ins here; no option does. */
export interface Endpoints {
  readonly google: string
  readonly github: string
  readonly githubApi: string
  readonly microsoft: string
  readonly apple: string
}

export const ENDPOINTS: Endpoints = Object.freeze({
  google: "https://accounts.google.com",
  github: "https://github.com",
  githubApi: "https://api.github.com",
  microsoft: "https://login.microsoftonline.com",
  apple: "https://appleid.apple.com",
})

/** One provider as it is asked: its metadata, and a bounded way there. */
export interface Connection {
  readonly policy: ProviderPolicy
  readonly transport: Transport
  /** Whether it is reached by http, which only a loopback one may be. */
  readonly insecure: boolean
  /** Metadata, from memory for an hour. @throws UnavailableError */
  server(): Promise<AuthorizationServer>
  /** GitHub's interface for what it knows about a person. */
  readonly githubApi: string
  /** The key of GitHub's identities, which is not the issuer of its answers. */
  readonly githubIssuer: string
}

/** In the issuer of Microsoft's multi-tenant metadata; each token names the tenant instead. */
export const TENANT = "{tenantid}"

// Metadata change with a provider's releases, keys more often: the library reads those again after five minutes.
const METADATA_MS = 3_600_000

export function createConnection(input: {
  readonly policy: ProviderPolicy
  readonly endpoints: Endpoints
  readonly fetch: typeof fetch
  readonly timeoutMs: number
  readonly clock: Clock
}): Connection {
  const { policy, endpoints, clock } = input
  const place = placeOf(policy, endpoints)
  const insecure = place.discovery.startsWith("http:")
  const transport = createTransport({
    provider: policy.name,
    fetch: input.fetch,
    insecure,
    timeoutMs: input.timeoutMs,
  })
  let known: { readonly server: AuthorizationServer; readonly readAt: number } | undefined
  let reading: Promise<AuthorizationServer> | undefined

  async function read(): Promise<AuthorizationServer> {
    const server = policy.kind === "github" ? githubServer(endpoints.github) : await discover()
    known = { server, readAt: clock() }
    return server
  }

  async function discover(): Promise<AuthorizationServer> {
    const library = await loadLibrary()
    const unusable = (why: string) => new UnavailableError(`provider ${policy.name}: its metadata ${why}`)
    const options = { [library.customFetch]: transport, [library.allowInsecureRequests]: insecure }
    let server: AuthorizationServer
    try {
      const response = await library.discoveryRequest(new URL(place.discovery), options)
      server = await library.processDiscoveryResponse(new URL(place.issuer), response)
    } catch (error) {
      if (error instanceof UnavailableError) throw error
      throw unusable(
        error instanceof library.OperationProcessingError ? `: ${error.message}` : "cannot be read",
      )
    }
    // The library compares addresses; tokens, answers and identities are compared to the character.
    if (server.issuer !== place.issuer) {
      throw unusable(`name the issuer ${JSON.stringify(server.issuer.slice(0, 200))}, not the configured one`)
    }
    for (const endpoint of ["authorization_endpoint", "token_endpoint", "jwks_uri"] as const) {
      const url = URL.parse(String(server[endpoint]))
      if (url === null || !mayAsk(url, insecure)) throw unusable(`have no https ${endpoint}`)
    }
    return server
  }

  return {
    policy,
    transport,
    insecure,
    githubApi: endpoints.githubApi,
    githubIssuer: endpoints.github,
    async server() {
      if (known !== undefined && clock() - known.readAt < METADATA_MS) return known.server
      reading ??= read().finally(() => {
        reading = undefined
      })
      return reading
    },
  }
}

function placeOf(policy: ProviderPolicy, endpoints: Endpoints): { discovery: string; issuer: string } {
  if (policy.kind === "microsoft") {
    const { tenant = "" } = policy
    const several = tenant === "common" || tenant === "organizations"
    const at = (where: string) => `${endpoints.microsoft}/${where}/v2.0`
    return { discovery: at(tenant), issuer: at(several ? TENANT : tenant) }
  }
  const issuer = policy.kind === "oidc" ? (policy.issuer ?? "") : endpoints[policy.kind]
  return { discovery: issuer, issuer }
}

/** GitHub speaks OAuth, not OpenID Connect: no metadata for this purpose, no ID tokens. */
function githubServer(base: string): AuthorizationServer {
  return Object.freeze({
    // What its callbacks carry as `iss` (RFC 9207), since April 2026.
    issuer: `${base}/login/oauth`,
    authorization_endpoint: `${base}/login/oauth/authorize`,
    token_endpoint: `${base}/login/oauth/access_token`,
    token_endpoint_auth_methods_supported: ["client_secret_post"],
  })
}
