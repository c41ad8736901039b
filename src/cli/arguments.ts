import type { ArgsDef, CommandDef } from "citty"
import { nearest } from "../core/misuse.ts"
import { CommandError, MISUSE_EXIT } from "./output.ts"

/** The command that the words name, its full name, and the words after it. */
export interface Found {
  readonly command: CommandDef
  readonly path: readonly string[]
  readonly rest: readonly string[]
}

/** Walks down the commands; what names none is misuse, with the one that was probably meant. */
export async function findCommand(root: CommandDef, words: readonly string[]): Promise<Found> {
  let command = root
  const path: string[] = []
  for (;;) {
    const below = (await resolved(command.subCommands)) ?? {}
    const names = Object.keys(below)
    const word = words[path.length]
    if (names.length === 0 || word === undefined || word.startsWith("-")) break
    if (!Object.hasOwn(below, word)) {
      const near = nearest(word, names)
      const hint = near === undefined ? `Commands: ${names.join(", ")}.` : `Did you mean "${near}"?`
      throw new CommandError(`there is no command "${[...path, word].join(" ")}". ${hint}`, MISUSE_EXIT)
    }
    command = (await resolved(below[word])) as CommandDef
    path.push(word)
  }
  return { command, path, rest: words.slice(path.length) }
}

/**
 * citty passes over options it does not know, and a misspelt `--host` must not become the default. Also counts the words
 * that are no options.
 */
export async function checkArguments(command: CommandDef, rest: readonly string[]): Promise<void> {
  const args: ArgsDef = (await resolved(command.args)) ?? {}
  const options = Object.entries(args).filter(([, row]) => row.type !== "positional")
  const known = options.map(([name]) => name)
  let words = 0
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? ""
    if (word === "--") throw new CommandError("-- is not used here.", MISUSE_EXIT)
    if (!word.startsWith("-") || word === "-") {
      words++
      continue
    }
    const [name = "", value] = split(word)
    const found = options.find(([own]) => own === name)
    if (found === undefined || !word.startsWith("--")) {
      const near = nearest(name, [...known, "help"])
      const hint = near === undefined ? "See --help." : `Did you mean "--${near}"?`
      throw new CommandError(`there is no option "${word.split("=")[0]}" here. ${hint}`, MISUSE_EXIT)
    }
    if (found[1].type === "boolean") {
      if (value !== undefined) throw new CommandError(`--${name} takes no value.`, MISUSE_EXIT)
    } else if (value === undefined) {
      const next = rest[++at]
      if (next === undefined || next.startsWith("--"))
        throw new CommandError(`--${name} takes a value.`, MISUSE_EXIT)
    } else if (value === "") {
      throw new CommandError(`--${name} takes a value.`, MISUSE_EXIT)
    }
  }
  const places = Object.entries(args).filter(([, row]) => row.type === "positional")
  const missing = places[words]
  if (missing !== undefined && missing[1].required !== false) {
    throw new CommandError(`${missing[0].toUpperCase()} is missing. See --help.`, MISUSE_EXIT)
  }
  // It may be a password, so it is not repeated.
  if (words > places.length) {
    throw new CommandError("there is a word too many. See --help.", MISUSE_EXIT)
  }
}

/** Every value of an option that may come several times. */
export function valuesOf(rest: readonly string[], name: string): readonly string[] {
  const values: string[] = []
  for (let at = 0; at < rest.length; at++) {
    const [own, value] = split(rest[at] ?? "")
    if (own === name && (rest[at] ?? "").startsWith("--")) values.push(value ?? rest[++at] ?? "")
  }
  return values
}

function split(word: string): [string, string | undefined] {
  const bare = word.replace(/^--?/, "")
  const mark = bare.indexOf("=")
  return mark < 0 ? [bare, undefined] : [bare.slice(0, mark), bare.slice(mark + 1)]
}

/** What citty takes as a value, a promise or a function of either. */
export async function resolved<T>(
  input: T | (() => T) | Promise<T> | (() => Promise<T>) | undefined,
): Promise<T | undefined> {
  return typeof input === "function" ? await (input as () => T | Promise<T>)() : await input
}
