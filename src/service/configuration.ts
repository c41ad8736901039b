import { isLoopback } from "../core/loopback.ts"
import { type Fault, Faults, readBySchema } from "../core/misuse.ts"
import { at, readConfigurationFile } from "./configuration-file.ts"
import { type Environment, readEnvironment } from "./environment.ts"
import { provideSecret } from "./first-secret.ts"
import { readOperatorToken } from "./operator-token.ts"
import { portSchema, SETTINGS } from "./settings.ts"

/** What the service needs to start, and the library's options, which the library itself judges. */
export interface Configuration {
  readonly folder: string
  readonly port: number
  readonly host: string
  readonly operatorToken: string | undefined
  readonly options: Readonly<Record<string, unknown>>
  /** Where an option's value came from, by the option's path: `origin` → `NIGHTLATCH_ORIGIN in .env`. */
  readonly sources: ReadonlyMap<string, string>
  /** What was done or looks odd, in sentences for the start screen. */
  readonly notes: readonly string[]
}

export interface ConfigurationInput {
  readonly folder: string
  readonly environment: Environment
  /** Values of the command line by setting key; they win over everything. */
  readonly flags?: Readonly<Record<string, string>>
  /** Whether the service is about to start: only then a secret is needed, and written on a first start. Default false. */
  readonly starts?: boolean
}

const SERVICE_KEYS: ReadonlySet<string> = new Set(["port", "host", "operatorToken"])

/**
 * Command line over environment over `.env` over `nightlatch.config.*` over defaults.
 * @throws MisuseError with every fault at once
 */
export async function readConfiguration(input: ConfigurationInput): Promise<Configuration> {
  const faults = new Faults()
  const { values, sources } = await gather(input, faults)
  const port = readPort(values.port, sources, faults)
  const host = readHost(values.host, sources, faults)
  const notes: string[] = []
  const origin = values.origin ?? `http://localhost${port === 80 ? "" : `:${port}`}`
  const operatorToken = readOperatorToken(values.operatorToken, sources.get("operatorToken"), faults)
  const secret =
    input.starts === true
      ? provideSecret({
          given: values.secret,
          origin,
          folder: input.folder,
          continuousIntegration: (input.environment.CI ?? "") !== "",
          mayWrite: faults.list.length === 0,
          faults,
          notes,
        })
      : values.secret
  if (operatorToken !== undefined && [secret].flat().includes(operatorToken)) {
    faults.add(
      "configuration.operator_token",
      sources.get("operatorToken") ?? "operatorToken",
      "it is the root secret itself",
      "Make another one: nightlatch secret",
    )
  }
  noteOrigin({ origin, port, host, sources, trusted: at(values, "proxy.trusted"), notes })
  faults.throwIfAny()
  const options = Object.fromEntries(Object.entries(values).filter(([key]) => !SERVICE_KEYS.has(key)))
  return {
    folder: input.folder,
    port,
    host,
    operatorToken,
    options: { database: "./data/nightlatch.db", ...options, origin, secret },
    sources,
    notes,
  }
}

/** All layers as one object of options, the later over the earlier, and where each setting came from. */
export async function gather(
  input: ConfigurationInput,
  faults: Faults,
): Promise<{ values: Record<string, unknown>; sources: Map<string, string> }> {
  const file = await readConfigurationFile(input.folder, faults)
  const given = readEnvironment(input.environment, input.folder, faults)
  const values: Record<string, unknown> = { ...file?.value }
  const sources = new Map<string, string>()
  for (const setting of SETTINGS) {
    const flag = input.flags?.[setting.key]
    const layer = flag === undefined ? given.get(setting) : { text: flag, source: `--${flagOf(setting.key)}` }
    if (layer === undefined) {
      if (file !== undefined && at(file.value, setting.key) !== undefined) {
        sources.set(setting.key, `${setting.key} in ${file.name}`)
      }
      continue
    }
    sources.set(setting.key, layer.source)
    if (layer.text === "" && flag === undefined) continue
    const result = setting.read.safeParse(layer.text)
    if (result.success) {
      put(values, setting.key, result.data)
    } else {
      const problem = result.error.issues[0]?.message ?? "it is not valid"
      const known = setting.standard.startsWith("`")
        ? ` The default is ${setting.standard.replaceAll("`", "")}.`
        : ""
      faults.add(
        "configuration.invalid",
        layer.source,
        problem,
        `${setting.description.replaceAll("`", "")}${known}`,
      )
    }
  }
  return { values, sources }
}

