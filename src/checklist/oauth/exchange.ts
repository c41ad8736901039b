import type { AuthorizationServer, Client, ClientAuth } from "oauth4webapi"
import { parseStrictJsonBytes } from "../../core/json.ts"
import type { Logger } from "../../core/logger.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { type Refusal, type RefusalKind, refuse } from "../../core/verdict.ts"
import type { Connection, Library } from "./connection.ts"
import type { Flow } from "./flow-cookie.ts"
import { SKEW_SECONDS } from "./id-token.ts"
import type { OauthIdentity } from "./identity.ts"
import { RESPONSE } from "./refusals.ts"

/** The provider's tokens, for who asked to keep them. The caller encrypts them. */
export interface ProviderTokens {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  /** Milliseconds since 1970; undefined when the provider does not say. */
  readonly expiresAt: number | undefined
  readonly scope: string | undefined
}

export interface Identified {
  readonly identity: OauthIdentity
  readonly tokens: ProviderTokens | undefined
}

/** One code on its way to an identity. */
export interface Exchange {
  readonly library: Library
  readonly connection: Connection
  readonly server: AuthorizationServer
  readonly client: Client
  readonly flow: Flow
  /** Milliseconds since 1970. */
  readonly now: number
  readonly logger: Logger
}

/** For every request of the library. */
export function httpOptions({ library, connection }: Pick<Exchange, "library" | "connection">): object {
  return {
    [library.customFetch]: connection.transport,
    [library.allowInsecureRequests]: connection.insecure,
  }
}

export function clientOf(library: Library, clientId: string, now: number): Client {
  return {
    client_id: clientId,
    // The library reads the system's clock; ours is handed in.
    [library.clockSkew]: Math.round((now - Date.now()) / 1000),
    [library.clockTolerance]: SKEW_SECONDS,
  }
}

/**
 * Sends the code, with the PKCE verifier and this provider's own redirect URI.
 * @param parameters the callback, as the library validated it
 */
export function sendCode(exchange: Exchange, parameters: URLSearchParams): Promise<Response> {
  const { library, connection, server, client, flow } = exchange
  const { redirectUri } = connection.policy
  const proof = authenticate(exchange)
  const options = httpOptions(exchange)
  return library.authorizationCodeGrantRequest(
    server,
    client,
    proof,
    parameters,
    redirectUri,
    flow.verifier,
    options,
  )
}

/**
 * A token endpoint's answer, read before the library reads it with a lenient parser; undefined unless its status is 200.
 * @throws UnavailableError when it is no object in strict JSON
 */
export async function readAnswer(
  { connection }: Exchange,
  response: Response,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (response.status !== 200) return undefined
  const value = await readStrict(response.clone())
  if (isRecord(value)) return value
  throw new UnavailableError(`provider ${connection.policy.name}: its token endpoint answers no strict JSON`)
}

export async function readStrict(response: Response): Promise<unknown> {
  return parseStrictJsonBytes(new Uint8Array(await response.arrayBuffer()))
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function authenticate({ library, connection, server, now }: Exchange): ClientAuth {
  const secret = connection.policy.clientSecret?.(now)
  if (secret === undefined) return library.None()
  // Where both are offered the body is safer: several servers forget to decode what RFC 6749, 2.3.1 encodes for Basic.
  const methods = server.token_endpoint_auth_methods_supported
  return methods === undefined ||
    (methods.includes("client_secret_basic") && !methods.includes("client_secret_post"))
    ? library.ClientSecretBasic(secret)
    : library.ClientSecretPost(secret)
}

/** The code is bad, not we: the person starts again. */
const CODE_ERRORS = ["invalid_grant", "invalid_request", "bad_verification_code"]

/** A token endpoint's error. @throws UnavailableError when the person can do nothing about it */
export function refuseCode({ connection, logger }: Exchange, error: string): Refusal {
  const word = errorWord(error)
  if (CODE_ERRORS.includes(error)) return refuse(RESPONSE, `the token endpoint refused the code: ${word}`)
  const { name } = connection.policy
  logger.error({ provider: name, error: word }, "the provider refuses this service at its token endpoint")
  throw new UnavailableError(`provider ${name}: its token endpoint refuses this service: ${word}`)
}

/** An OAuth error code; anything else is a stranger's text and stays out of the log. */
export function errorWord(error: string): string {
  return /^[a-z_]{1,60}$/.test(error) ? error : "an unknown error"
}

/**
 * What the library threw, as one of ours: a refusal when the answer's content is wrong, unavailable when it is no answer.
 * Its messages are fixed texts; its causes hold tokens, so they end here.
 */
export function judge(exchange: Exchange, error: unknown, kind: RefusalKind): Refusal {
  const { library, connection } = exchange
  if (error instanceof UnavailableError) throw error
  if (error instanceof library.ResponseBodyError) return refuseCode(exchange, error.error)
  if (error instanceof library.WWWAuthenticateChallengeError) return refuseCode(exchange, "invalid_client")
  const known =
    error instanceof library.OperationProcessingError || error instanceof library.UnsupportedOperationError
  const codes: readonly (string | undefined)[] = [
    library.RESPONSE_IS_NOT_CONFORM,
    library.RESPONSE_IS_NOT_JSON,
    library.PARSE_ERROR,
  ]
  if (known && !codes.includes(error.code)) return refuse(kind, error.message)
  const why = known ? error.message : "its answer cannot be processed"
  throw new UnavailableError(`provider ${connection.policy.name}: ${why}`)
}
