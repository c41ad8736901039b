import { makeBackup } from "../service/backup.ts"
import { command } from "./command.ts"
import { print, shortPath } from "./output.ts"
import { createProgress } from "./progress.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

export const backup: ReturnType<typeof command> = command({
  meta: { name: "backup", description: "Copy the database into a new file, beside a running service" },
  args: {
    file: {
      type: "positional",
      required: false,
      description: "Where to; else a file with the time in its name, in a folder beside the database",
    },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    const progress = createProgress(process.stderr)
    const made = await makeBackup(await configure({ database: args.database }), args.file, (done, total) =>
      progress.show(`${done} of ${total} pages copied`),
    ).finally(() => progress.clear())
    const what = made.accounts === undefined ? "" : `${made.accounts} accounts, `
    print(`${shortPath(made.path)}: ${what}${made.bytes} bytes, checked.`)
  },
})
