import { isLoopback } from "./loopback.ts"

/** How a server is reached: a socket of this machine, its loopback interface, or a network. */
export type Reach = "socket" | "loopback" | "network"

export interface PostgresUrl {
  readonly user: string
  /** Empty when the URL has none. */
  readonly password: string
  /** A name, an address without brackets, or the folder of a socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly reach: Reach
  readonly parameters: URLSearchParams
}

const STANDARD_PORT = 5432

export function isPostgresUrl(text: string): boolean {
  return /^postgres(?:ql)?:/i.test(text)
}

/**
 * `postgres://user:password@host:port/database`; `?host=/var/run/postgresql` names the folder of a socket instead.
 * @returns undefined when it is no such URL; nothing of it is repeated anywhere, since it may hold a password
 */
export function parsePostgresUrl(text: string): PostgresUrl | undefined {
  const url = isPostgresUrl(text) ? URL.parse(text) : null
  if (url === null || url.hash !== "") return undefined
  try {
    const socket = url.searchParams.get("host")
    if (socket !== null && !socket.startsWith("/")) return undefined
    const host = socket ?? decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1")
    const user = decodeURIComponent(url.username)
    const database = decodeURIComponent(url.pathname.slice(1))
    if (host === "" || user === "" || database === "" || database.includes("/")) return undefined
    return {
      user,
      password: decodeURIComponent(url.password),
      host,
      port: url.port === "" ? STANDARD_PORT : Number(url.port),
      database,
      reach: reachOf(host),
      parameters: url.searchParams,
    }
  } catch {
    return undefined
  }
}

/** What images, tutorials and installers set, and what everybody tries first. */
const DEFAULT_PASSWORDS = new Set(
  "postgres postgresql password passw0rd p@ssw0rd admin root user test secret changeme change_me changethis example default docker mysecretpassword 1234 12345 123456 12345678 123456789 qwerty letmein nightlatch nightlatch_owner nightlatch_service".split(
    " ",
  ),
)

/** Whether the password is a published one, or follows from the URL's other parts. */
export function hasDefaultPassword({ user, password, database }: PostgresUrl): boolean {
  const guess = password.toLowerCase()
  return (
    guess !== "" &&
    (DEFAULT_PASSWORDS.has(guess) || [user, database].some((part) => part.toLowerCase() === guess))
  )
}

function reachOf(host: string): Reach {
  if (host.startsWith("/")) return "socket"
  const name = host.toLowerCase()
  // A name below localhost is this machine (RFC 6761), but many resolvers ask the network for it, and nobody would prove who
  // has answered.
  return name === "::1" || (isLoopback(name) && !name.endsWith(".localhost")) ? "loopback" : "network"
}
