import * as z from "zod"
import { isLoopback } from "../../core/loopback.ts"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import type { HeaderList } from "../../core/request.ts"

export interface CorsOptions {
  /** Other origins whose pages may call this one with cookies, for example `https://app.example.com`. Default none. */
  readonly origins?: readonly string[]
  /** Methods they may use besides GET, HEAD and POST. Default PUT, PATCH, DELETE. */
  readonly methods?: readonly string[]
  /** Request headers they may set. Default `content-type`, `x-nightlatch`, `x-nightlatch-bot-check`. */
  readonly headers?: readonly string[]
  /** Answer headers their scripts may read. Default the rate limit's. */
  readonly exposedHeaders?: readonly string[]
  /** How long a browser remembers a preflight, in seconds. Default 600, at most 7,200 (Chromium's own bound). */
  readonly maxAgeSeconds?: number
}

export interface CorsPolicy {
  readonly ownOrigin: string
  readonly origins: readonly string[]
  /** For answers to each listed origin. */
  readonly granted: ReadonlyMap<string, HeaderList>
  readonly methods: ReadonlySet<string>
  readonly headers: ReadonlySet<string>
  /** The rest of a preflight's answer. */
  readonly preflight: HeaderList
}

const SCHEMA = z.strictObject({
  origins: z.array(z.string()).optional(),
  methods: z.array(z.string()).optional(),
  headers: z.array(z.string()).optional(),
  exposedHeaders: z.array(z.string()).optional(),
  maxAgeSeconds: z.int().min(0).max(7200).optional(),
})

const ALWAYS_METHODS = ["GET", "HEAD", "POST"]
const METHODS = ["PUT", "PATCH", "DELETE"]
const HEADERS = ["content-type", "x-nightlatch", "x-nightlatch-bot-check"]
const EXPOSED = ["ratelimit", "ratelimit-policy", "retry-after"]
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Browsers never let a script use them (Fetch, forbidden methods). */
const FORBIDDEN_METHODS = ["CONNECT", "TRACE", "TRACK"]

export function readCors(input: unknown, origin: URL, faults: Faults): CorsPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "cors", faults) ?? {}
  const origins = (options.origins ?? []).filter((listed, index) => {
    const problem = faultOf(listed, origin)
    if (problem !== undefined)
      faults.add("cors.origin", `cors.origins.${index}`, problem.problem, problem.fix)
    return problem === undefined
  })
  const methods = [...ALWAYS_METHODS, ...(options.methods ?? METHODS)]
  for (const method of methods) {
    if (!/^[A-Z]+$/.test(method) || FORBIDDEN_METHODS.includes(method)) {
      faults.add(
        "cors.method",
        "cors.methods",
        "a value is not a method in capital letters that scripts may use",
        'Write them like ["PUT", "DELETE"].',
      )
    }
  }
  const headers = readNames(options.headers ?? HEADERS, "cors.headers", faults)
  const exposed = readNames(options.exposedHeaders ?? EXPOSED, "cors.exposedHeaders", faults)
  const granted = new Map<string, HeaderList>()
  for (const listed of origins) {
    const list: HeaderList = [
      ["access-control-allow-origin", listed],
      ["access-control-allow-credentials", "true"],
      ...(exposed.length === 0 ? [] : ([["access-control-expose-headers", exposed.join(", ")]] as const)),
    ]
    granted.set(listed, Object.freeze(list))
  }
  return Object.freeze({
    ownOrigin: origin.origin,
    origins: Object.freeze(origins),
    granted,
    methods: new Set(methods),
    headers: new Set(headers),
    preflight: Object.freeze([
      ["access-control-allow-methods", methods.join(", ")],
      ["access-control-allow-headers", headers.join(", ")],
      ["access-control-max-age", String(options.maxAgeSeconds ?? 600)],
      ["vary", "Access-Control-Request-Method, Access-Control-Request-Headers"],
    ] as const),
  })
}

function readNames(names: readonly string[], path: string, faults: Faults): string[] {
  if (names.some((name) => !TOKEN.test(name) || name === "*")) {
    faults.add(
      "cors.header",
      path,
      "a value is not the name of one header",
      'Write them like ["content-type"]; * would be everything.',
    )
  }
  return names.map((name) => name.toLowerCase())
}

function faultOf(listed: string, own: URL): { problem: string; fix: string } | undefined {
  if (listed === "*")
    return { problem: "* would let every site read answers with cookies", fix: "List the origins." }
  if (listed === "null")
    return {
      problem: "null is what every sandboxed frame sends",
      fix: "Give the page an origin of its own and list that.",
    }
  if (listed.includes("*")) {
    return { problem: "a pattern would match hosts that others can get", fix: "List each origin by itself." }
  }
  const url = URL.parse(listed)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return {
      problem: "it is not an http or https origin with its scheme",
      fix: "Write it like https://app.example.com.",
    }
  }
  if (url.origin !== listed)
    return {
      problem: "it is not exactly scheme, host and port as a browser writes them",
      fix: `Write ${url.origin}.`,
    }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return { problem: "pages of an http origin can be changed on the way", fix: `List https://${url.host}.` }
  }
  if (url.protocol === "http:" && !isLoopback(own.hostname)) {
    return {
      problem: "any program on a visitor's machine can serve a loopback origin",
      fix: "List it only where the own origin is a loopback one too.",
    }
  }
  return undefined
}
