import { parsePostgresUrl } from "../core/postgres-url.ts"
import { type Configuration, readConfiguration } from "../service/configuration.ts"
import { CommandError, MISUSE_EXIT } from "./output.ts"

/** Options of every command that opens the database, as citty reads them. */
export const DATABASE_OPTION = {
  database: {
    type: "string",
    valueHint: "path",
    description: "SQLite file or postgres://…; else NIGHTLATCH_DATABASE",
  },
} as const

/** The configuration of this folder and environment, with the options of the command line on top. */
export function configure(
  flags: Readonly<Record<string, string | undefined>>,
  starts: boolean = false,
): Promise<Configuration> {
  refusePassword(flags.database, "in NIGHTLATCH_DATABASE or NIGHTLATCH_DATABASE_FILE")
  const given = Object.entries(flags).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return readConfiguration({
    folder: process.cwd(),
    environment: process.env,
    flags: Object.fromEntries(given),
    starts,
  })
}

/** @param instead where a URL with a password belongs */
export function refusePassword(url: string | undefined, instead: string): void {
  if (parsePostgresUrl(url ?? "")?.password)
    throw new CommandError(
      `other users of this machine see the arguments of a command: give a URL with a password ${instead}.`,
      MISUSE_EXIT,
    )
}
