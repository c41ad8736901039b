import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import type { Logger } from "../core/logger.ts"

/** What this process tells the store of itself at each interval. Nothing of it rejects. */
export interface Heartbeat {
  /** With an address for an operator who looks for it. */
  readonly self: { readonly id: string; readonly address: string }
  /** Tells it now, after a change. */
  beat(): Promise<void>
  start(): Promise<void>
  /** Says farewell, if the store hears it. */
  stop(): Promise<void>
}

export function createHeartbeat(input: {
  readonly everyMs: number
  readonly tell: (self: Heartbeat["self"]) => Promise<void>
  readonly leave: (id: string) => Promise<void>
  readonly logger: Logger
  /** What the log says once while the store does not hear it. */
  readonly unheard: string
}): Heartbeat {
  const id = randomBytes(16).toString("base64url")
  const self = { id, address: `${hostname()}, process ${process.pid}` }
  let failing = false
  let last: Promise<void> = Promise.resolve()
  let waiting: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  async function tell(): Promise<void> {
    waiting = undefined
    try {
      await input.tell(self)
      failing = false
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown"
      if (!failing) input.logger.warn({ reason }, input.unheard)
      failing = true
    }
  }

  /** One under way and one that waits, however long the store takes: what is told last is what holds. */
  function beat(): Promise<void> {
    waiting ??= last.then(tell)
    last = waiting
    return waiting
  }

  return {
    self,
    beat,
    async start() {
      await beat()
      timer = setInterval(() => void beat(), input.everyMs)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await last
      await input.leave(id).catch(() => {})
    },
  }
}
