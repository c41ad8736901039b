import type { FlowMatch, FlowRoute } from "../core/flow.ts"

/**
 * Finds a flow by method and exact path. Nothing is decoded, so `%2e`, doubled slashes and other spellings find nothing; all
 * that lies below the base path and is no flow is `missing`, and the application never sees it.
 */
export function createMatch(
  routes: readonly FlowRoute[],
  basePath: string,
): (method: string, path: string) => FlowMatch | undefined {
  const fixed = new Map<string, FlowRoute[]>()
  const open: { readonly prefix: string; readonly name: string; readonly route: FlowRoute }[] = []
  for (const route of routes) {
    const at = route.path.indexOf("/:")
    if (at >= 0) open.push({ prefix: route.path.slice(0, at + 1), name: route.path.slice(at + 2), route })
    else fixed.set(route.path, [...(fixed.get(route.path) ?? []), route])
  }
  const below = `${basePath}/`
  return (method, path) => {
    const asked = method === "HEAD" ? "GET" : method
    const candidates = fixed.get(path)
    if (candidates !== undefined) return choose(candidates, asked, {})
    for (const { prefix, name, route } of open) {
      const value = path.slice(prefix.length)
      if (path.startsWith(prefix) && /^[A-Za-z0-9_-]+$/.test(value))
        return choose([route], asked, { [name]: value })
    }
    return path.startsWith(below) || path === basePath ? { kind: "missing" } : undefined
  }
}

function choose(
  routes: readonly FlowRoute[],
  method: string,
  params: Readonly<Record<string, string>>,
): FlowMatch {
  const route = routes.find((candidate) => candidate.method === method)
  if (route !== undefined) return { kind: "route", route, params }
  const allow = new Set(
    routes.flatMap((candidate) => (candidate.method === "GET" ? ["GET", "HEAD"] : [candidate.method])),
  )
  return { kind: "method", allow: [...allow, "OPTIONS"].join(", ") }
}
