import type { ArgsDef, CommandDef, CommandMeta, SubCommandsDef } from "citty"
import { resolved } from "./arguments.ts"
import type { Paint } from "./output.ts"

type Row = readonly [name: string, meaning: string]

/** The help of a command: what it does, how it is called, what stands below it. */
export async function usageOf(command: CommandDef, path: readonly string[], paint: Paint): Promise<string> {
  const meta = await resolved<CommandMeta>(command.meta)
  const args = Object.entries((await resolved<ArgsDef>(command.args)) ?? {})
  const below = (await resolved<SubCommandsDef>(command.subCommands)) ?? {}
  const places = args.filter(([, row]) => row.type === "positional")
  const options = args.filter(([, row]) => row.type !== "positional")
  const commands: Row[] = []
  for (const [name, entry] of Object.entries(below)) {
    const found = await resolved<CommandDef>(entry)
    commands.push([name, (await resolved<CommandMeta>(found?.meta))?.description ?? ""])
  }
  const words = [
    ...["nightlatch", ...path],
    ...(commands.length > 0 ? ["<command>"] : []),
    ...places.map(([name, row]) => (row.required === false ? `[${name.toUpperCase()}]` : name.toUpperCase())),
    ...(options.length > 0 ? ["[options]"] : []),
  ]
  const sections: readonly (readonly [title: string, rows: readonly Row[]])[] = [
    ["USAGE", [[words.join(" "), ""]]],
    ["COMMANDS", commands],
    ["ARGUMENTS", places.map(([name, row]) => [name.toUpperCase(), row.description ?? ""])],
    ["OPTIONS", options.map(optionRow)],
  ]
  const width = Math.max(...sections.slice(1).flatMap(([, rows]) => rows.map(([name]) => name.length)), 0) + 2
  const blocks = sections
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) =>
      [
        paint("bold", title),
        ...rows.map(([name, meaning]) => `  ${name.padEnd(width)}${meaning}`.trimEnd()),
      ].join("\n"),
    )
  const more =
    commands.length > 0 ? [`${["nightlatch", ...path].join(" ")} <command> --help tells more of one.`] : []
  return [meta?.description ?? "", ...blocks, ...more].join("\n\n")
}

function optionRow([name, row]: [string, ArgsDef[string]]): Row {
  const value = row.type === "string" ? ` <${row.valueHint ?? "text"}>` : ""
  const standard = typeof row.default === "string" ? ` (${row.default})` : ""
  return [`--${name}${value}`, `${row.description ?? ""}${standard}`]
}
