/** Where the service gets its root secrets from: exactly one place. What can change is asked again while the service runs. */
import { resolve } from "node:path"
import * as z from "zod"
import type { SecretSource } from "../../checklist/secret/index.ts"
import { Faults, MisuseError, readBySchema } from "../../core/misuse.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { type Environment, readNamedFile } from "../environment.ts"
import { splitSecrets } from "../settings.ts"
import { runCommand } from "./command.ts"
import { createVault } from "./vault/index.ts"
import { readVault } from "./vault/options.ts"
import { readWords } from "./words.ts"

export interface SecretPlaceInput {
  /** All options, each over the layer below. */
  readonly values: Readonly<Record<string, unknown>>
  /** Where each came from, by key. */
  readonly sources: ReadonlyMap<string, string>
  /** Files that settings were read from, by key. */
  readonly files: ReadonlyMap<string, string>
  readonly folder: string
  readonly environment: Environment
  readonly faults: Faults
}

export interface SecretPlace {
  /** In words, for a person; undefined when there is none. */
  readonly source: string | undefined
  /** Asked at the start and again; undefined when what was read is all there is. */
  readonly ask: SecretSource | undefined
}

const NONE: SecretPlace = { source: undefined, ask: undefined }

export function readSecretPlace(input: SecretPlaceInput): SecretPlace {
  const { source, ask } = findPlace(input)
  return { source, ask: ask === undefined || source === undefined ? ask : named(source, ask) }
}

/** A failure tells whose it is: a person who reads it has set several things. */
function named(source: string, ask: SecretSource): SecretSource {
  return async (signal) => {
    try {
      return await ask(signal)
    } catch (error) {
      throw error instanceof UnavailableError
        ? new UnavailableError(`${source}: ${error.message}`, error.cause)
        : error
    }
  }
}

function findPlace(input: SecretPlaceInput): SecretPlace {
  const { values, sources, files, faults } = input
  const vault = [...sources.keys()].find((key) => key === "vault" || key.startsWith("vault."))
  const given = ["secret", "secretCommand", ...(vault === undefined ? [] : [vault])].flatMap((key) => {
    const source = sources.get(key)
    return source === undefined ? [] : [{ key, source }]
  })
  const [first, second] = given
  if (first === undefined) return NONE
  const { key, source } = first
  if (second !== undefined) {
    const problem = `the root secret comes from there, and from ${second.source} as well`
    faults.add("secret.two_sources", source, problem, "Keep one of the two.")
    return { source, ask: undefined }
  }
  if (key === "secretCommand") return { source, ask: askCommand(input) }
  if (key !== "secret")
    return { source: `Vault (${sources.get("vault.address") ?? source})`, ask: askVault(input) }
  const path = files.get("secret")
  if (path !== undefined) return { source, ask: async () => splitSecrets(readAnew(source, path)) }
  const { secret } = values
  return { source, ask: typeof secret === "function" ? (secret as SecretSource) : undefined }
}

const COMMAND = z.union([z.string(), z.array(z.string().min(1)).min(1)], {
  error: "it is not a command line, nor a list of its words",
})

function askCommand({ values, folder, environment, faults }: SecretPlaceInput): SecretSource | undefined {
  const read = readBySchema(COMMAND, values.secretCommand, "secretCommand", faults)
  if (read === undefined) return undefined
  const result = typeof read === "string" ? readWords(read) : ({ kind: "words", words: read } as const)
  if (result.kind === "wrong") {
    const fix = "Put such a text in quotes; what only a shell can do: sh -c '…'."
    faults.add("secret.command", "secretCommand", result.why, fix)
    return undefined
  }
  const command = { words: result.words, folder: resolve(folder), environment }
  return async (signal) => splitSecrets(await runCommand(command, signal))
}

function askVault({ values, sources, files, folder, faults }: SecretPlaceInput): SecretSource | undefined {
  const policy = readVault(
    values.vault,
    folder,
    (key) => {
      const path = files.get(key)
      return path === undefined ? undefined : () => readAnew(sources.get(key) ?? key, path)
    },
    faults,
  )
  if (policy === undefined) return undefined
  const read = createVault(policy)
  return async (signal) => {
    const value = await read(signal)
    return typeof value === "string" ? splitSecrets(value) : (value as readonly string[])
  }
}

/** @throws MisuseError with what is wrong with the file now */
function readAnew(named: string, path: string): string {
  const faults = new Faults()
  const text = readNamedFile(named, path, faults)
  if (text === undefined) throw new MisuseError(faults.list)
  return text
}
