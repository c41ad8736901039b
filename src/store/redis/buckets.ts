import { hash } from "node:crypto"
import type { SharedBuckets, SharedTake } from "../../core/shared-buckets.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { RedisConnection } from "./connection.ts"
import { LinkError, reasonOf } from "./reason.ts"

/**
 * GCRA on all keys or on none, in one script: Redis runs nothing else meanwhile. A value is the time at which the bucket is
 * full again, in milliseconds since 2026 by the clock of Redis, so that a double keeps fractions of a microsecond; a key ends
 * at that time, since a full bucket is the same as none. When the clock of Redis was set back a bucket takes no longer than
 * a whole one does. A thousandth of a millisecond is the rounding that the limiter in memory allows as well. Answered are
 * whole microseconds; Redis writes a number that becomes an argument with 17 digits, which is exact.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = (time[1] - 1767225600) * 1000 + time[2] / 1000
local answer, full = { 1, time[1], time[2] }, {}
for at = 1, #KEYS do
  local interval, burst = ARGV[2 * at - 1] + 0, ARGV[2 * at] + 0
  local rest = (tonumber(redis.call('GET', KEYS[at]) or now) or now) - now
  if rest < 0 then rest = 0 elseif rest > burst * interval then rest = burst * interval end
  if rest + (1 - burst) * interval > 0.001 then answer[1] = 0 end
  full[at] = rest
end
for at = 1, #KEYS do
  if answer[1] == 1 then
    full[at] = full[at] + ARGV[2 * at - 1]
    redis.call('SET', KEYS[at], now + full[at], 'PX', math.ceil(full[at]))
  end
  answer[at + 3] = math.ceil(full[at] * 1000)
end
return answer
`
const DIGEST = hash("sha1", SCRIPT)
/** Passed or not, and the time of Redis in two parts. */
const HEAD = 3

/** Rate-limit buckets in Redis, as keys that end by themselves. One server or one with replicas; no cluster. */
export function redisBuckets(connection: RedisConnection, namespace: string): SharedBuckets {
  return {
    place: "Redis",
    take(wanted) {
      const rest = [String(wanted.length)]
      for (const { id } of wanted) rest.push(namespace + Buffer.from(id, "latin1").toString("base64url"))
      for (const { intervalMs, burst } of wanted) rest.push(String(intervalMs), String(burst))
      const answered = (answer: unknown) => read(answer, wanted.length)
      return connection.send(["EVALSHA", DIGEST, ...rest]).then(answered, (error: unknown) => {
        // After a restart of Redis the script is not there; EVAL leaves it behind.
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw unavailable(error)
        return connection.send(["EVAL", SCRIPT, ...rest]).then(answered, (other: unknown) => {
          throw unavailable(other)
        })
      })
    },
  }
}

function unavailable(error: unknown): UnavailableError {
  return new UnavailableError(reasonOf(error), error)
}

function read(answer: unknown, count: number): SharedTake {
  const numbers = Array.isArray(answer) ? answer.map(Number) : []
  if (numbers.length !== count + HEAD || !numbers.every(Number.isFinite)) {
    throw unavailable(new LinkError("it answers with something else than was asked for"))
  }
  const [passed, seconds = 0, microseconds = 0, ...full] = numbers
  return {
    passed: passed === 1,
    fullInMs: full.map((each) => each / 1000),
    at: seconds * 1000 + microseconds / 1000,
  }
}
