import { generateSecret } from "../checklist/secret/index.ts"
import { type Fault, Faults, MisuseError, nearest } from "../core/misuse.ts"
import { OPTION_NAMES } from "../latch/options.ts"
import { readPolicies } from "../latch/policy.ts"
import { at, type ConfigurationFile, readConfigurationFile } from "./configuration-file.ts"
import { type Environment, type Given, readEnvironment } from "./environment.ts"
import { provideSecret } from "./first-secret.ts"
import { addSame, apartFrom, readOperatorToken } from "./operator-token.ts"
import { noteOrigin } from "./origin-notes.ts"
import { readSecretPlace, type SecretPlace } from "./secrets/index.ts"
import { PORT, portSchema, SETTINGS, type Setting } from "./settings.ts"
import { type LoadedTls, loadTls, readTlsFiles, type TlsFiles } from "./tls.ts"

/** What the service needs to start, and the library's options, which the library itself judges. */
export interface Configuration {
  readonly folder: string
  readonly port: number
  readonly host: string
  readonly operatorToken: string | undefined
  /** Where the root secrets come from. Those that are asked for are not among the options. */
  readonly secret: SecretPlace
  /** https by the service itself; undefined: plain http, for a proxy or for development. */
  readonly tls: { readonly files: TlsFiles; readonly loaded: LoadedTls } | undefined
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

const SERVICE_KEYS: ReadonlySet<string> = new Set([
  "port",
  "host",
  "operatorToken",
  "tls",
  "secretCommand",
  "vault",
])

/**
 * Command line over environment over `.env` over `nightlatch.config.*` over defaults.
 * @throws MisuseError with every fault at once
 */
export async function readConfiguration(input: ConfigurationInput): Promise<Configuration> {
  const faults = new Faults()
  const gathered = await gather(input, faults)
  const { values, sources } = gathered
  const port = readPort(values.port, sources, faults)
  const host = readHost(values.host, sources, faults)
  const notes: string[] = []
  const tlsFiles = readTlsFiles(values.tls, input.folder, faults)
  const origin = values.origin ?? defaultOrigin(tlsFiles !== undefined, port)
  const url = typeof origin === "string" ? URL.parse(origin) : null
  if (tlsFiles !== undefined && url?.protocol === "http:") {
    const path = sources.get("origin") ?? "origin"
    faults.add("https.plain_origin", path, "it is http, and the service speaks https", "Write it with https.")
  }
  const loads = input.starts === true && tlsFiles !== undefined && url !== null
  const loaded = loads ? loadTls(tlsFiles, url, Date.now(), faults) : undefined
  const operatorToken = readOperatorToken(values.operatorToken, sources.get("operatorToken"), faults)
  const place = placeOf(input, gathered, faults)
  if (place.source !== undefined) sources.set("secret", place.source)
  const secret =
    input.starts === true
      ? provideSecret({
          given: values.secret,
          origin,
          folder: input.folder,
          continuousIntegration: (input.environment.CI ?? "") !== "",
          told: place.source !== undefined,
          mayWrite: faults.list.length === 0,
          faults,
          notes,
        })
      : values.secret
  if (operatorToken !== undefined && [secret].flat().includes(operatorToken)) addSame(sources, faults)
  const trusted = at(values, "proxy.trusted")
  if (tlsFiles !== undefined && typeof trusted === "number" && trusted > 0) {
    faults.add(
      "configuration.hops_with_tls",
      sources.get("proxy.trusted") ?? "proxy.trusted",
      "the service itself speaks https, so clients connect to it directly and a number of hops lets them choose their address",
      "Name the proxies that connect by https, for example by their CIDR blocks, or remove it.",
    )
  }
  const options = Object.fromEntries(Object.entries(values).filter(([key]) => !SERVICE_KEYS.has(key)))
  const all = { database: "./data/nightlatch.db", ...options, origin, secret }
  if (input.starts === true) addFaultsOfOptions(all, sources, faults)
  noteOrigin({
    origin,
    port,
    host,
    sources,
    encrypted: tlsFiles !== undefined,
    trusted,
    notes,
  })
  faults.throwIfAny()
  return {
    folder: input.folder,
    port,
    host,
    operatorToken,
    secret: { source: sources.get("secret"), ask: apartFrom(operatorToken, place.ask, sources) },
    tls: tlsFiles === undefined || loaded === undefined ? undefined : { files: tlsFiles, loaded },
    options: all,
    sources,
    notes,
  }
}

export interface Gathered {
  readonly values: Record<string, unknown>
  /** Where each setting came from, by key. */
  readonly sources: Map<string, string>
  /** The files that held one setting each, by key. */
  readonly files: ReadonlyMap<string, string>
}

/** All layers as one object of options, the later over the earlier, and where each setting came from. */
export async function gather(input: ConfigurationInput, faults: Faults): Promise<Gathered> {
  const file = await readConfigurationFile(input.folder, faults)
  const given = readEnvironment(input.environment, input.folder, faults)
  const values = file === undefined ? {} : knownOptions(file, faults)
  const sources = new Map<string, string>()
  const files = new Map<string, string>()
  for (const setting of SETTINGS) {
    const flag = input.flags?.[setting.key]
    const layer: Given | undefined =
      flag === undefined ? given.get(setting) : { text: flag, source: `--${flagOf(setting.key)}` }
    if (layer === undefined) {
      if (file !== undefined && at(file.value, setting.key) !== undefined) {
        sources.set(setting.key, `${setting.key} in ${file.name}`)
      }
      continue
    }
    sources.set(setting.key, layer.source)
    if (layer.path !== undefined) files.set(setting.key, layer.path)
    if (layer.text === "" && flag === undefined) continue
    const result = setting.read.safeParse(layer.text)
    if (result.success) {
      put(values, setting.key, result.data)
    } else {
      const problem = result.error.issues[0]?.message ?? "it is not valid"
      faults.add("configuration.invalid", layer.source, problem, explain(setting))
    }
  }
  // Last, so that a setting's own source is found first.
  if (file !== undefined) {
    for (const key of Object.keys(file.value))
      if (!sources.has(key)) sources.set(key, `${key} in ${file.name}`)
  }
  return { values, sources, files }
}

function placeOf(input: ConfigurationInput, gathered: Gathered, faults: Faults): SecretPlace {
  const own = new Faults()
  const place = readSecretPlace({ ...input, ...gathered, faults: own })
  for (const { code, path, problem, fix } of renameFaults(own.list, gathered.sources))
    faults.add(code, path, problem, fix)
  return place
}

/** What the file says, without names that neither the service nor the library knows. */
function knownOptions(file: ConfigurationFile, faults: Faults): Record<string, unknown> {
  const known = [...OPTION_NAMES, ...SERVICE_KEYS]
  const entries = Object.entries(file.value).filter(([key]) => {
    if (known.includes(key)) return true
    const near = nearest(key, known)
    const fix = near === undefined ? "Remove it; the README names the options." : `Did you mean "${near}"?`
    faults.add("option.unknown", `${key} in ${file.name}`, "there is no such option", fix)
    return false
  })
  return Object.fromEntries(entries)
}

/**
 * When the start is refused anyway, what the library would refuse is told in the same list; otherwise it tells it itself.
 * What follows from a value that could not be read is left out.
 */
function addFaultsOfOptions(
  options: Readonly<Record<string, unknown>>,
  sources: ReadonlyMap<string, string>,
  faults: Faults,
): void {
  const before = faults.list.length
  if (before === 0) return
  const unread = [...sources.keys()].filter((key) => at(options, key) === undefined)
  const known = new Faults()
  for (const { code, path, problem, fix } of faults.list) known.add(code, path, problem, fix)
  try {
    // A missing secret is told already, or would be written by the first start.
    readPolicies({ ...options, secret: options.secret ?? generateSecret() }, known)
  } catch (error) {
    if (!(error instanceof MisuseError)) throw error
    const added = error.faults.slice(before).filter(({ path }) => !unread.some((key) => overlap(key, path)))
    for (const { code, path, problem, fix } of renameFaults(added, sources))
      faults.add(code, path, problem, fix)
  }
}

/** Whether one of two dotted paths is the other or stands above it. */
function overlap(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`)
}

/** What the setting means and its default, as the fix of a value that cannot be read. */
function explain({ description, standard }: Setting): string {
  const known = standard.startsWith("`") ? ` The default is ${standard.replaceAll("`", "")}.` : ""
  return description.replaceAll("`", "") + known
}

const FLAGS: Readonly<Record<string, string>> = {
  "session.toleratedDelaySeconds": "tolerated-delay",
  "tls.certificate": "tls-cert",
  "tls.key": "tls-key",
  "tls.redirectPort": "redirect-port",
}

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

/** Without a setting: this machine, by what the service speaks. */
export function defaultOrigin(encrypted: boolean, port: number): string {
  return new URL(`${encrypted ? "https" : "http"}://localhost:${port}`).origin
}

function readPort(value: unknown, sources: ReadonlyMap<string, string>, faults: Faults): number {
  if (value === undefined) return 3000
  const result = portSchema.safeParse(value)
  if (result.success) return result.data
  faults.add(
    "configuration.invalid",
    sources.get("port") ?? "port",
    result.error.issues[0]?.message ?? "it is not valid",
    explain(PORT),
  )
  return 3000
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
    const unset = SETTINGS.find(({ key }) => key === fault.path)
    return unset === undefined ? fault : { ...fault, path: `${unset.variable} (${fault.path})` }
  })
}
