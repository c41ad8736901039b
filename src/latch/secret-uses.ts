import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { secretIdOf } from "../checklist/secret/index.ts"
import { derived, type Keys } from "../core/keys.ts"
import type { Logger } from "../core/logger.ts"
import type { Store } from "../store/store.ts"

/** `listSecrets` takes a process for dead that has said nothing for two and a half of them. */
const EVERY_MS = 60_000

/** Tells the database which root secrets this process has, so that an operator sees which step of a rotation is safe. */
export interface SecretUses {
  /** Never rejects: what the store did not hear is told a minute later. */
  note(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

export function createSecretUses(input: {
  readonly store: Pick<Store, "noteSecrets" | "leaveSecrets">
  /** Of the label `secret-id`. */
  readonly keys: Keys
  readonly logger: Logger
  /** The longest life of a session. */
  readonly absoluteMs: number
}): SecretUses {
  const { store, logger, absoluteMs } = input
  const instance = randomBytes(16).toString("base64url")
  const address = `${hostname()}, process ${process.pid}`
  const ids = derived(input.keys, (list) => list.map(secretIdOf))
  let failing = false
  let last: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  async function tell(): Promise<void> {
    try {
      const secrets = ids()
      const { now, removed } = await store.noteSecrets({
        instance,
        address,
        secrets,
        added: [{ type: "secret.added", detail: { secrets: secrets.length } }],
        removed: [{ type: "secret.removed", detail: { secrets: secrets.length } }],
      })
      failing = false
      for (const { id, signedAt } of removed) {
        if (signedAt === undefined || now - signedAt >= absoluteMs) continue
        const fields = { secret: id, signedUntil: new Date(signedAt).toISOString() }
        logger.warn(fields, "secret: one was removed while sessions of it could live: they are signed out")
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown"
      if (!failing) logger.warn({ reason }, "secret: the database does not hear which ones are in use")
      failing = true
    }
  }

  /** One after the other, so that the last list is the last that is told. */
  function note(): Promise<void> {
    last = last.then(tell)
    return last
  }

  return {
    note,
    async start() {
      await note()
      timer = setInterval(() => void note(), EVERY_MS)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await last
      await store.leaveSecrets(instance).catch(() => {})
    },
  }
}
