import type { FlowRoute } from "../core/flow.ts"
import { emptyReply, type Header, jsonReply } from "../core/request.ts"
import type { Site } from "./site.ts"

/** Long enough for the second request of the page. */
const SECONDS = 60

interface Probe {
  readonly kind: string
  readonly name: string
  readonly attributes: string
}

/** One cookie of each kind that this service sets, and a partitioned one. They hold nothing and end with the next answer. */
function probesOf(origin: URL): readonly Probe[] {
  // Cookies ignore ports.
  const end = origin.port === "" ? "" : `_${origin.port}`
  const probe = (kind: string, name: string, attributes: string): Probe => ({
    kind,
    name: `${name}nightlatch_probe_${kind.replace(/\W/g, "").toLowerCase()}${end}`,
    attributes: `Path=/; ${attributes}`,
  })
  return [
    probe("Strict", "", "Secure; HttpOnly; SameSite=Strict"),
    probe("Lax", "", "Secure; HttpOnly; SameSite=Lax"),
    probe("__Host-", "__Host-", "Secure; HttpOnly; SameSite=Lax"),
    probe("__Host-Http-", "__Host-Http-", "Secure; HttpOnly; SameSite=Strict"),
    probe("Partitioned", "__Host-", "Secure; HttpOnly; SameSite=None; Partitioned"),
  ]
}

/** POST sets them, GET says which came back, what the clock shows, and expires them. */
export function probeRoutes(site: Site): readonly FlowRoute[] {
  const probes = probesOf(site.policy.origin)
  const cookie = ({ name, attributes }: Probe, value: string, age: number): Header => [
    "set-cookie",
    `${name}=${value}; Max-Age=${age}; ${attributes}`,
  ]
  const common = {
    path: `${site.basePath}/diagnosis/probe`,
    access: "public",
    perAddress: "30/minute",
  } as const
  return [
    {
      ...common,
      name: "diagnosis-probe-set",
      method: "POST",
      summary: "Sets cookies that hold nothing.",
      run: () =>
        emptyReply(
          204,
          probes.map((probe) => cookie(probe, "1", SECONDS)),
        ),
    },
    {
      ...common,
      name: "diagnosis-probe",
      method: "GET",
      summary: "Says which of them came back, and the time.",
      run({ view }) {
        const came = cookieNames(view.headerValues("cookie"))
        const seen = probes.filter(({ name }) => came.includes(name)).map(({ kind }) => kind)
        const missing = probes.filter(({ name }) => !came.includes(name)).map(({ kind }) => kind)
        return jsonReply(
          200,
          { seen, missing, now: site.clock() },
          probes.map((probe) => cookie(probe, "", 0)),
        )
      },
    },
  ]
}

/** Every name of a request's cookies, as often as it came. */
export function cookieNames(headers: readonly string[]): readonly string[] {
  return headers.flatMap((line) => line.split(";").map((pair) => pair.split("=")[0]?.trim() ?? ""))
}
