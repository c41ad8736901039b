import { hash } from "node:crypto"
import type { SharedBuckets, SharedTake } from "../../core/shared-buckets.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { RedisConnection } from "./connection.ts"
import { LinkError, reasonOf } from "./reason.ts"

/**
 * GCRA on all keys or on none, in one script: Redis runs nothing else meanwhile. A value is the time at which the bucket is
 * full again, in milliseconds since 2026 by the clock of Redis, so that a double keeps fractions of a microsecond; a key ends
 * at that time, since a full bucket is the same as none. When the clock of Redis was set back a bucket takes no longer than
 * a whole one does. A thousandth of a millisecond is the rounding that the limiter in memory allows as well.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = (time[1] - 1767225600) * 1000 + time[2] / 1000
local full, passed = {}, 1
for at, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * at - 1]), tonumber(ARGV[2 * at])
  local until_full = (tonumber(redis.call('GET', key) or now) or now) - now
  full[at] = math.min(math.max(until_full, 0), burst * interval)
  if full[at] + (1 - burst) * interval > 0.001 then passed = 0 end
end
local answer = { passed, string.format('%.17g', now) }
for at, key in ipairs(KEYS) do
  if passed == 1 then
    full[at] = full[at] + tonumber(ARGV[2 * at - 1])
    redis.call('SET', key, string.format('%.17g', now + full[at]), 'PX', string.format('%.0f', math.ceil(full[at])))
  end
  answer[at + 2] = string.format('%.17g', full[at])
end
return answer
`
const DIGEST = hash("sha1", SCRIPT)
const SINCE_MS = 1_767_225_600_000

/** Rate-limit buckets in Redis, as keys that end by themselves. One server or one with replicas; no cluster. */
export function redisBuckets(connection: RedisConnection, namespace: string): SharedBuckets {
  return {
    place: "Redis",
    async take(wanted) {
      const rest = [String(wanted.length)]
      for (const { id } of wanted) rest.push(namespace + Buffer.from(id, "latin1").toString("base64url"))
      for (const { intervalMs, burst } of wanted) rest.push(String(intervalMs), String(burst))
      try {
        return read(await run(connection, rest), wanted.length)
      } catch (error) {
        throw new UnavailableError(reasonOf(error), error)
      }
    },
  }
}

async function run(connection: RedisConnection, rest: readonly string[]): Promise<unknown> {
  try {
    return await connection.send(["EVALSHA", DIGEST, ...rest])
  } catch (error) {
    // After a restart of Redis the script is not there; EVAL leaves it behind.
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error
    return connection.send(["EVAL", SCRIPT, ...rest])
  }
}

function read(answer: unknown, count: number): SharedTake {
  const numbers = Array.isArray(answer) ? answer.map(Number) : []
  const [passed, at = 0, ...fullInMs] = numbers
  if (fullInMs.length !== count || !numbers.every(Number.isFinite))
    throw new LinkError("it answers with something else than was asked for")
  return { passed: passed === 1, fullInMs, at: SINCE_MS + at }
}
