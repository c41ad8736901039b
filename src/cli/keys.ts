import type { CommandDef } from "citty"
import { span } from "../checklist/secret/index.ts"
import { type KeyRow, type Keys, readKeys } from "../service/keys.ts"
import { command } from "./command.ts"
import { withOwnCommand } from "./command-line.ts"
import { painter, print, printable } from "./output.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

const list: CommandDef = command({
  meta: {
    name: "list",
    description: "Show the root secrets by derived ids, who has them, and which step of a rotation is safe",
  },
  args: {
    json: { type: "boolean", description: "One JSON object" },
    origin: {
      type: "string",
      valueHint: "origin",
      description:
        "What the address bar shows, as the service has it (NIGHTLATCH_ORIGIN): ids follow from it",
    },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    const keys = await readKeys(await configure({ database: args.database, origin: args.origin }))
    if (args.json === true) print(JSON.stringify(asJson(keys)))
    else for (const line of linesOf(keys)) print(line)
  },
})

export const keys: CommandDef = command({
  meta: { name: "keys", description: "Look at the root secrets and their rotation" },
  subCommands: { list },
})

const iso = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString())

function asJson({ now, origin, source, rows, instances, rotation }: Keys): object {
  return {
    at: iso(now),
    origin,
    source,
    secrets: rows.map((row) => ({
      position: row.position ?? null,
      id: row.id,
      does: row.does,
      instances: row.instances,
      since: iso(row.since),
      lastSigned: iso(row.signedAt),
    })),
    instances,
    rotation,
  }
}

function linesOf({ now, origin, source, rows, instances, rotation }: Keys): readonly string[] {
  const paint = painter(process.stdout)
  const cells = (row: KeyRow): readonly string[] => [
    String(row.position ?? "-"),
    row.id.slice(0, 8),
    row.does,
    `${row.instances} of ${instances.length}`,
    row.since === undefined ? "-" : span(now - row.since),
    row.signedAt === undefined
      ? "never"
      : row.position === 1 && row.instances > 0
        ? "now"
        : `${span(now - row.signedAt)} ago`,
  ]
  const table = [["#", "id", "does", "instances", "all since", "last signed"], ...rows.map(cells)]
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  )
  const drawn = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
  const steps = (["append", "move", "remove"] as const).map((name) => {
    const { safe, why } = rotation[name]
    return `${name.padEnd(8)}${safe ? paint("green", "safe") : paint("yellow", "no  ")}  ${why}`
  })
  return [
    `Root secrets of ${printable(origin)}, from ${printable(source)}`,
    "",
    paint("dim", drawn[0] ?? ""),
    ...drawn.slice(1),
    "",
    ...steps,
    "",
    `${paint("bold", "Next:")} ${withOwnCommand(rotation.next)}`,
  ]
}
