/** What a request costs: one that is only checked, and one that rotates. */
import { join } from "node:path"
import { CONNECTIONS } from "./bare-postgres.ts"
import { createDatabase, spentBetween } from "./database.ts"
import { type Child, cpuMicroseconds, LOAD_CORE, SERVER_CORE, start } from "./process.ts"
import { between, folder, median, ROUNDS, type Row, ratio, reported, type Value } from "./report.ts"

// Half of what the slower side could answer: neither is late, and both are woken as often.
const PACE = 8
/** Frameworks cost more by themselves. */
const FRAMEWORK_PACE = 2
/** What the guard may cost in each: work per CPU beside that framework's bare route with the same headers. */
const FRAMEWORKS = { hono: 1, fastify: 0.85, express: 0.7 } as const

/** CPU of the server process for one answered request, guarded against bare, at the same rate. */
export async function benchMe(): Promise<readonly Row[]> {
  const guarded = await start("server.ts", ["guarded"], SERVER_CORE)
  const bare = await start("server.ts", ["bare"], SERVER_CORE)
  const { port, cookies } = (
    await guarded.ask<Value<{ port: number; cookies: string[] }>>({ sessions: 1000 })
  ).value
  const sample = await sampleOf(port, "/auth/me", cookies[0] ?? "")
  const { port: barePort } = (await bare.ask<Value<{ port: number }>>(sample)).value
  const what = "guarded `me` / bare node:http with the same headers, work per CPU"
  const sides = [
    { child: guarded, port },
    { child: bare, port: barePort },
  ] as const
  return [await compareCosts({ what, gate: 0.75, path: "/auth/me", pace: PACE, cookies, sides })]
}

export async function benchFrameworks(): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [framework, gate] of Object.entries(FRAMEWORKS)) {
    const guarded = await start("frameworks.ts", [framework, "guarded"], SERVER_CORE)
    const bare = await start("frameworks.ts", [framework, "bare"], SERVER_CORE)
    const { port, cookies } = (
      await guarded.ask<Value<{ port: number; cookies: string[] }>>({ sessions: 1000 })
    ).value
    const { headers: flat } = await sampleOf(port, "/orders", cookies[0] ?? "")
    const headers = chunk(flat).filter(
      ([name = ""]) => !/^(?:content-length|content-type|etag|x-powered-by)$/i.test(name),
    )
    const { port: barePort } = (await bare.ask<Value<{ port: number }>>({ headers })).value
    const what = `guarded route of ${framework} / its bare route with the same headers, work per CPU`
    const sides = [
      { child: guarded, port },
      { child: bare, port: barePort },
    ] as const
    rows.push(await compareCosts({ what, gate, path: "/orders", pace: FRAMEWORK_PACE, cookies, sides }))
  }
  return rows
}

const chunk = (flat: readonly string[]): string[][] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ""]] : []))

interface Side {
  readonly child: Child
  readonly port: number
}

/** Both sides in turns; ends them. */
async function compareCosts(input: {
  readonly what: string
  readonly gate: number
  readonly path: string
  /** Requests a millisecond. */
  readonly pace: number
  readonly cookies: readonly string[]
  readonly sides: readonly [guarded: Side, bare: Side]
}): Promise<Row> {
  const { what, gate, path, pace } = input
  const [guarded, bare] = input.sides
  const load = await start("load.ts", [], LOAD_CORE)
  const cookies = input.cookies.map(
    (cookie) => cookie.split("; ").find((pair) => pair.includes("access")) ?? "",
  )
  let late = 0
  const cost = async ({ child, port }: Side, milliseconds: number): Promise<number> => {
    const before = cpuMicroseconds(child.pid)
    const question = { kind: "paced", port, path, cookies, perMillisecond: pace, milliseconds }
    const { answered, missed } = (await load.ask<Value<{ answered: number; missed: number }>>(question)).value
    late = Math.max(late, missed / answered)
    return (cpuMicroseconds(child.pid) - before) / answered
  }
  await cost(guarded, 4000)
  await cost(bare, 4000)
  late = 0
  const ratios: number[] = []
  const costs: number[][] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    const [own, floor] = [await cost(guarded, 3000), await cost(bare, 3000)]
    costs[0]?.push(own)
    costs[1]?.push(floor)
    ratios.push(floor / own)
  }
  await Promise.all([guarded.child.stop(), bare.child.stop(), load.stop()])
  const detail = `; ${median(costs[0] ?? []).toFixed(1)} µs against ${median(costs[1] ?? []).toFixed(1)} µs at ${pace},000 a second, ${(late * 100).toFixed(0)} % late`
  return ratio(what, ratios, gate, detail)
}

