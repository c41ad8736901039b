import { hash } from "node:crypto"
import type { SharedBuckets } from "../../core/shared-buckets.ts"
import type { RedisPolicy } from "./address.ts"
import { redisBuckets } from "./buckets.ts"
import { connectRedis } from "./connect.ts"

export interface Redis {
  readonly buckets: SharedBuckets
  /** A connection of your own stays open. */
  close(): void
}

/**
 * Connects, or goes on trying when that fails: a Redis that is gone keeps nobody from starting.
 * @param origin whose keys these are: instances of one origin share them, staging and production do not
 * @throws MisuseError `redis.package`
 */
export async function openRedis(policy: RedisPolicy, origin: URL): Promise<Redis> {
  const namespace = `nl:${hash("sha256", origin.origin, "base64url").slice(0, 8)}:`
  if (policy.kind === "connection") {
    return { buckets: redisBuckets(policy.connection, namespace), close() {} }
  }
  const connection = await connectRedis(policy.address)
  await connection.tried
  return { buckets: redisBuckets(connection, namespace), close: () => connection.close() }
}
