import { createRenewal } from "../checklist/secret/index.ts"
import type { Facts } from "../core/facts.ts"
import type { Logger } from "../core/logger.ts"
import type { Store } from "../store/store.ts"
import type { Policies } from "./policy.ts"
import { createSecretUses } from "./secret-uses.ts"

/** The root secrets of a running service: asked for again, and told to the database. */
export interface Secrets {
  /** Never rejects. */
  renew(): Promise<void>
  describe(): Facts["secret"]["renewal"]
  start(): Promise<void>
  stop(): Promise<void>
}

export function createSecrets(input: {
  readonly policies: Pick<Policies, "origin" | "ring" | "secretSource" | "session">
  readonly store: Store
  readonly logger: Logger
  readonly onReplaced: () => void
}): Secrets {
  const { policies, store, logger } = input
  const { ring, secretSource: source, session } = policies
  const keys = ring.keys("secret-id")
  const uses = createSecretUses({
    store,
    keys,
    origin: policies.origin.origin,
    logger,
    absoluteMs: session.absoluteMs,
  })
  const renewal = createRenewal({
    source,
    ring,
    logger,
    onReplaced() {
      void uses.beat()
      input.onReplaced()
    },
  })
  return {
    renew: renewal.renew,
    describe: renewal.describe,
    async start() {
      await uses.start()
      renewal.start()
    },
    async stop() {
      await renewal.stop()
      await uses.stop()
    },
  }
}
