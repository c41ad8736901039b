import { secretIdOf } from "../checklist/secret/index.ts"
import { derived, type Keys } from "../core/keys.ts"
import type { Logger } from "../core/logger.ts"
import type { Store } from "../store/store.ts"
import { createHeartbeat, type Heartbeat } from "./heartbeat.ts"

/** `listSecrets` takes a process for dead that has said nothing for two and a half of them. */
const EVERY_MS = 60_000

/** Tells the database which root secrets this process has, so that an operator sees which step of a rotation is safe. */
export function createSecretUses(input: {
  readonly store: Pick<Store, "noteSecrets" | "leaveSecrets">
  /** Of the label `secret-id`. */
  readonly keys: Keys
  /** Ids follow from it as well: with another one the same secrets are unknown. */
  readonly origin: string
  readonly logger: Logger
  /** The longest life of a session. */
  readonly absoluteMs: number
}): Heartbeat {
  const { store, logger, absoluteMs, origin } = input
  const ids = derived(input.keys, (list) => list.map(secretIdOf))

  return createHeartbeat({
    everyMs: EVERY_MS,
    async tell({ id: instance, address }) {
      const secrets = ids()
      const detail = { secrets: secrets.length, origin }
      const { now, removed } = await store.noteSecrets({
        instance,
        address,
        secrets,
        added: [{ type: "secret.added", detail }],
        removed: [{ type: "secret.removed", detail }],
      })
      for (const { id, signedAt } of removed) {
        if (signedAt === undefined || now - signedAt >= absoluteMs) continue
        const fields = { secret: id, signedUntil: new Date(signedAt).toISOString(), origin }
        logger.warn(
          fields,
          "secret: no instance has one any more while sessions of it could live, since it was removed or the origin is another one: they are signed out",
        )
      }
    },
    leave: (id) => store.leaveSecrets(id),
    logger,
    unheard: "secret: the database does not hear which ones are in use",
  })
}
