import { acknowledge, restoreBackup } from "../service/backup.ts"
import { command } from "./command.ts"
import { withOwnCommand } from "./command-line.ts"
import { CommandError, MISUSE_EXIT, painter, print, printable, shortPath } from "./output.ts"
import { createProgress } from "./progress.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

type Restored = Awaited<ReturnType<typeof restoreBackup>>

export const restore: ReturnType<typeof command> = command({
  meta: { name: "restore", description: "Put a backup in the place of the database; every session ends" },
  args: {
    file: { type: "positional", required: false, description: "What nightlatch backup made" },
    acknowledge: {
      type: "boolean",
      description: "Take the database as it is now, though it went back in time; every session ends",
    },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    const { file } = args
    if ((file === undefined) === (args.acknowledge !== true))
      throw new CommandError("give either a FILE or --acknowledge. See --help.", MISUSE_EXIT)
    const configuration = await configure({ database: args.database })
    if (file === undefined) {
      const { sessions } = await acknowledge(configuration)
      print(`The database is taken as it is. ${endOf(sessions)}`)
      return
    }
    const progress = createProgress(process.stderr)
    const restored = await restoreBackup(configuration, file, (done, total) =>
      progress.show(`${done} of ${total} pages copied`),
    ).finally(() => progress.clear())
    print(`Restored from ${file}. ${endOf(restored.sessions)}`)
    for (const line of linesOf(restored)) print(line)
  },
})

function endOf(sessions: number): string {
  return `${sessions} ${sessions === 1 ? "session has" : "sessions have"} ended; everybody signs in again, and unused links and codes are void.`
}

function linesOf({ kept, carriedOver }: Restored): string[] {
  const paint = painter(process.stdout)
  const where = kept === undefined ? [] : [`What was there is kept: ${shortPath(kept)}`]
  if (carriedOver === undefined) {
    return [
      ...where,
      paint("yellow", "Nothing could be carried over from a newer database:"),
      "accounts that were disabled or deleted and passwords that were changed since the backup are as they were then.",
      withOwnCommand(
        "What you know of, do again: nightlatch user disable EMAIL, nightlatch user delete EMAIL.",
      ),
    ]
  }
  const { deleted, disabled, moved, passwords, roles, made } = carriedOver
  const told: readonly (readonly [string, readonly string[]])[] = [
    ["deleted since, deleted here too", deleted],
    ["disabled since, disabled here too", disabled],
    ["has another address since, disabled here: enable it when you know whose the mailbox is", moved],
    ["has another password since, has none here: its owner resets it by mail", passwords],
    ["lost roles since, lost here too", roles],
    ["made since, not in the backup: lost, and has to be made again", made],
  ]
  return [
    ...where,
    "What had changed there since:",
    ...told.flatMap(([what, emails]) => emails.map((email) => `  ${printable(email)}: ${what}`)),
    ...(told.every(([, emails]) => emails.length === 0) ? ["  nothing had changed."] : []),
  ]
}
