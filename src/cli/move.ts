import { readFileSync } from "node:fs"
import { moveDatabase } from "../service/move.ts"
import { command } from "./command.ts"
import { withOwnCommand } from "./command-line.ts"
import { CommandError, MISUSE_EXIT, print, shortPath } from "./output.ts"
import { createProgress } from "./progress.ts"
import { configure, DATABASE_OPTION, refusePassword } from "./settings.ts"

export const move: ReturnType<typeof command> = command({
  meta: {
    name: "move",
    description: "Move the SQLite file into an empty PostgreSQL, while no service runs",
  },
  args: {
    to: { type: "string", valueHint: "url", description: "postgres://user@host:5432/database" },
    "to-file": {
      type: "string",
      valueHint: "file",
      description: "File with that URL: other users of this machine see arguments, and so a password in them",
    },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    const to = readTarget(args.to, args["to-file"])
    const progress = createProgress(process.stderr)
    const configuration = await configure({ database: args.database })
    const moved = await moveDatabase(configuration, to, (table, done) =>
      progress.show(`${table}: ${done} rows`),
    ).finally(() => progress.clear())
    const tables = Object.entries(moved.rows).map(([table, rows]) => `${rows} ${table}`)
    print(`Moved to ${moved.to}, counted and compared: ${tables.join(", ")}.`)
    print("Now set NIGHTLATCH_DATABASE to it, with the role that the service runs as (nightlatch_service of")
    print(
      withOwnCommand(
        "nightlatch migrate --roles), keep origin and secret as they are, and start the service.",
      ),
    )
    print(
      `Sessions go on. Put ${shortPath(moved.from)} away: a service that starts on it would know nothing of what comes.`,
    )
  },
})

function readTarget(to: string | undefined, file: string | undefined): string {
  if ((to === undefined) === (file === undefined))
    throw new CommandError("give either --to or --to-file. See --help.", MISUSE_EXIT)
  refusePassword(to, "in a file, by --to-file")
  if (to !== undefined) return to
  try {
    return readFileSync(file ?? "", "utf8").trim()
  } catch {
    throw new CommandError("--to-file names no file that can be read.", MISUSE_EXIT)
  }
}
