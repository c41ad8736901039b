/** Compose files as Compose reads them: several merged into one, ports and networks in their short and long spelling. */
import { parse } from "yaml"

export type Mapping = Readonly<Record<string, unknown>>

export interface Port {
  /** The address of the machine that it is published on; undefined: all of them. */
  readonly address: string | undefined
  /** As written, maybe a range; undefined: any free one. */
  readonly published: string | undefined
  readonly target: string
}

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value)
export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]

/** What is not appended but takes the other's place (Compose specification, "Merge"). */
const REPLACED = new Set(["command", "entrypoint", "test"])
const BY_NAME = new Set(["environment", "labels", "args", "networks", "depends_on", "sysctls", "extra_hosts"])

/** Reads one file, or several in the order of `-f`. Variables get their defaults, and their names where there is none. */
export function readCompose(
  texts: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Mapping {
  return texts
    .map((text) => parse(substitute(text, variables), { merge: true }) as Mapping)
    .reduce((one, other) => merge(one, other, "") as Mapping)
}

function substitute(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(
    /(?<!\$)\$\{(\w+)(?:(:?[-?])([^}]*))?\}/g,
    (_, name: string, sign: string | undefined, rest: string | undefined) =>
      variables[name] ?? (sign?.endsWith("-") === true ? (rest ?? "") : `<${name}>`),
  )
}

function merge(one: unknown, other: unknown, key: string): unknown {
  if (other === undefined || other === null) return one
  if (BY_NAME.has(key)) return mergeMappings(named(one), named(other))
  if (isMapping(one) && isMapping(other)) return mergeMappings(one, other)
  if (!Array.isArray(one) || !Array.isArray(other) || REPLACED.has(key)) return other
  if (key !== "volumes") return [...one, ...other]
  const targets = new Set(other.map(targetOf))
  return [...one.filter((volume) => !targets.has(targetOf(volume))), ...other]
}

function mergeMappings(one: Mapping, other: Mapping): Mapping {
  const merged: Record<string, unknown> = { ...one }
  for (const [key, value] of Object.entries(other)) merged[key] = merge(merged[key], value, key)
  return merged
}

/** `- NAME=value`, `- NAME` or `NAME: value`. */
export function named(value: unknown): Mapping {
  if (isMapping(value)) return value
  return Object.fromEntries(
    listOf(value).map((entry) => {
      const [name = "", ...rest] = String(entry).split("=")
      return [name, rest.length === 0 ? undefined : rest.join("=")]
    }),
  )
}

export function targetOf(volume: unknown): string {
  if (isMapping(volume)) return String(volume.target)
  const [first = "", second] = String(volume).split(":")
  return second ?? first
}

/** A folder or file of the machine, and whether it can be written. */
export function bindOf(volume: unknown): { readonly source: string; readonly writable: boolean } | undefined {
  if (isMapping(volume)) {
    if (volume.type !== "bind") return undefined
    return { source: String(volume.source), writable: volume.read_only !== true }
  }
  const [source = "", target, options = ""] = String(volume).split(":")
  if (target === undefined || !/^[./~]/.test(source)) return undefined
  return { source, writable: !options.split(",").includes("ro") }
}

/** Also what `ports` of another service's network do; `expose` publishes nothing. */
export function portsOf(service: Mapping): readonly Port[] {
  return listOf(service.ports).map((port) => {
    if (isMapping(port)) {
      return {
        address: port.host_ip === undefined ? undefined : String(port.host_ip),
        published: port.published === undefined ? undefined : String(port.published),
        target: String(port.target),
      }
    }
    // `[::1]:80:80/tcp`, `127.0.0.1::80`, `80:80`, `80`.
    const text = String(port).replace(/\/(?:tcp|udp|sctp)$/, "")
    const parts = /^(?:(\[[^\]]*\]|[^:]*):)?(?:([^:]*):)?([^:]*)$/.exec(text)
    const [, first, second, target = text] = parts ?? []
    const [address, published] = second === undefined ? [undefined, first] : [first, second]
    return { address: address || undefined, published: published || undefined, target }
  })
}

export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(?:127(?:\.\d{1,3}){3}|\[?::1\]?|localhost)$/.test(address)
}

/** The networks that a service is on; undefined when it is on the machine's own, and none for no network. */
export function networksOf(service: Mapping, services: Mapping): readonly string[] | undefined {
  const mode = service.network_mode
  if (mode === "none") return []
  if (mode === undefined) {
    const names = isMapping(service.networks)
      ? Object.keys(service.networks)
      : listOf(service.networks).map(String)
    return names.length === 0 ? ["default"] : names
  }
  const other = /^service:(.+)$/.exec(String(mode))?.[1]
  const shared = other === undefined ? undefined : services[other]
  return isMapping(shared) && shared.network_mode !== mode ? networksOf(shared, services) : undefined
}
