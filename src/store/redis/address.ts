import { isLoopback } from "../../core/loopback.ts"
import type { Faults } from "../../core/misuse.ts"
import type { RedisConnection } from "./connection.ts"

/** `redis://` or `rediss://`, or a connection of your own. */
export type RedisOption = string | RedisConnection

export interface RedisAddress {
  readonly host: string
  readonly port: number
  /** Verified, with the certificates the process trusts. */
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
}

export type RedisPolicy =
  | { readonly kind: "address"; readonly address: RedisAddress }
  | { readonly kind: "connection"; readonly connection: RedisConnection }

const EXAMPLE = "Write it like rediss://user:password@redis.example.com:6379/0."

/** Reads the option `redis`; an address may hold a password and is never repeated. */
export function readRedis(input: unknown, faults: Faults): RedisPolicy | undefined {
  if (input === undefined) return undefined
  const fault = (code: string, problem: string, fix: string): undefined => {
    faults.add(code, "redis", problem, fix)
  }
  if (isConnection(input)) return { kind: "connection", connection: input }
  const url = typeof input === "string" ? URL.parse(input) : null
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === "") {
    return fault("redis.address", "it is not a redis:// or rediss:// address, nor a connection", EXAMPLE)
  }
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1]
  if (database === undefined || url.search !== "" || url.hash !== "") {
    return fault("redis.address", "after the host stands more than the number of a database", EXAMPLE)
  }
  const tls = url.protocol === "rediss:"
  if (!tls && !isPrivate(url.hostname)) {
    return fault(
      "redis.plain",
      "it would be spoken to in clear across the internet",
      "Use rediss://, with a valid certificate.",
    )
  }
  if (url.password === "" && !isLoopback(url.hostname)) {
    return fault(
      "redis.no_password",
      "it has no password, so whoever reaches that server resets limits and hears of revocations",
      "Set requirepass or a user in Redis, and write it like rediss://user:password@redis.example.com:6379.",
    )
  }
  const [username, password] = [decode(url.username), decode(url.password)]
  if (username === undefined || password === undefined) {
    return fault("redis.address", "user or password has a % that encodes nothing", "Write a % itself as %25.")
  }
  return {
    kind: "address",
    address: {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? 6379 : Number(url.port),
      tls,
      username: username === "" ? undefined : username,
      password: password === "" ? undefined : password,
      database: Number(database),
    },
  }
}

function isConnection(input: unknown): input is RedisConnection {
  const { send, subscribe } = (input ?? {}) as Partial<Record<keyof RedisConnection, unknown>>
  return typeof send === "function" && typeof subscribe === "function"
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/**
 * This machine, or a network that the internet does not reach: RFC 1918, RFC 4193, link-local, a name without a dot as
 * containers have it, and names reserved for private networks.
 */
function isPrivate(hostname: string): boolean {
  return (
    isLoopback(hostname) ||
    /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.)[\d.]+$/.test(hostname) ||
    /^\[f(?:[cd]|e[89ab])/i.test(hostname) ||
    /^[a-z][a-z0-9_-]*$/i.test(hostname) ||
    /\.(?:internal|local|lan|home\.arpa)$/i.test(hostname)
  )
}
