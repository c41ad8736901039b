/** A rate-limit check through Redis against a bare PING on the same connection, one at a time and many in flight. */

import { createLimiter, createSharedLimiter, parseRate } from "../src/checklist/rate-limit/index.ts"
import { silentLogger } from "../src/core/logger.ts"
import { Faults } from "../src/core/misuse.ts"
import { connectRedis, readRedis, redisBuckets } from "../src/store/redis/index.ts"
import { useRedis } from "../test/store/redis-server.ts"

/** Short and many, one after the other, so that both meet the same neighbours on the machine. */
const SLICE_MS = 40
const SLICES = 25
const IN_FLIGHT = 100
/** So many different keys, as many clients have. */
const KEYS = 10_000

export interface RedisRatios {
  /** PING's time over the check's, a value a round. */
  readonly sequential: readonly number[]
  readonly pipelined: readonly number[]
  /** Microseconds of a check, by the median. */
  readonly microseconds: { readonly sequential: number; readonly pipelined: number }
}

export async function measureRedis(rounds: number): Promise<RedisRatios> {
  const server = await useRedis()
  const policy = readRedis(process.env.REDIS_URL ?? server.url, new Faults())
  if (policy?.kind !== "address") throw new TypeError("no address of Redis")
  const connection = await connectRedis(policy.address)
  await connection.tried
  const shared = createSharedLimiter({
    limiter: createLimiter({ keys: { list: [Buffer.alloc(32, 7)] }, clock: Date.now }),
    buckets: redisBuckets(connection, `nl:bench-${process.pid}:`),
    whenGone: "memory",
    logger: silentLogger,
  })
  await shared.start()
  const rate = parseRate("100000/minute", "bench", new Faults())
  let asked = 0
  const check = async () => {
    const verdict = await shared.take("bench", rate, `user ${asked++ % KEYS}`)
    if (verdict.kind !== "pass") throw new Error("the bench was refused")
  }
  const ping = () => connection.send(["PING"])

  const measured = { sequential: [] as number[], pipelined: [] as number[] }
  const checks = { sequential: [] as number[], pipelined: [] as number[] }
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, width] of [
      ["sequential", 1],
      ["pipelined", IN_FLIGHT],
    ] as const) {
      const [floor, own]: [number[], number[]] = [[], []]
      for (let slice = 0; slice < SLICES; slice++) {
        floor.push(await microseconds(ping, width))
        own.push(await microseconds(check, width))
      }
      if (round === 0) continue
      measured[kind].push(median(floor) / median(own))
      checks[kind].push(median(own))
    }
  }
  const { gone, missed } = shared.describe()
  if (gone !== undefined || missed > 0) throw new Error(`not everything went through Redis: ${gone}`)
  shared.stop()
  connection.close()
  await server.close()
  return {
    ...measured,
    microseconds: { sequential: median(checks.sequential), pipelined: median(checks.pipelined) },
  }
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** For one call, with so many under way at once. */
async function microseconds(call: () => Promise<unknown>, width: number): Promise<number> {
  const began = performance.now()
  let done = 0
  while (performance.now() - began < SLICE_MS) {
    if (width === 1) await call()
    else await Promise.all(Array.from({ length: width }, call))
    done += width
  }
  return ((performance.now() - began) * 1000) / done
}
