import { randomBytes } from "node:crypto"
import type { Logger } from "../../core/logger.ts"
import type { RedisConnection } from "./connection.ts"
import { reasonOf } from "./reason.ts"

/** The fast lane of revocations: a word without content that makes the others ask the store at once instead of within a second. */
export interface RevocationFeed {
  /** Tells all others. Never throws; a word that is lost is made up for by their next poll. */
  tell(): void
  /** @param wake is called when another instance has told, and after each loss of the connection */
  listen(wake: () => void): Promise<void>
  stop(): void
}

export function redisFeed(connection: RedisConnection, namespace: string, logger: Logger): RevocationFeed {
  const channel = `${namespace}revoked`
  // Our own words come back as well, and what we revoked we know.
  const self = randomBytes(9).toString("base64url")
  let due = false
  let stopped = false
  let end: () => unknown = () => {}
  return {
    tell() {
      if (due || stopped) return
      due = true
      // Many revocations of one turn are one word.
      setImmediate(() => {
        due = false
        connection.send(["PUBLISH", channel, self]).catch(() => {})
      })
    },
    async listen(wake) {
      try {
        const stop = await connection.subscribe(channel, (message) => {
          if (message !== self) wake()
        })
        if (stopped) stop()
        else end = stop
      } catch (error) {
        logger.warn(
          { reason: reasonOf(error) },
          "session: revocations of others are only polled, Redis does not tell",
        )
      }
    },
    stop() {
      stopped = true
      end()
    },
  }
}