const FLAGS: Readonly<Record<string, string>> = { "session.toleratedDelaySeconds": "tolerated-delay" }

function flagOf(key: string): string {
  return FLAGS[key] ?? key
}

/** Sets a dotted path in copies of the objects on the way, so that a configuration file's own objects stay as they are. */
function put(target: Record<string, unknown>, path: string, value: unknown): void {
  const [head = "", ...rest] = path.split(".")
  if (rest.length === 0) {
    target[head] = value
    return
  }
  const below = target[head]
  const copy = typeof below === "object" && below !== null ? { ...below } : {}
  put(copy as Record<string, unknown>, rest.join("."), value)
  target[head] = copy
}

function readPort(value: unknown, sources: ReadonlyMap<string, string>, faults: Faults): number {
  if (value === undefined) return 3000
  return readBySchema(portSchema, value, sources.get("port") ?? "port", faults) ?? 3000
}

function readHost(value: unknown, sources: ReadonlyMap<string, string>, faults: Faults): string {
  if (value === undefined) return "127.0.0.1"
  if (typeof value === "string" && /^[A-Za-z0-9.:_-]+$/.test(value) && !value.includes("://")) return value
  faults.add(
    "configuration.invalid",
    sources.get("host") ?? "host",
    "it is not an address or a name to listen on",
    "Write it like 127.0.0.1, ::1, 0.0.0.0 or localhost; the port has a setting of its own.",
  )
  return "127.0.0.1"
}

/** What starts, but will not answer as its owner expects. */
function noteOrigin(input: {
  readonly origin: unknown
  readonly port: number
  readonly host: string
  readonly sources: ReadonlyMap<string, string>
  readonly trusted: unknown
  readonly notes: string[]
}): void {
  const { port, host, sources, notes } = input
  const url = typeof input.origin === "string" ? URL.parse(input.origin) : null
  if (url === null || !sources.has("origin")) return
  if (url.protocol === "https:" && trustsNobody(input.trusted)) {
    notes.push(
      "The origin is https and no proxy is trusted, so every request will be refused: this service itself speaks plain http. Name the proxy that speaks https, for example NIGHTLATCH_TRUSTED_PROXIES=127.0.0.1",
    )
  }
  if (!isLoopback(url.hostname)) return
  const own = Number(url.port || (url.protocol === "https:" ? 443 : 80))
  if (own !== port) {
    const where = port === 0 ? "a free one" : String(port)
    notes.push(
      `The origin names port ${own}, the service listens on ${where}: only a proxy between them makes that work.`,
    )
  }
  if (host === "0.0.0.0" || host === "::") {
    notes.push(
      "It listens on every address of this machine, but the origin is a loopback name: others get 421.",
    )
  }
}

function trustsNobody(trusted: unknown): boolean {
  return trusted === undefined || trusted === 0 || (Array.isArray(trusted) && trusted.length === 0)
}

/** Faults of the library under the names the reader of an environment knows. */
export function renameFaults(
  faults: readonly Fault[],
  sources: ReadonlyMap<string, string>,
): readonly Fault[] {
  return faults.map((fault) => {
    for (const [key, source] of sources) {
      if (fault.path !== key && !fault.path.startsWith(`${key}.`)) continue
      const file = source.startsWith(`${key} in `) ? source.slice(key.length) : undefined
      return { ...fault, path: file === undefined ? `${source} (${fault.path})` : fault.path + file }
    }
    return fault
  })
}
