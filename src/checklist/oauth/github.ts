/**
 * GitHub speaks OAuth without OpenID Connect: there is no ID token, so the person is asked for with the access token that
 * came for our own code, over TLS from GitHub itself. The subject is the numeric id, since a login name can be renamed and
 * taken by somebody else.
 * Source: GitHub, "Authorizing OAuth apps", "REST API endpoints for users" and "for emails".
 */
import { UnavailableError } from "../../core/unavailable.ts"
import { type Refusal, refuse } from "../../core/verdict.ts"
import {
  type Exchange,
  httpOptions,
  type Identified,
  isRecord,
  judge,
  readAnswer,
  readStrict,
  refuseCode,
} from "./exchange.ts"
import { readEmail, readName } from "./identity.ts"
import { IDENTITY, RESPONSE } from "./refusals.ts"

/** The newest version of the interface that these two paths were read against. */
const API_VERSION = "2022-11-28"

/** @throws UnavailableError when GitHub does not answer */
export async function identifyByGithub(
  exchange: Exchange,
  response: Response,
): Promise<Identified | Refusal> {
  const { library, connection, server, client } = exchange
  const answer = await readAnswer(exchange, response)
  // GitHub says 200 also when it refuses a code.
  if (answer !== undefined && "error" in answer) return refuseCode(exchange, String(answer.error))
  let accessToken: string
  try {
    const tokens = await library.processAuthorizationCodeResponse(server, client, response)
    accessToken = tokens.access_token
  } catch (error) {
    return judge(exchange, error, RESPONSE)
  }
  const user = await ask(exchange, accessToken, "/user")
  if (!isRecord(user)) return refuse(IDENTITY, "GitHub does not show the user")
  const { id } = user
  if (typeof id !== "number" || !Number.isSafeInteger(id) || id <= 0) {
    return refuse(IDENTITY, "the user has no number")
  }
  const address = primaryOf(await ask(exchange, accessToken, "/user/emails?per_page=100"))
  const email = readEmail(address?.email)
  return {
    identity: {
      provider: connection.policy.name,
      issuer: connection.githubIssuer,
      subject: String(id),
      email,
      // An address of a list may be anybody's until GitHub has verified it; only the primary one is what the person uses.
      emailProved: email !== undefined && address?.verified === true,
      name: readName(user.name) ?? readName(user.login),
    },
    tokens: undefined,
  }
}

/** @returns the parsed answer; undefined when the app or the person does not share it */
async function ask(exchange: Exchange, accessToken: string, path: string): Promise<unknown> {
  const { library, connection } = exchange
  const unusable = (why: string) => new UnavailableError(`provider ${connection.policy.name}: ${path} ${why}`)
  let response: Response
  try {
    response = await library.protectedResourceRequest(
      accessToken,
      "GET",
      new URL(`${connection.githubApi}${path}`),
      new Headers({ accept: "application/vnd.github+json", "x-github-api-version": API_VERSION }),
      null,
      httpOptions(exchange),
    )
  } catch (error) {
    throw error instanceof UnavailableError ? error : unusable("refuses the access token it gave us")
  }
  if (response.status === 403 || response.status === 404) return undefined
  const value = response.status === 200 ? await readStrict(response) : undefined
  if (value === undefined) throw unusable(`answered ${response.status} or no JSON`)
  return value
}

interface Address {
  readonly email?: unknown
  readonly primary?: unknown
  readonly verified?: unknown
}

function primaryOf(list: unknown): Address | undefined {
  if (!Array.isArray(list)) return undefined
  const primary = (list as readonly (Address | null)[]).filter((each) => each?.primary === true)
  return primary.length === 1 ? (primary[0] ?? undefined) : undefined
}
