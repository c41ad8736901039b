export { type RedisOption, type RedisPolicy, readRedis } from "./address.ts"
export { redisBuckets } from "./buckets.ts"
export { connectRedis } from "./connect.ts"
export type { RedisConnection } from "./connection.ts"
