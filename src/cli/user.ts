import type { CommandDef } from "citty"
import { type Administration, type Outcome, openAdministration } from "../service/administration.ts"
import { valuesOf } from "./arguments.ts"
import { command } from "./command.ts"
import { CommandError, MISUSE_EXIT, painter, print, printable } from "./output.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"
import { importUsers } from "./user-import.ts"

type Account = Awaited<ReturnType<Administration["find"]>> & {}

const email = { type: "positional", required: true, description: "Mail address of the account" } as const
const role = {
  type: "string",
  valueHint: "name",
  description: "A role of the account; may come several times",
} as const

async function administer<T>(
  database: string | undefined,
  act: (open: Administration) => Promise<T>,
  make: boolean = false,
): Promise<T> {
  const open = await openAdministration(await configure({ database }), { make })
  try {
    return await act(open)
  } finally {
    await open.close()
  }
}

function settled<T>(outcome: Outcome<T>): T {
  if (outcome.kind === "refused") throw new CommandError(`${outcome.why}.`)
  return outcome.value
}

const create = command({
  meta: { name: "create", description: "Make a verified account; its password comes from standard input" },
  args: {
    email,
    "password-stdin": { type: "boolean", description: "Read the password from standard input (one line)" },
    role,
    ...DATABASE_OPTION,
  },
  async run({ args, rawArgs }) {
    if (args["password-stdin"] !== true) {
      throw new CommandError(
        "give the password by --password-stdin (never as an argument: other users see those), or use: user invite EMAIL",
        MISUSE_EXIT,
      )
    }
    const password = await readLine()
    const account = await administer(
      args.database,
      async (open) => settled(await open.create(args.email, password, valuesOf(rawArgs, "role"))),
      true,
    )
    print(`Created ${printable(account.email)} ${painter(process.stdout)("dim", account.id)}`)
  },
})

const invite = command({
  meta: { name: "invite", description: "Make an account whose owner chooses the password by a mailed link" },
  args: { email, role, ...DATABASE_OPTION },
  async run({ args, rawArgs }) {
    const account = await administer(
      args.database,
      async (open) => settled(await open.invite(args.email, valuesOf(rawArgs, "role"))),
      true,
    )
    print(`Invited ${printable(account.email)} ${painter(process.stdout)("dim", account.id)}`)
    print("The running service sends the mail; when none is running, the next one to start does.")
  },
})

function switchCommand(name: string, description: string, disabled: boolean, done: string): CommandDef {
  return command({
    meta: { name, description },
    args: { email, ...DATABASE_OPTION },
    async run({ args }) {
      const account = await administer(args.database, async (open) =>
        settled(await open.setDisabled(args.email, disabled)),
      )
      print(`${done} ${printable(account.email)}`)
    },
  })
}

const remove = command({
  meta: { name: "delete", description: "Delete an account with its data; its events keep only the id" },
  args: { email, ...DATABASE_OPTION },
  async run({ args }) {
    const account = await administer(args.database, async (open) => settled(await open.remove(args.email)))
    print(`Deleted ${printable(account.email)} ${painter(process.stdout)("dim", account.id)}`)
  },
})

const roles = command({
  meta: { name: "roles", description: "Show the roles of an account, or set them" },
  args: {
    email,
    role: { ...role, description: "A role it shall have, instead of those it has; may come several times" },
    none: { type: "boolean", description: "Take all its roles away" },
    ...DATABASE_OPTION,
  },
  async run({ args, rawArgs }) {
    const wanted = valuesOf(rawArgs, "role")
    if (args.none === true && wanted.length > 0)
      throw new CommandError("--none and --role contradict each other.", MISUSE_EXIT)
    const account = await administer(args.database, async (open) => {
      if (args.none === true || wanted.length > 0) return settled(await open.setRoles(args.email, wanted))
      const found = await open.find(args.email)
      if (found === undefined) throw new CommandError("there is no account with this address.")
      return found
    })
    print(
      `${printable(account.email)}: ${account.roles.length === 0 ? "no roles" : account.roles.join(", ")}`,
    )
  },
})

const list = command({
  meta: { name: "list", description: "List the accounts" },
  args: {
    json: { type: "boolean", description: "One JSON object a line" },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    await administer(args.database, async (open) => {
      const rows: string[][] = []
      for await (const account of open.accounts()) {
        if (args.json === true) print(JSON.stringify(withoutHash(account)))
        else rows.push(rowOf(account))
      }
      if (args.json !== true) printTable(["email", "state", "roles", "created", "id"], rows)
    })
  },
})

export const user: CommandDef = command({
  meta: { name: "user", description: "Create, invite, import, disable, enable, delete and list accounts" },
  subCommands: {
    create: create,
    invite: invite,
    import: importUsers,
    disable: switchCommand("disable", "Disable an account and end all its sessions", true, "Disabled"),
    enable: switchCommand("enable", "Let a disabled account sign in again", false, "Enabled"),
    delete: remove,
    list: list,
    roles: roles,
  },
})

function stateOf(account: Account): string {
  if (account.disabledAt !== null) return "disabled"
  return account.passwordHash === null ? "invited" : "active"
}

function rowOf(account: Account): string[] {
  const created = new Date(account.createdAt).toISOString().slice(0, 10)
  return [printable(account.email), stateOf(account), account.roles.join(",") || "-", created, account.id]
}

function withoutHash({ passwordHash, ...account }: Account): object {
  return { ...account, state: stateOf({ ...account, passwordHash }) }
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) {
    print("No accounts.")
    return
  }
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  print(painter(process.stdout)("dim", line(head)))
  for (const row of rows) print(line(row))
}

/** One line of standard input, without its end; more than one is a mistake that would become part of a password. */
async function readLine(): Promise<string> {
  if (process.stdin.isTTY === true) process.stderr.write("Password (it will be seen while you type): ")
  let text = ""
  for await (const piece of process.stdin.setEncoding("utf8")) {
    text += piece
    if (text.length > 65_536)
      throw new CommandError("standard input is too long for a password.", MISUSE_EXIT)
    if (process.stdin.isTTY === true && text.includes("\n")) break
  }
  const line = text.replace(/\r?\n$/, "")
  if (line === "") throw new CommandError("standard input has no password.", MISUSE_EXIT)
  if (/[\r\n]/.test(line)) throw new CommandError("standard input has more than one line.", MISUSE_EXIT)
  return line
}
