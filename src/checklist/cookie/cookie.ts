/**
 * Attack: a cookie that scripts read, that another host plants or shadows, that travels in clear or with a foreign site's
 * request; and a server that matches names loosely and takes the planted one of two.
 * Promise: HttpOnly, Secure, SameSite=Strict, no Domain, all of it promised by the name's prefix; names compared byte for
 * byte, a name that comes twice is told, so that the request is refused; the refresh cookie can be cut out of a header.
 * Source: RFC 6265bis, sections 4.1.3 and 8.6; ASVS 3.3.
 */
import { MisuseError } from "../../core/misuse.ts"
import type { Credentials, Header, HeaderList } from "../../core/request.ts"
import { readBearer, readPairs, withoutCookie } from "./parse.ts"

export interface CookieNames {
  readonly access: string
  readonly refresh: string
  readonly device: string
}

/** `oauth_` is followed by what tells several flows of one browser apart. */
export type FlowCookieName = "sign_in" | "pending_link" | `oauth_${string}`

export interface FlowCookie {
  readonly name: string
  /** Undefined when it is absent, malformed or there twice. */
  read(cookieHeaders: readonly string[]): string | undefined
  set(value: string, maxAgeSeconds: number): Header
  clear(): Header
}

export interface CookiePolicy {
  readonly topology: "one-host" | "loopback-http"
  readonly names: CookieNames
  /**
   * Takes our cookies and the bearer token out of a request's raw header lines. Total: hostile input gives no values. A
   * bearer header that is malformed gives the empty string, so that it is seen and never valid.
   */
  read(cookieHeaders: readonly string[], authorization: readonly string[]): Credentials
  /**
   * @param maxAgeSeconds undefined for a cookie that the browser forgets when it closes
   * @throws MisuseError when the cookie would be longer than the 4,096 bytes that browsers keep
   */
  setAccess(value: string, maxAgeSeconds: number | undefined): Header
  setRefresh(value: string, maxAgeSeconds: number | undefined): Header
  /** 180 days. It selects a limit bucket, has no authority and survives logout. */
  setDevice(value: string): Header
  /**
   * A short-lived cookie that binds this browser to a flow and holds no authority by itself. It is Lax, because the request
   * that follows a click in a mail or a provider's redirect carries no Strict one.
   */
  flow(name: FlowCookieName): FlowCookie
  /** Expires the access and the refresh cookie. */
  clear(): HeaderList
  /** A Cookie header line without our refresh cookie; the rest is as it was. Empty when nothing is left. */
  stripRefresh(cookieHeader: string): string
}

/** Sent by browsers that know it only when HttpOnly was set too; older ones see `__Host-`. */
const PREFIX = "__Host-Http-"

// RFC 6265bis, section 5.6: browsers drop a cookie whose name and value are longer together.
const MOST_BYTES = 4096

const DEVICE_SECONDS = 180 * 86_400

const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"
const FLOW_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"

// What our tokens are made of; all of it is cookie-octet.
const VALUE = /^[A-Za-z0-9._~-]+$/

export function createCookiePolicy(topology: CookiePolicy["topology"], origin: URL): CookiePolicy {
  // Cookies ignore ports, so two services on localhost would overwrite each other's.
  const suffix = topology === "loopback-http" ? `_${origin.port === "" ? "80" : origin.port}` : ""
  const names: CookieNames = Object.freeze({
    access: `${PREFIX}access_token${suffix}`,
    refresh: `${PREFIX}refresh_token${suffix}`,
    device: `${PREFIX}known_device${suffix}`,
  })
  const expired: HeaderList = Object.freeze(
    [names.access, names.refresh].map(
      (name): Header => Object.freeze(["set-cookie", `${name}=; Max-Age=0; ${ATTRIBUTES}`] as const),
    ),
  )
  const wanted = [names.access, names.refresh, names.device] as const
  return Object.freeze({
    topology,
    names,
    read(cookieHeaders: readonly string[], authorization: readonly string[]): Credentials {
      const pairs = readPairs(cookieHeaders, wanted)
      return {
        access: pairs.values[0],
        refresh: pairs.values[1],
        device: pairs.values[2],
        bearer: authorization.length === 0 ? undefined : readBearer(authorization[0] ?? ""),
        anyCookie: pairs.any,
        duplicate: pairs.duplicate ?? (authorization.length > 1 ? "authorization" : undefined),
      }
    },
    setAccess: (value: string, maxAge: number | undefined) => set(names.access, value, maxAge),
    setRefresh: (value: string, maxAge: number | undefined) => set(names.refresh, value, maxAge),
    setDevice: (value: string) => set(names.device, value, DEVICE_SECONDS),
    flow(kind: FlowCookieName): FlowCookie {
      const name = `${PREFIX}${kind}${suffix}`
      return {
        name,
        read: (headers) => readPairs(headers, [name]).values[0],
        set: (value, maxAge) => set(name, value, maxAge, FLOW_ATTRIBUTES),
        clear: () => ["set-cookie", `${name}=; Max-Age=0; ${FLOW_ATTRIBUTES}`],
      }
    },
    clear: () => expired,
    stripRefresh: (header: string) => withoutCookie(header, names.refresh),
  })
}

function set(
  name: string,
  value: string,
  maxAgeSeconds: number | undefined,
  attributes: string = ATTRIBUTES,
): Header {
  const faulty = !VALUE.test(value) || Number.isNaN(maxAgeSeconds)
  if (faulty || name.length + value.length > MOST_BYTES) {
    throw new MisuseError([
      {
        code: faulty ? "cookie.bad_value" : "cookie.too_large",
        path: name,
        problem: faulty ? "the value is no token" : `name and value are longer than ${MOST_BYTES} bytes`,
        fix: faulty ? "Pass a token as it was issued." : "Give the account fewer or shorter roles.",
      },
    ])
  }
  const age = maxAgeSeconds === undefined ? "" : `Max-Age=${Math.max(0, Math.floor(maxAgeSeconds))}; `
  return ["set-cookie", `${name}=${value}; ${age}${attributes}`]
}
