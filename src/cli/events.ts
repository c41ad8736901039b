import { setTimeout as wait } from "node:timers/promises"
import type { CommandDef } from "citty"
import { type Administration, eventLine, openAdministration } from "../service/administration.ts"
import { command } from "./command.ts"
import { CommandError, MISUSE_EXIT, painter, print, printable } from "./output.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

type SecurityEvent = Awaited<ReturnType<Administration["events"]>>[number]

const POLL_MS = 1000
const PAGE = 200

export const events: CommandDef = command({
  meta: { name: "events", description: "Show what happened: sign-ins, changes, alarms" },
  args: {
    account: { type: "string", valueHint: "email", description: "Only of this account" },
    limit: { type: "string", valueHint: "number", default: "50", description: "How many of the newest" },
    follow: { type: "boolean", description: "Go on as they happen" },
    json: { type: "boolean", description: "One JSON object a line" },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    const limit = Number(args.limit)
    if (!/^\d{1,6}$/.test(args.limit) || limit < 1)
      throw new CommandError("--limit takes a number from 1.", MISUSE_EXIT)
    const open = await openAdministration(await configure({ database: args.database }), { make: false })
    try {
      const account = args.account === undefined ? undefined : await open.find(args.account)
      if (args.account !== undefined && account === undefined) {
        throw new CommandError("there is no account with this address.")
      }
      const filter = account === undefined ? {} : { accountId: account.id }
      const whose = nameAccounts(open)
      const show = async (event: SecurityEvent) =>
        print(args.json === true ? JSON.stringify(event) : coloured(event, await whose(event)))
      const newest = await readNewest(open, filter, limit)
      for (const event of newest) await show(event)
      if (newest.length === 0 && args.json !== true && args.follow !== true) print("No events.")
      if (args.follow === true) await follow(open, filter, newest.at(-1)?.id ?? 0, show)
    } finally {
      await open.close()
    }
  },
})

/** The newest, oldest of them first. */
async function readNewest(
  open: Administration,
  filter: { accountId?: string },
  limit: number,
): Promise<readonly SecurityEvent[]> {
  const found: SecurityEvent[] = []
  while (found.length < limit) {
    const before = found.at(-1)?.id
    const size = Math.min(PAGE, limit - found.length)
    const page = await open.events({ ...filter, ...(before === undefined ? {} : { before }), limit: size })
    found.push(...page)
    if (page.length < size) break
  }
  return found.reverse()
}

async function follow(
  open: Administration,
  filter: { accountId?: string },
  from: number,
  show: (event: SecurityEvent) => Promise<void>,
): Promise<void> {
  const stopped = new AbortController()
  process.once("SIGINT", () => stopped.abort()).once("SIGTERM", () => stopped.abort())
  for (let last = from; !stopped.signal.aborted; ) {
    await wait(POLL_MS, undefined, { signal: stopped.signal }).catch(() => {})
    const page = await open.events({ ...filter, limit: PAGE })
    for (const event of page.filter((row) => row.id > last).reverse()) await show(event)
    last = Math.max(last, page[0]?.id ?? 0)
  }
}

/** The address of an event's account, asked for once; of an account that is gone only the beginning of its id is left. */
function nameAccounts(open: Administration): (event: SecurityEvent) => Promise<string | undefined> {
  const known = new Map<string, string>()
  return async ({ accountId }) => {
    if (accountId === undefined) return undefined
    const name =
      known.get(accountId) ?? (await open.emailOf(accountId)) ?? `deleted account ${accountId.slice(0, 8)}`
    known.set(accountId, name)
    return name
  }
}

function coloured(event: SecurityEvent, whose: string | undefined): string {
  const paint = painter(process.stdout)
  const line = printable(eventLine(event, whose))
  if (ALARMS.has(event.type)) return paint("red", line)
  return WARNINGS.has(event.type) ? paint("yellow", line) : line
}

const ALARMS: ReadonlySet<string> = new Set(["session.reuse", "session.rollback"])
const WARNINGS: ReadonlySet<string> = new Set([
  "session.parent_late",
  "login.closed",
  "mail.failed",
  "secret.removed",
])
