import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { parseStrictJson } from "../core/json.ts"
import { type Faults, MisuseError } from "../core/misuse.ts"
import { SETTINGS } from "./settings.ts"

const NAMES = [
  "nightlatch.config.ts",
  "nightlatch.config.mjs",
  "nightlatch.config.js",
  "nightlatch.config.json",
] as const

export interface ConfigurationFile {
  readonly name: string
  readonly value: Readonly<Record<string, unknown>>
}

/** Reads the one `nightlatch.config.*` of a folder: JSON, or a module whose default export is the options. */
export async function readConfigurationFile(
  folder: string,
  faults: Faults,
): Promise<ConfigurationFile | undefined> {
  const present = NAMES.filter((name) => existsSync(join(folder, name)))
  const [name, second] = present
  if (name === undefined) return undefined
  if (second !== undefined) {
    faults.add(
      "configuration.several",
      present.join(", "),
      "there is more than one configuration file, and which one counts would be a guess",
      "Keep one of them.",
    )
    return undefined
  }
  const path = join(folder, name)
  const value = name.endsWith(".json") ? readJson(path, name, faults) : await readModule(path, name, faults)
  if (value === undefined) return undefined
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    faults.add(
      "configuration.file",
      name,
      "it does not hold an object of options",
      name.endsWith(".json")
        ? 'Write it like { "origin": "https://api.example.com" }.'
        : 'Write it like: export default { origin: "https://api.example.com" }',
    )
    return undefined
  }
  return { name, value: value as Record<string, unknown> }
}

function readJson(path: string, name: string, faults: Faults): unknown {
  const text = readFileSync(path, "utf8")
  const value = parseStrictJson(text)
  if (value === undefined) {
    faults.add(
      "configuration.file",
      name,
      `it is not strict JSON${lineOfFault(text)}`,
      "Mend the syntax; a name may stand only once in an object, and comments are not allowed.",
    )
    return undefined
  }
  for (const setting of SETTINGS) {
    const given = at(value, setting.key)
    if (given !== undefined && setting.isSecret(given)) {
      faults.add(
        "configuration.secret_in_file",
        `${setting.key} in ${name}`,
        "a secret stands in a file that is usually committed",
        `Set ${setting.variable} or ${setting.variable}_FILE instead.`,
      )
    }
  }
  return value
}

async function readModule(path: string, name: string, faults: Faults): Promise<unknown> {
  try {
    const module: Record<string, unknown> = await import(pathToFileURL(path).href)
    if (module.default !== undefined) return module.default
    faults.add("configuration.file", name, "it has no default export", "Write it like: export default { … }")
  } catch (error) {
    if (error instanceof MisuseError) {
      for (const fault of error.faults) faults.add(fault.code, fault.path, fault.problem, fault.fix)
    } else {
      const what = error instanceof Error ? `${error.name}: ${error.message.split("\n")[0]}` : "not an Error"
      faults.add(
        "configuration.file",
        name,
        `it threw while it was loaded (${what})`,
        `Run it alone to see where: node ${name}`,
      )
    }
  }
  return undefined
}

/** Only the place: the parser's own message would repeat a piece of the file. */
function lineOfFault(text: string): string {
  try {
    JSON.parse(text)
    return ""
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1]
    if (position === undefined) return ""
    return ` (line ${text.slice(0, Number(position)).split("\n").length})`
  }
}

/** The value at a dotted path. */
export function at(value: unknown, path: string): unknown {
  let current = value
  for (const step of path.split(".")) {
    if (typeof current !== "object" || current === null) return undefined
    current = Object.hasOwn(current, step) ? (current as Record<string, unknown>)[step] : undefined
  }
  return current
}
