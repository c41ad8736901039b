import { type CommandDef, runCommand } from "citty"
import { VERSION } from "../latch/version.ts"
import { checkArguments, findCommand } from "./arguments.ts"
import { command } from "./command.ts"
import { endWithReader, MISUSE_EXIT, painter, print, report } from "./output.ts"
import { usageOf } from "./usage.ts"

// Each command is imported when it is called: `secret` must not wait for a web server to load.
const root: CommandDef = command({
  meta: {
    name: "nightlatch",
    description: "The security checklist for TypeScript services, as running code",
  },
  subCommands: {
    serve: () => import("./serve.ts").then((module) => module.serve),
    user: () => import("./user.ts").then((module) => module.user),
    events: () => import("./events.ts").then((module) => module.events),
    move: () => import("./move.ts").then((module) => module.move),
    backup: () => import("./backup.ts").then((module) => module.backup),
    restore: () => import("./restore.ts").then((module) => module.restore),
    secret: () => import("./secret.ts").then((module) => module.secret),
    keys: () => import("./keys.ts").then((module) => module.keys),
    migrate: () => import("./migrate.ts").then((module) => module.migrate),
  },
})

export async function main(words: readonly string[]): Promise<number> {
  try {
    if (words[0] === "--version" || words[0] === "-v") {
      print(VERSION)
      return 0
    }
    // A service goes on without anybody who reads what it prints.
    if (words[0] !== "serve") endWithReader()
    const asked = words[0] === "help" ? [...words.slice(1), "--help"] : words
    const found = await findCommand(root, asked)
    const help = found.rest.some((word) => word === "--help" || word === "-h")
    if (help || found.command.run === undefined) {
      if (!help) await checkArguments(found.command, found.rest)
      const stream = help ? process.stdout : process.stderr
      stream.write(`${await usageOf(found.command, found.path, painter(stream))}\n`)
      return help ? 0 : MISUSE_EXIT
    }
    await checkArguments(found.command, found.rest)
    await runCommand(found.command, { rawArgs: [...found.rest] })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return report(error)
  }
}

process.exitCode = await main(process.argv.slice(2))
