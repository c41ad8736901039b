import { hash } from "node:crypto"
import type { Logger } from "../../core/logger.ts"
import type { SharedBuckets } from "../../core/shared-buckets.ts"
import type { RedisPolicy } from "./address.ts"
import { redisBuckets } from "./buckets.ts"
import { connectRedis } from "./connect.ts"
import type { RedisConnection } from "./connection.ts"
import { type RevocationFeed, redisFeed } from "./feed.ts"

export interface Redis {
  readonly buckets: SharedBuckets
  readonly feed: RevocationFeed
  /** Ends what was begun. A connection of your own stays open. */
  close(): void
}

/**
 * Connects, or goes on trying when that fails: a Redis that is gone keeps nobody from starting.
 * @param origin whose keys these are: instances of one origin share them, staging and production do not
 * @throws MisuseError `redis.package`
 */
export async function openRedis(policy: RedisPolicy, origin: URL, logger: Logger): Promise<Redis> {
  const namespace = `nl:${hash("sha256", origin.origin, "base64url").slice(0, 8)}:`
  const parts = (connection: RedisConnection) => ({
    buckets: redisBuckets(connection, namespace),
    feed: redisFeed(connection, namespace, logger),
  })
  if (policy.kind === "connection") {
    const own = parts(withoutThrows(policy.connection))
    return { ...own, close: () => own.feed.stop() }
  }
  const connection = await connectRedis(policy.address)
  await connection.tried
  const made = parts(connection)
  return {
    ...made,
    close() {
      made.feed.stop()
      connection.close()
    },
  }
}

/** What a connection of somebody else throws is a rejection like any other. */
function withoutThrows(connection: RedisConnection): RedisConnection {
  return {
    send: async (command) => connection.send(command),
    async subscribe(channel, onMessage) {
      const stop = await connection.subscribe(channel, onMessage)
      return async () => {
        try {
          await stop()
        } catch {
          // It was over already.
        }
      }
    },
  }
}
