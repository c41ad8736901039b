import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"

export interface OverloadOptions {
  /** Largest body a flow reads, in bytes. Default 65,536: the largest of ours is under 2 KiB. */
  readonly bodyBytes?: number
  /** Largest head of a request, in bytes. Default 16,384: room for an access token, a refresh token and others' cookies. */
  readonly headerBytes?: number
  /** Most header lines of a request. Default 100. */
  readonly headerCount?: number
  /** Seconds a client has for the head of a request. Default 10. */
  readonly headerSeconds?: number
  /** Seconds a client has for a whole request. Default 30. */
  readonly requestSeconds?: number
  /** Seconds a connection may rest between requests. Default 5. */
  readonly idleSeconds?: number
  /** Connections open at once; further ones are closed. Default 10,000. */
  readonly connections?: number
  /** Milliseconds the event loop may be late before requests are shed. Default 200. */
  readonly loopDelayMs?: number
}

/** What the service sets on its `http.Server`. */
export interface ServerLimits {
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** How often the two time limits are looked after. */
  readonly connectionsCheckingIntervalMs: number
  readonly maxHeaderBytes: number
  readonly maxHeaderCount: number
  readonly maxConnections: number
}

export interface OverloadPolicy {
  readonly bodyBytes: number
  readonly loopDelayMs: number
  readonly serverLimits: ServerLimits
}

const number = z.number().optional()
const SCHEMA = z.strictObject({
  bodyBytes: number,
  headerBytes: number,
  headerCount: number,
  headerSeconds: number,
  requestSeconds: number,
  idleSeconds: number,
  connections: number,
  loopDelayMs: number,
})

/** Default, least, most, and the unit for the message. None of them can be switched off. */
const RANGES = {
  bodyBytes: [65_536, 4096, 16_777_216, "bytes"],
  headerBytes: [16_384, 8192, 65_536, "bytes"],
  headerCount: [100, 20, 1000, "lines"],
  headerSeconds: [10, 1, 120, "seconds"],
  requestSeconds: [30, 1, 600, "seconds"],
  idleSeconds: [5, 1, 600, "seconds"],
  connections: [10_000, 10, 1_000_000, "connections"],
  loopDelayMs: [200, 20, 5000, "milliseconds"],
} as const

type Name = keyof typeof RANGES

export function readOverload(input: unknown, faults: Faults): OverloadPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "overload", faults) ?? {}
  const read = (name: Name): number => {
    const [standard, least, most, unit] = RANGES[name]
    const value = options[name] ?? standard
    if (Number.isFinite(value) && value >= least && value <= most) return value
    const problem = `it is not from ${least} to ${most} ${unit}`
    faults.add("overload.range", `overload.${name}`, problem, `The default is ${standard} ${unit}.`)
    return standard
  }
  const headerSeconds = read("headerSeconds")
  const requestSeconds = read("requestSeconds")
  if (headerSeconds > requestSeconds) {
    const problem = "a whole request gets less time than its head alone"
    faults.add("overload.range", "overload.requestSeconds", problem, "Make it at least headerSeconds.")
  }
  return Object.freeze({
    bodyBytes: read("bodyBytes"),
    loopDelayMs: read("loopDelayMs"),
    serverLimits: Object.freeze({
      headersTimeoutMs: headerSeconds * 1000,
      requestTimeoutMs: requestSeconds * 1000,
      keepAliveTimeoutMs: read("idleSeconds") * 1000,
      // Node looks every 30 s by default, so a limit of 10 s would be one of up to 40.
      connectionsCheckingIntervalMs: 1000,
      maxHeaderBytes: read("headerBytes"),
      maxHeaderCount: read("headerCount"),
      maxConnections: read("connections"),
    }),
  })
}
