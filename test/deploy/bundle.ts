/** The bundle's nginx with a certificate, and the real service behind it. */
import { after, before } from "node:test"
import { type Edge, openEdge, putCertificate, startEdge, type Wanted } from "./edge.ts"
import type { Scratch } from "./programs.ts"
import { type Behind, startBehind } from "./service.ts"
import { type Got, type Visit, visit } from "./visitor.ts"

interface Bundle {
  behind: Behind
  edge: Edge
  /** The root of its certificate. */
  ca: string
  visit(wanted?: Omit<Visit, "port" | "ca">): Promise<Got>
}

/** Starts it before the tests of the suite around it; afterwards stops it, or what has started, and removes the folder. */
export function useBundle(scratch: Scratch, wanted: Omit<Wanted, "upstream" | "domain"> = {}): Bundle {
  const bundle = {
    visit: (asked = {}) => visit({ port: bundle.edge.https, ca: bundle.ca, ...asked }),
  } as Bundle
  before(async () => {
    bundle.behind = await startBehind(scratch)
    const upstream = `127.0.0.1:${bundle.behind.running.port}`
    bundle.edge = await openEdge(scratch, { ...wanted, upstream })
    bundle.ca = putCertificate(scratch)
    await startEdge(bundle.edge)
  })
  after(async () => {
    await bundle.edge?.stop()
    await bundle.behind?.stop()
    scratch.remove()
  })
  return bundle
}
