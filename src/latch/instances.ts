import { hash } from "node:crypto"
import type { Clock } from "../core/clock.ts"
import type { Facts } from "../core/facts.ts"
import { derived, type Keys } from "../core/keys.ts"
import type { Logger } from "../core/logger.ts"
import type { Instance, Store } from "../store/store.ts"
import { createHeartbeat, type Heartbeat } from "./heartbeat.ts"
import { VERSION } from "./version.ts"

const EVERY_MS = 5_000
/** What was heard longer ago says nothing about now. */
const STALE_MS = 20_000

/** The heartbeat of this process and what it hears of the others: only for the checklist, nothing is decided by it. */
export interface Instances extends Heartbeat {
  /** Where the store does not tell, this process is the only one. */
  facts(): Facts["instances"]
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
  const secretId = derived(input.keys, idOf)
  const own = () => ({ version: VERSION, secretId: secretId(), limits: input.limits() })
  let heard: readonly Instance[] = []
  let heardAt = Number.NEGATIVE_INFINITY

  const heartbeat = createHeartbeat({
    everyMs: EVERY_MS,
    async tell(self) {
      heard = (await store.beat?.({ ...self, ...own(), clock: clock() })) ?? []
      heardAt = performance.now()
    },
    leave: async (id) => store.leave?.(id),
    logger,
    unheard: "instances: the heartbeat is not heard",
  })

  return {
    ...heartbeat,
    facts() {
      const fresh = performance.now() - heardAt < STALE_MS ? heard : []
      const others = fresh.filter(({ id }) => id !== heartbeat.self.id)
      const offsets = fresh.map(({ clockOffsetMs }) => clockOffsetMs)
      const all = [...others, own()]
      return {
        live: all.length,
        inMemory: all.filter(({ limits }) => limits === "memory").length,
        secretSets: new Set(all.map(({ secretId }) => secretId)).size,
        clocksApartMs: offsets.length === 0 ? 0 : Math.max(...offsets) - Math.min(...offsets),
        versions: [...new Set(all.map(({ version }) => version))].sort(),
      }
    },
    async start() {
      if (store.beat !== undefined) await heartbeat.start()
    },
  }
}

/** The same for the same secrets in whatever order, since a rotation changes the order first. */
function idOf(keys: readonly Uint8Array[]): string {
  const each = keys.map((key) => Buffer.from(key).toString("hex")).sort()
  return hash("sha256", each.join(" "), "base64url").slice(0, 22)
}
