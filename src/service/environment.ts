import { readFileSync, statSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseEnv } from "node:util"
import { readSecretFile } from "../checklist/secret/index.ts"
import { Faults, nearest } from "../core/misuse.ts"
import { credentialsIn } from "./secrets/credentials.ts"
import { SECRET, SETTINGS, type Setting } from "./settings.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** The value of a setting and the place it came from, in words. */
export interface Given {
  readonly text: string
  readonly source: string
  /** The file it was read from, when it came in one of its own. */
  readonly path?: string
}

const PREFIX = "NIGHTLATCH_"
const FILE_SUFFIX = "_FILE"

// As for secret files: nothing for others, and the group may only read.
const FORBIDDEN_MODE = 0o027

// Set by the project's own test runs, which start services below them.
const NOT_SETTINGS: ReadonlySet<string> = new Set([
  "NIGHTLATCH_TEST_SCALE",
  "NIGHTLATCH_TEST_STORE",
  "NIGHTLATCH_TEST_SERVICES",
])

/**
 * Reads the settings out of the environment with its credentials, and `.env`, the environment first. A variable with our prefix that no setting
 * bears is a fault: a misspelt limit would otherwise be no limit.
 */
export function readEnvironment(
  environment: Environment,
  folder: string,
  faults: Faults,
): ReadonlyMap<Setting, Given> {
  const file = readEnvFile(join(folder, ".env"), faults)
  checkNames(environment, "the environment", faults)
  checkNames(file, ".env", faults)
  const credentials = credentialsIn(environment.CREDENTIALS_DIRECTORY, faults)
  const given = new Map<Setting, Given>()
  for (const setting of SETTINGS) {
    const near = waysOf(setting, environment, "", folder)
    const credential = credentials.get(setting.variable)
    if (credential !== undefined) near.push({ named: credential.name, path: credential.path })
    const far = waysOf(setting, file, " in .env", folder)
    const way = onlyOne(near, faults) ?? onlyOne(far, faults)
    // Two of the root secret in two places are a rotation that somebody believes to have made.
    const [other] = near.length > 0 ? far : []
    if (
      setting === SECRET &&
      way !== undefined &&
      other !== undefined &&
      other.named !== `${way.named} in .env`
    )
      addTwice(way.named, other.named, faults)
    if (way !== undefined) given.set(setting, read(way, faults))
  }
  return given
}

/** One way in which a setting is given. */
interface Way {
  readonly named: string
  readonly text?: string
  readonly path?: string
}

function waysOf(setting: Setting, environment: Environment, where: string, folder: string): Way[] {
  const { variable } = setting
  const text = environment[variable]
  const path = setting.secret ? environment[variable + FILE_SUFFIX] : undefined
  return [
    ...(text === undefined ? [] : [{ named: variable + where, text }]),
    ...(path === undefined
      ? []
      : [{ named: variable + FILE_SUFFIX + where, path: path.trim() === "" ? "" : resolve(folder, path) }]),
  ]
}

function onlyOne(ways: readonly Way[], faults: Faults): Way | undefined {
  const [way, other] = ways
  if (way !== undefined && other !== undefined) addTwice(way.named, other.named, faults)
  return way
}

function addTwice(named: string, other: string, faults: Faults): void {
  faults.add("configuration.twice", named, `it is set, and so is ${other}`, "Keep one of the two.")
}

function read({ named, text, path }: Way, faults: Faults): Given {
  if ((text ?? path)?.trim() === "") {
    faults.add("configuration.empty", named, "it is set, but to nothing", "Give it a value or remove it.")
    return { text: "", source: named }
  }
  if (path === undefined) return { text: text ?? "", source: named }
  return { text: readNamedFile(named, path, faults) ?? "", source: named, path }
}

/** The secret in a file, with faults that say which setting names the file. */
export function readNamedFile(named: string, path: string, faults: Faults): string | undefined {
  const judged = new Faults()
  const content = readSecretFile(path, judged)
  for (const fault of judged.list)
    faults.add(fault.code, `${named} (${fault.path})`, fault.problem, fault.fix)
  return content
}

/** Our own prefix, and names so near to a setting that somebody meant it. */
function checkNames(environment: Environment, where: string, faults: Faults): void {
  const known = SETTINGS.flatMap((row) =>
    row.secret ? [row.variable, row.variable + FILE_SUFFIX] : [row.variable],
  )
  const ours = known.filter((name) => name.startsWith(PREFIX))
  for (const name of Object.keys(environment)) {
    if (known.includes(name) || NOT_SETTINGS.has(name)) continue
    const bare = name.slice(PREFIX.length)
    const near = name === PREFIX + bare && known.includes(bare) ? bare : nearest(name, ours)
    if (!name.startsWith(PREFIX) && near === undefined) continue
    const fileOfPlain = name.endsWith(FILE_SUFFIX) && known.includes(name.slice(0, -FILE_SUFFIX.length))
    const fix = fileOfPlain
      ? `It is no secret: set ${name.slice(0, -FILE_SUFFIX.length)} itself.`
      : near === undefined
        ? "Remove it; the README has the table of settings."
        : `Did you mean ${near}?`
    faults.add("configuration.unknown", `${name} in ${where}`, "there is no such setting", fix)
  }
}

function readEnvFile(path: string, faults: Faults): Environment {
  let content: string
  try {
    content = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {}
    faults.add(
      "configuration.unreadable",
      ".env",
      "it cannot be read",
      "Make it readable for the user of the service.",
    )
    return {}
  }
  const values = parseEnv(content)
  for (const { name, line } of brokenLines(content)) {
    delete values[name]
    faults.add(
      "configuration.env_line",
      `.env, line ${line}`,
      "it is not NAME=value",
      "Write it like PORT=3000.",
    )
  }
  const holdsSecret = SETTINGS.some((row) => {
    const value = values[row.variable]
    return value !== undefined && row.isSecret(value)
  })
  if (holdsSecret && process.platform !== "win32" && (statSync(path).mode & FORBIDDEN_MODE) !== 0) {
    faults.add(
      "secret.readable",
      ".env",
      "it holds a secret, and other users of this machine can read it",
      "Run: chmod 600 .env",
    )
  }
  return values as Environment
}

const NAMES = SETTINGS.map((row) => row.variable)

/** Lines that mean a setting and that the parser skips or reads as another name. They may hold a secret: only their place is told. */
function brokenLines(content: string): readonly { readonly name: string; readonly line: number }[] {
  // A value in quotes may have lines of its own.
  const bare = content.replace(/=[ \t]*(["'`])[\s\S]*?\1/g, (value) => value.replace(/[^=\n]/g, ""))
  return bare.split("\n").flatMap((text, index) => {
    const [name = ""] = text.split("=")
    const words = name
      .trim()
      .replace(/^export\s+/, "")
      .split(/[\s:]+/)
    const [first = ""] = words
    const ours = first.startsWith(PREFIX) || NAMES.includes(first)
    return ours && (words.length > 1 || !text.includes("=")) ? [{ name: name.trim(), line: index + 1 }] : []
  })
}
