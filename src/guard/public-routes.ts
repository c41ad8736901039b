/**
 * Deny by default. A route is public only if its method and its exact spelling were declared; every other spelling of the
 * same resource (doubled slashes, dot segments, encoded delimiters, another case) matches nothing and is private, whatever
 * a router behind us makes of it.
 * Source: ASVS 8.3.1; CVE-2026-47676 (mount path mismatch).
 */
import { type Faults, nearest } from "../core/misuse.ts"

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

// Decoded by some routers and not by others: a slash, a backslash, a dot, a percent sign, a control character.
const AMBIGUOUS = /%(?:2f|5c|2e|25|[01][0-9a-f]|7f)|\\|\/\/|\/\.{1,2}(?:\/|$)|;/i

export interface PublicRoutes {
  has(method: string, path: string): boolean
  readonly size: number
}

/** Reads `"GET /products/*"`: a method, a space, a path; `*` only as the last segment, for one or more segments. */
export function readPublicRoutes(input: readonly string[], faults: Faults): PublicRoutes {
  const exact = new Set<string>()
  const below: { method: string; prefix: string }[] = []
  for (const [index, route] of input.entries()) {
    const at = `publicRoutes.${index}`
    const [method = "", path = "", ...rest] = route.split(" ")
    const problem =
      rest.length > 0 || path === "" ? "it is not a method, one space and a path" : faultOf(method, path)
    if (problem !== undefined) {
      const near = nearest(method, METHODS)
      const hint = near !== undefined && near !== method ? ` Did you mean "${near}"?` : ""
      faults.add("guard.public_route", at, problem, `Write it like "GET /products/*".${hint}`)
    } else if (path.endsWith("/*")) {
      below.push({ method, prefix: path.slice(0, -1) })
    } else {
      exact.add(`${method} ${path}`)
    }
  }
  return {
    size: exact.size + below.length,
    has(method, path) {
      const asked = method === "HEAD" ? "GET" : method
      if (AMBIGUOUS.test(path)) return false
      if (exact.has(`${asked} ${path}`)) return true
      for (const route of below) {
        if (route.method === asked && path.length > route.prefix.length && path.startsWith(route.prefix))
          return true
      }
      return false
    },
  }
}

/** Paths for health checks, each spelt out: GET of them is answered after the Host check, whatever the service is busy with. */
export function readHealthPaths(input: readonly string[], faults: Faults): ReadonlySet<string> {
  for (const [index, path] of input.entries()) {
    const problem = path.includes("*") ? "it is not one path" : faultOf("GET", path)
    if (problem !== undefined) {
      faults.add("guard.health_path", `healthPaths.${index}`, problem, 'Write it like "/healthz".')
    }
  }
  return new Set(input)
}

function faultOf(method: string, path: string): string | undefined {
  if (!(METHODS as readonly string[]).includes(method)) return "the method is not one in capital letters"
  if (!path.startsWith("/")) return "the path does not begin with a slash"
  if (AMBIGUOUS.test(path) || path.includes("?") || path.includes("#"))
    return "the path has a part that routers read differently"
  if (path.slice(0, -1).includes("*") || (path.endsWith("*") && !path.endsWith("/*")))
    return "* stands only as the last segment"
  return undefined
}
