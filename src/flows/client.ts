import { prefixOf } from "../core/address.ts"
import type { RequestView } from "../core/request.ts"

/** Most telling first: every browser also calls itself one of the later ones. */
const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["SamsungBrowser/", "Samsung Internet"],
  ["Chrome/", "Chrome"],
  ["CriOS/", "Chrome"],
  ["FxiOS/", "Firefox"],
  ["Safari/", "Safari"],
  ["curl/", "curl"],
  ["node", "Node.js"],
] as const

const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS X", "macOS"],
  ["CrOS", "ChromeOS"],
  ["Linux", "Linux"],
] as const

/** Whence a request came, as it is kept: words out of a list and a network, never what the client wrote. */
export interface Whence {
  readonly client: string
  readonly addressPrefix: string
}

export function readWhence(view: RequestView): Whence {
  const agent = (view.header("user-agent") ?? "").slice(0, 512)
  const browser = BROWSERS.find(([mark]) => agent.includes(mark))?.[1]
  const system = SYSTEMS.find(([mark]) => agent.includes(mark))?.[1]
  const client =
    browser === undefined ? (system ?? "") : system === undefined ? browser : `${browser} on ${system}`
  return { client, addressPrefix: prefixOf(view.clientAddress) }
}
