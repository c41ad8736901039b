import { BY_COMMAND, type EventType, type SecurityEvent } from "../core/event.ts"
import type { Logger } from "../core/logger.ts"
import type { FlowHooks, Flows } from "../flows/index.ts"
import type { Store } from "../store/store.ts"

const EVERY_MS = 2_000
const PAGE = 200
/** An event may become visible after one with a higher id: so many are looked at again. */
const OVERLAP = 200

/** Which hook hears of what a command does to an account. */
const HOOKS: Partial<Record<EventType, keyof FlowHooks>> = {
  "account.created": "accountCreated",
  "account.disabled": "accountChanged",
  "account.enabled": "accountChanged",
  "account.roles_changed": "accountChanged",
  "account.deleted": "accountDeleted",
}

/**
 * Tells an application's hooks of what commands change beside the running service, by the events that they write. What the
 * service changes itself is told where it is done. Each process that has hooks hears of a change.
 */
export function watchChanges(input: {
  readonly store: Pick<Store, "listEvents" | "findAccount">
  readonly callHook: Flows["callHook"]
  readonly logger: Logger
}): { /** What happened before is not told. */ start(): Promise<void>; stop(): void } {
  const { store, callHook, logger } = input
  const told = new Set<number>()
  let floor = 0
  let looking = false
  let failing = false
  let timer: NodeJS.Timeout | undefined

  /** Every event above the floor, oldest first. */
  async function read(): Promise<readonly SecurityEvent[]> {
    const found: SecurityEvent[] = []
    for (let before: number | undefined; ; before = found.at(-1)?.id) {
      const page = await store.listEvents({ limit: PAGE, ...(before === undefined ? {} : { before }) })
      const above = page.filter(({ id }) => id > floor)
      found.push(...above)
      if (above.length < PAGE) return found.reverse()
    }
  }

  async function tell({ type, accountId, detail }: SecurityEvent): Promise<void> {
    const hook = HOOKS[type]
    if (hook === undefined || accountId === undefined || detail?.by !== BY_COMMAND) return
    if (hook === "accountDeleted") return callHook(hook, { userId: accountId })
    const account = await store.findAccount(accountId)
    if (account !== undefined) callHook(hook, { userId: accountId, email: account.email })
  }

  async function look(): Promise<void> {
    const events = await read()
    for (const event of events) {
      if (!told.has(event.id)) await tell(event)
      told.add(event.id)
    }
    floor = Math.max(floor, (events.at(-1)?.id ?? 0) - OVERLAP)
    for (const id of told) if (id <= floor) told.delete(id)
    failing = false
  }

  async function poll(): Promise<void> {
    if (looking) return
    looking = true
    await look()
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : "unknown"
        if (!failing) logger.warn({ reason }, "changes of others could not be read")
        failing = true
      })
      .finally(() => {
        looking = false
      })
  }

  return {
    async start() {
      floor = (await store.listEvents({ limit: 1 }))[0]?.id ?? 0
      timer = setInterval(() => void poll(), EVERY_MS)
      timer.unref()
    },
    stop: () => clearInterval(timer),
  }
}
