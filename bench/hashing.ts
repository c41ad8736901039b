/** What hashing does to sign-ins, to everybody else, and to what an answer tells. */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { LOAD_CORE, pinWorkers, SERVER_CORE, start } from "./process.ts"
import { folder, median, PASSWORD, ROUNDS, type Row, ratio, reported, spread, type Value } from "./report.ts"

export async function benchSignIn(): Promise<readonly Row[]> {
  const concurrency = Math.max(1, Math.min(availableParallelism() - 1, 3))
  const emails = Array.from({ length: 8 }, (_, index) => `person${index}@example.com`)
  const server = await start("server.ts", ["guarded", join(folder, "sign-in", "data.db")])
  const baseline = await start("baseline.ts", [])
  const load = await start("load.ts", [], SERVER_CORE)
  const { port } = (await server.ask<Value<{ port: number }>>({ account: emails, password: PASSWORD })).value
  await baseline.ask({ kind: "hashes", concurrency, milliseconds: 100 })
  if (availableParallelism() === 2) {
    pinWorkers(server.pid, LOAD_CORE)
    pinWorkers(baseline.pid, LOAD_CORE)
  }
  const ratios: number[] = []
  const speeds: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const { perSecond } = (
      await load.ask<Value<{ perSecond: number }>>({
        kind: "sign-in",
        port,
        emails,
        password: PASSWORD,
        milliseconds: 4000,
      })
    ).value
    const floor = (await baseline.ask<Value<number>>({ kind: "hashes", concurrency, milliseconds: 4000 }))
      .value
    if (round === 0) continue
    speeds.push(perSecond)
    ratios.push(perSecond / floor)
  }
  await Promise.all([server.stop(), baseline.stop(), load.stop()])
  return [
    ratio(
      `sign-ins / bare argon2id at ${concurrency}`,
      ratios,
      0.95,
      `; ${median(speeds).toFixed(0)} per second`,
    ),
  ]
}

export async function benchFlood(): Promise<readonly Row[]> {
  const emails = Array.from({ length: 32 }, (_, index) => `person${index}@example.com`)
  const server = await start("server.ts", ["guarded", join(folder, "flood", "data.db")])
  const flood = await start("load.ts", [], SERVER_CORE)
  const watch = await start("load.ts", [], SERVER_CORE)
  const { port } = (await server.ask<Value<{ port: number }>>({ account: emails, password: PASSWORD })).value
  const { cookies } = (await server.ask<Value<{ cookies: string[] }>>({ sessions: 1 })).value
  const look = () =>
    watch.ask<Value<{ p50: number; p99: number }>>({
      kind: "latency",
      port,
      cookie: cookies[0],
      milliseconds: 4000,
    })
  await look()
  if (availableParallelism() === 2) pinWorkers(server.pid, LOAD_CORE)
  const idle: number[] = []
  const flooded: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    idle.push((await look()).value.p99)
    const running = flood.ask({ kind: "sign-in", port, emails, password: PASSWORD, milliseconds: 5000 })
    await new Promise((later) => setTimeout(later, 500))
    flooded.push((await look()).value.p99)
    await running
  }
  await Promise.all([server.stop(), flood.stop(), watch.stop()])
  const factors = flooded.map((value, index) => value / (idle[index] ?? 1))
  const factor = median(factors)
  return [
    {
      what: "p99 of `me` in a flood of 32 sign-ins / idle",
      value: `${factor.toFixed(1)} (${spread(factors)}); ${median(flooded).toFixed(1)} ms against ${median(idle).toFixed(1)} ms`,
      gate: "≤ 5",
      holds: factor <= 5,
    },
  ]
}

/** Known against unknown, beside two unknown ones: what differs more than those two do tells something. */
export async function benchEnumeration(): Promise<readonly Row[]> {
  const server = await start("server.ts", ["guarded", join(folder, "enumeration", "data.db")])
  const load = await start("load.ts", [])
  const known = Array.from({ length: 2_000 }, (_, index) => `known${index}@example.com`)
  const { port } = (await server.ask<Value<{ port: number }>>({ account: known, password: PASSWORD })).value
  const rows: Row[] = []
  for (const path of ["login", "register", "password/forgot"]) {
    const password = path === "login" ? ',"password":"seven copper lanterns drift"' : ""
    const bodies = ["knownROUND@example.com", "nobodyROUND@example.com", "strangerROUND@example.com"].map(
      (email) => `{"email":"${email}"${password}}`,
    )
    const rounds = (path === "login" ? 40 : 200) * ROUNDS
    const times = (
      await load.ask<Value<number[][]>>({ kind: "compare", port, bodies, path: `/auth/${path}`, rounds })
    ).value
    const [registered = 0, unknown = 0, control = 0] = times.map((each) => median(each))
    rows.push(
      reported(
        `time of \`${path}\`, known less unknown (unknown less another unknown)`,
        `${((registered - unknown) * 1000).toFixed(0)} µs (${((unknown - control) * 1000).toFixed(0)} µs) of ${registered.toFixed(2)} ms, ${rounds} rounds`,
      ),
    )
  }
  await Promise.all([server.stop(), load.stop()])
  return rows
}
