import * as z from "zod"
import { isLoopback } from "../../core/loopback.ts"
import { type Faults, nearest, readBySchema } from "../../core/misuse.ts"
import { type CookiePolicy, createCookiePolicy } from "./cookie.ts"

export interface CookieOptions {
  /**
   * How the service and its browsers stand to each other. Default `one-host`: everything is one host, so cookies get no
   * Domain. On an http origin with a loopback name it is `loopback-http`, which needs no mention.
   */
  readonly topology?: "one-host"
}

const NOT_BUILT = ["sub-domains", "shared-host", "cross-site"]

const SCHEMA = z.strictObject({ topology: z.string({ error: "it is a text" }).optional() })

/** @returns the policy; with faults, the one the origin alone gives */
export function readCookies(input: unknown, origin: URL, faults: Faults): CookiePolicy {
  const byOrigin = origin.protocol === "http:" && isLoopback(origin.hostname) ? "loopback-http" : "one-host"
  const options = readBySchema(SCHEMA, input ?? {}, "cookie", faults)
  const asked = options?.topology
  if (asked !== undefined && asked !== "one-host" && asked !== byOrigin) judge(asked, faults)
  return createCookiePolicy(byOrigin, origin)
}

function judge(topology: string, faults: Faults): void {
  const path = "cookie.topology"
  if (NOT_BUILT.includes(topology)) {
    faults.add("cookie.not_built", path, `"${topology}" is not built yet`, 'Use "one-host", the default.')
  } else if (topology === "loopback-http") {
    const fix = "Remove it, or set the origin to http://localhost:3000."
    faults.add("cookie.not_loopback", path, "the origin is not an http origin with a loopback name", fix)
  } else {
    const near = nearest(topology, ["one-host", ...NOT_BUILT])
    const fix = near === undefined ? 'Use "one-host", the default.' : `Did you mean "${near}"?`
    faults.add("cookie.unknown_topology", path, "there is no such topology", fix)
  }
}
