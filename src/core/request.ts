/** What an adapter knows about a request before any check has run. It has no body, no socket and no response. */
export interface RequestHead {
  /** As on the wire, upper case for the methods the field knows. */
  readonly method: string
  /** The request target as received, for example `/orders?open=1`. */
  readonly target: string
  /** The first value of a header, by its lower-case name. */
  header(name: string): string | undefined
  /** Every value as received, so that a header sent twice is seen twice. */
  headerValues(name: string): readonly string[]
  /**
   * The address of the socket's other end; undefined for a Unix socket and when the runtime does not tell, `"unknown"` for a
   * client that is gone already.
   */
  readonly peerAddress: string | undefined
  /** Whether this very connection is TLS. */
  readonly encrypted: boolean
}

/** Our cookies and the bearer token of a request, taken out by name, not yet verified. */
export interface Credentials {
  readonly access: string | undefined
  readonly refresh: string | undefined
  readonly device: string | undefined
  /** The token of `Authorization: Bearer …`; other schemes are none of our business. */
  readonly bearer: string | undefined
  /** Whether the request carries any cookie at all, ours or not. */
  readonly anyCookie: boolean
  /** The name of a cookie of ours that came twice. */
  readonly duplicate: string | undefined
}

/** What the checks see. */
export interface RequestView extends RequestHead {
  /** The target without query and fragment, not decoded. */
  readonly path: string
  /** The query without `?`, not decoded; empty when there is none. */
  readonly query: string
  /** The client's address after trusted proxies, normalised; IPv4-mapped IPv6 is IPv4. */
  readonly clientAddress: string
  /** Whether the client reached us by https, as far as this can be believed. */
  readonly secure: boolean
  readonly credentials: Credentials
}

/** One header line. */
export type Header = readonly [name: string, value: string]
export type HeaderList = readonly Header[]

/** A whole answer as a plain value: adapters render it, nothing changes it afterwards. */
export interface Reply {
  readonly status: number
  readonly headers: HeaderList
  readonly body: string | null
}

/** Methods that promise to change nothing (RFC 9110, section 9.2.1). */
export function isSafeMethod(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS"
}

/** A JSON answer. It is about somebody or something, so no cache keeps it. */
export function jsonReply(status: number, value: unknown, headers: HeaderList = []): Reply {
  return { status, headers: [...JSON_HEADERS, ...headers], body: JSON.stringify(value) }
}

/** An answer without a body. */
export function emptyReply(status: number, headers: HeaderList = []): Reply {
  return { status, headers: [["cache-control", "no-store"], ...headers], body: null }
}

const JSON_HEADERS: HeaderList = [
  ["content-type", "application/json"],
  ["cache-control", "no-store"],
]