/** 64 clients, each rotating its own token as fast as it gets the next; strict single use, so that each call rotates. */
export async function benchRotation(): Promise<readonly Row[]> {
  const server = await start("server.ts", ["guarded", join(folder, "rotation", "data.db"), "0"], SERVER_CORE)
  const bare = await start("bare-rotation.ts", [join(folder, "bare.db")], SERVER_CORE)
  const baseline = await start("baseline.ts", [], SERVER_CORE)
  const load = await start("load.ts", [], LOAD_CORE)
  const loop: number[] = []
  const http: number[] = []
  const speeds: number[] = []
  const rotate = async (port: number, cookies: readonly string[]): Promise<number> =>
    (await load.ask<Value<{ perSecond: number }>>({ kind: "rotate", port, cookies, milliseconds: 3000 }))
      .value.perSecond
  let batch = 1
  for (let round = 0; round <= ROUNDS; round++) {
    const { port, cookies } = (await server.ask<Value<{ port: number; cookies: string[] }>>({ sessions: 64 }))
      .value
    const own = await rotate(port, cookies)
    batch = (await server.ask<Value<{ batch: number }>>({})).value.batch
    const sample = await sampleOf(port, "/auth/me", cookies[0] ?? "")
    const bareServer = (await bare.ask<Value<{ port: number }>>(sample)).value
    const bareSpeed = await rotate(bareServer.port, cookies)
    const updates = { kind: "updates", batch: Math.round(batch), milliseconds: 3000 }
    const floor = (await baseline.ask<Value<number>>(updates)).value
    if (round === 0) continue
    speeds.push(own)
    http.push(own / bareSpeed)
    loop.push(own / floor)
  }
  await Promise.all([server.stop(), bare.stop(), baseline.stop(), load.stop()])
  const detail = `; ${median(speeds).toFixed(0)} per second, ${batch.toFixed(1)} to a commit`
  return [
    ratio(
      "rotations over HTTP at 64 clients / bare node:http that signs, updates and shares commits",
      http,
      0.5,
      detail,
    ),
    reported("the same / the UPDATE in a loop, FULL, same batch", between(loop)),
  ]
}

/**
 * The same on PostgreSQL, which has processes of its own: work per CPU of program and server together. With the limits counted
 * in PostgreSQL, a rotation is two statements.
 */
export async function benchRotationPostgres(): Promise<readonly Row[]> {
  const database = await createDatabase()
  const url = `${database.url}?pool_size=${CONNECTIONS}`
  const server = await start("server.ts", ["guarded", url, "0"], SERVER_CORE)
  const bare = await start("bare-rotation.ts", [url], SERVER_CORE)
  const statement = await start("postgres.ts", [])
  const load = await start("load.ts", [], LOAD_CORE)
  const cost = async (child: Child, port: number, cookies: readonly string[]): Promise<number> => {
    const [before, own] = [await database.microseconds(), cpuMicroseconds(child.pid)]
    const question = { kind: "rotate", port, cookies, milliseconds: 3000 }
    const { rotated } = (await load.ask<Value<{ rotated: number }>>(question)).value
    const program = cpuMicroseconds(child.pid) - own
    return (program + spentBetween(before, await database.microseconds())) / rotated
  }
  const [costs, http, loop]: number[][] = [[], [], []]
  for (let round = 0; round <= ROUNDS; round++) {
    const { port, cookies } = (await server.ask<Value<{ port: number; cookies: string[] }>>({ sessions: 64 }))
      .value
    const own = await cost(server, port, cookies)
    const { port: barePort } = (
      await bare.ask<Value<{ port: number }>>(await sampleOf(port, "/auth/me", cookies[0] ?? ""))
    ).value
    const bareCost = await cost(bare, barePort, cookies)
    const question = { kind: "bare", lanes: CONNECTIONS, milliseconds: 3000 }
    const floor = (await statement.ask<Value<{ cost: number }>>(question)).value.cost
    if (round === 0) continue
    costs?.push(own)
    http?.push(bareCost / own)
    loop?.push(floor / own)
  }
  await statement.ask({ kind: "end" })
  await Promise.all([server.stop(), bare.stop(), statement.stop(), load.stop()])
  await database.drop()
  const detail = `; ${median(costs ?? []).toFixed(0)} µs, limit included`
  return [
    ratio(
      "PostgreSQL: rotations over HTTP / bare node:http that signs and updates, work per CPU",
      http ?? [],
      0.5,
      detail,
    ),
    reported("the same / the UPDATE in a loop", between(loop ?? [])),
  ]
}

/** One answer with its headers, for the bare server to imitate. */
async function sampleOf(
  port: number,
  path: string,
  cookie: string,
): Promise<{ headers: string[]; body: string }> {
  const { request } = await import("node:http")
  return new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", path, headers: { host: "localhost:3000", cookie } }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text
      })
      response.on("end", () => {
        if (response.statusCode !== 200) return reject(new Error(`${path}: ${response.statusCode} ${body}`))
        const pairs: string[] = []
        for (let at = 0; at < response.rawHeaders.length; at += 2) {
          const [name = "", value = ""] = response.rawHeaders.slice(at, at + 2)
          if (!/^(?:date|connection|keep-alive)$/i.test(name)) pairs.push(name, value)
        }
        return resolve({ headers: pairs, body })
      })
    })
      .on("error", reject)
      .end()
  })
}
