import type { FlowCall, FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import type { Replaceable } from "./options.ts"
import { refusedPage, seeOther } from "./problem.ts"
import type { Site } from "./site.ts"
import { readVisit, type Visit } from "./visit.ts"

/** A page as a row of the route table. What the guard refuses there is a page too. */
export function pageRoute(
  site: Site,
  name: string,
  summary: string,
  run: (visit: Visit, call: FlowCall) => Reply | Promise<Reply>,
): FlowRoute {
  const path = `${site.basePath}/${name}`
  return {
    name: `page-${name}`,
    method: "GET",
    path,
    access: "credential",
    summary,
    run: (call) => run(readVisit(site, call.view), call),
    refused: (view, refusal, instance) => {
      const visit = readVisit(site, view)
      return refusedPage(visit, refusal, instance, visit.href(path))
    },
  }
}

/**
 * A page that can be replaced: then its path leads to the replacement, because mails and forms name it. A browser carries
 * the fragment along, so the token in a mail's link arrives there.
 */
export function replaceableRoute(
  site: Site,
  which: Replaceable,
  name: string,
  summary: string,
  run: (visit: Visit, call: FlowCall) => Reply | Promise<Reply>,
): readonly FlowRoute[] {
  const { paths, ours } = site.policy
  if (ours.has(which)) return [pageRoute(site, name, summary, run)]
  const path = paths[which]
  if (path === undefined) return []
  const lead = (visit: Visit) =>
    seeOther(visit.view.query === "" ? path : `${path}${path.includes("?") ? "&" : "?"}${visit.view.query}`)
  return [pageRoute(site, name, `Leads to ${path}.`, lead)]
}
