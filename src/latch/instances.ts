import { hash, randomBytes } from "node:crypto"
import { hostname } from "node:os"
import type { Clock } from "../core/clock.ts"
import type { Facts } from "../core/facts.ts"
import { derived, type Keys } from "../core/keys.ts"
import type { Logger } from "../core/logger.ts"
import type { Instance, Store } from "../store/store.ts"
import { VERSION } from "./version.ts"

const EVERY_MS = 5_000
/** What was heard longer ago says nothing about now. */
const STALE_MS = 20_000

/** The heartbeat of this process and what it hears of the others: only for the checklist, nothing is decided by it. */
export interface Instances {
  /** Where the store does not tell, this process is the only one. */
  facts(): Facts["instances"]
  /** Tells the others now, after a change. Never rejects. */
  beat(): Promise<void>
  /** Never rejects. */
  start(): Promise<void>
  /** Says farewell, if the store hears it. Never rejects. */
  stop(): Promise<void>
}

export function createInstances(input: {
  readonly store: Pick<Store, "beat" | "leave">
  readonly clock: Clock
  readonly logger: Logger
  /** Keys of the label `secret-id`, one a root secret. */
  readonly keys: Keys
  /** Where this process counts limits by name just now. */
  readonly limits: () => string
}): Instances {
  const { store, clock, logger } = input
  const self = {
    id: randomBytes(16).toString("base64url"),
    address: `${hostname()}, process ${process.pid}`,
    version: VERSION,
  }
  const secretId = derived(input.keys, idOf)
  let heard: readonly Instance[] = []
  let heardAt = Number.NEGATIVE_INFINITY
  let failing = false
  let beating: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  async function beat(): Promise<void> {
    try {
      heard =
        (await store.beat?.({ ...self, secretId: secretId(), limits: input.limits(), clock: clock() })) ?? []
      heardAt = performance.now()
      failing = false
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown"
      if (!failing) logger.warn({ reason }, "instances: the heartbeat is not heard")
      failing = true
    }
  }

  /** One at a time, however long the store takes. */
  function next(): Promise<void> {
    beating ??= beat().finally(() => {
      beating = undefined
    })
    return beating
  }

  return {
    facts() {
      const fresh = performance.now() - heardAt < STALE_MS ? heard : []
      const others = fresh.filter(({ id }) => id !== self.id)
      const offsets = fresh.map(({ clockOffsetMs }) => clockOffsetMs)
      const all = [...others, { ...self, secretId: secretId(), limits: input.limits() }]
      return {
        live: all.length,
        inMemory: all.filter(({ limits }) => limits === "memory").length,
        secretSets: new Set(all.map(({ secretId }) => secretId)).size,
        clocksApartMs: offsets.length === 0 ? 0 : Math.max(...offsets) - Math.min(...offsets),
        versions: [...new Set(all.map(({ version }) => version))].sort(),
      }
    },
    beat: next,
    async start() {
      if (store.beat === undefined) return
      await next()
      timer = setInterval(() => void next(), EVERY_MS)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await beating
      await store.leave?.(self.id).catch(() => {})
    },
  }
}

/** The same for the same secrets in whatever order, since a rotation changes the order first. */
function idOf(keys: readonly Uint8Array[]): string {
  const each = keys.map((key) => Buffer.from(key).toString("hex")).sort()
  return hash("sha256", each.join(" "), "base64url").slice(0, 22)
}
