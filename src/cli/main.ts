import { type CommandDef, renderUsage, runCommand } from "citty"
import { checkArguments, findCommand } from "./arguments.ts"
import { command } from "./command.ts"
import { print, report } from "./output.ts"
import { VERSION } from "./version.ts"

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
    secret: () => import("./secret.ts").then((module) => module.secret),
    migrate: () => import("./migrate.ts").then((module) => module.migrate),
  },
})

export async function main(words: readonly string[]): Promise<number> {
  try {
    if (words[0] === "--version" || words[0] === "-v") {
      print(VERSION)
      return 0
    }
    const found = await findCommand(root, words)
    const help = found.rest.some((word) => word === "--help" || word === "-h")
    if (help || found.command.run === undefined) {
      const usage = await renderUsage(named(found.command, found.path), undefined)
      if (!help) process.stderr.write(`${plain(usage, process.stderr)}\n`)
      else print(plain(usage, process.stdout))
      return help ? 0 : 2
    }
    await checkArguments(found.command, found.rest)
    await runCommand(found.command, { rawArgs: [...found.rest] })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return report(error)
  }
}

function named(command: CommandDef, path: readonly string[]): CommandDef {
  const meta = command.meta as { description?: string }
  return { ...command, meta: { ...meta, name: ["nightlatch", ...path].join(" ") } }
}

/** citty colours by its own rule, which does not ask whether anybody looks. */
function plain(text: string, stream: { isTTY?: boolean }): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of colours
  return stream.isTTY === true && !process.env.NO_COLOR ? text : text.replace(/\u001b\[\d+m/g, "")
}

process.exitCode = await main(process.argv.slice(2))
