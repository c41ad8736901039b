/** What a store costs beside the statement itself, and beside an empty one. */
import { start } from "./process.ts"
import { measureRedis } from "./redis.ts"
import { median, ROUNDS, type Row, ratio, reported, spread, type Value } from "./report.ts"

/** The store against the bare UPDATE of the same row, from as many connections to the same server. */
export async function benchPostgres(): Promise<readonly Row[]> {
  const child = await start("postgres.ts", [])
  const ask = async (kind: string, lanes: number) =>
    (await child.ask<Value<{ perSecond: number; cost: number }>>({ kind, lanes, milliseconds: 2000 })).value
  const rows: Row[] = []
  for (const lanes of [1, 8, 16]) {
    const [speeds, costs, own, bare, work, least]: number[][] = [[], [], [], [], [], []]
    for (let round = 0; round <= ROUNDS; round++) {
      const [mine, floor] = [await ask("own", lanes), await ask("bare", lanes)]
      if (round === 0) continue
      speeds?.push(mine.perSecond / floor.perSecond)
      costs?.push(floor.cost / mine.cost)
      own?.push(mine.perSecond)
      bare?.push(floor.perSecond)
      work?.push(mine.cost)
      least?.push(floor.cost)
    }
    const from = `${lanes} connection${lanes === 1 ? "" : "s"}`
    const detail = `; ${median(own ?? []).toFixed(0)} against ${median(bare ?? []).toFixed(0)} per second`
    rows.push(ratio(`PostgreSQL: rotations / the bare UPDATE, ${from}`, speeds ?? [], 0.6, detail))
    const each = `; ${median(work ?? []).toFixed(0)} µs against ${median(least ?? []).toFixed(0)} µs`
    rows.push(ratio("the same, work per CPU of both sides", costs ?? [], 0.6, each))
  }
  await child.ask({ kind: "end" })
  await child.stop()
  return rows
}

/** A refresh among a million sessions, and while half of them are cleared away. */
export async function benchMillion(): Promise<readonly Row[]> {
  interface Found {
    readonly ratios: readonly number[]
    readonly bytes: number
    readonly calls: number
    readonly longest: number
    readonly p50: number
    readonly p99: number
    readonly worst: number
  }
  const rows: Row[] = []
  for (const engine of ["sqlite", "postgres"]) {
    const child = await start("million.ts", [])
    const { value } = await child.ask<Value<Found>>({ engine, rounds: ROUNDS })
    await child.stop()
    const { ratios, bytes, calls, longest, p50, p99, worst } = value
    const times = [longest, p50, p99, worst].map((each) => each.toFixed(1))
    rows.push(
      {
        what: `${engine}: p50 of a refresh among 1,000,000 sessions / among none`,
        value: `${median(ratios).toFixed(2)} (${spread(ratios)}); ${bytes.toFixed(0)} bytes a session`,
        gate: "≤ 1.5",
        holds: median(ratios) <= 1.5,
      },
      reported(
        "clearing half of them away: longest of its steps; refresh meanwhile p50, p99, worst",
        `${times[0]} ms of ${calls}; ${times[1]}, ${times[2]}, ${times[3]} ms`,
      ),
    )
  }
  return rows
}

/** A limit that is counted in Redis: what it costs beside the way there and back. */
export async function benchRedis(): Promise<readonly Row[]> {
  const { sequential, pipelined, microseconds } = await measureRedis(ROUNDS)
  const took = (kind: "sequential" | "pipelined") => `; ${microseconds[kind].toFixed(0)} µs a check`
  return [
    ratio("bare PING / a limit counted in Redis, one after the other", sequential, 0.7, took("sequential")),
    reported(
      "the same with 100 in flight",
      `${median(pipelined).toFixed(2)} (${spread(pipelined)})${took("pipelined")}`,
    ),
  ]
}
