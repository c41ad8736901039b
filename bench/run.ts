/**
 * `npm run bench`: ratios measured side by side in one run. Servers on one processor, load on another, rounds interleaved,
 * medians. `npm run bench -- me rotation` measures a part; `--rounds 9` more rounds.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { generateSecret } from "../src/checklist/secret/index.ts"
import {
  type Child,
  cpuMicroseconds,
  LOAD_CORE,
  pinWorkers,
  residentMb,
  SERVER_CORE,
  start,
} from "./process.ts"
import { measureRedis } from "./redis.ts"

const PASSWORD = "violet kettle ninety moss"
const words = process.argv.slice(2)
const roundsAt = words.indexOf("--rounds")
const ROUNDS = roundsAt < 0 ? 5 : Number(words[roundsAt + 1])
const asked = words.filter((word, index) => !word.startsWith("--") && index !== roundsAt + 1)
const folder = mkdtempSync(join(tmpdir(), "nightlatch-bench-"))

interface Row {
  readonly what: string
  readonly value: string
  readonly gate: string
  readonly holds: boolean | undefined
}

interface Value<T> {
  readonly value: T
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const spread = (values: readonly number[]): string =>
  `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`

function ratio(what: string, values: readonly number[], gate: number, more: string = ""): Row {
  const value = median(values)
  return {
    what,
    value: `${value.toFixed(2)} (${spread(values)})${more}`,
    gate: `≥ ${gate}`,
    holds: value >= gate,
  }
}

const BENCHES: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  me: benchMe,
  rotation: benchRotation,
  postgres: benchPostgres,
  million: benchMillion,
  "sign-in": benchSignIn,
  flood: benchFlood,
  enumeration: benchEnumeration,
  memory: benchMemory,
  start: benchStart,
  redis: benchRedis,
}

// Half of what the slower side could answer: neither is late, and both are woken as often.
const PACE = 8

/** CPU of the server process for one answered request, guarded against bare, at the same rate. */
async function benchMe(): Promise<readonly Row[]> {
  const guarded = await start("server.ts", ["guarded"], SERVER_CORE)
  const bare = await start("server.ts", ["bare"], SERVER_CORE)
  const load = await start("load.ts", [], LOAD_CORE)
  const { port, cookies: all } = (
    await guarded.ask<Value<{ port: number; cookies: string[] }>>({ sessions: 1000 })
  ).value
  const sample = await sampleOf(port, all[0] ?? "")
  const { port: barePort } = (await bare.ask<Value<{ port: number }>>(sample)).value
  const cookies = all.map((cookie) => cookie.split("; ").find((pair) => pair.includes("access")) ?? "")
  let late = 0
  const cost = async (child: Child, at: number, milliseconds: number): Promise<number> => {
    const before = cpuMicroseconds(child.pid)
    const question = { kind: "paced", port: at, cookies, perMillisecond: PACE, milliseconds }
    const { answered, missed } = (await load.ask<Value<{ answered: number; missed: number }>>(question)).value
    late = Math.max(late, missed / answered)
    return (cpuMicroseconds(child.pid) - before) / answered
  }
  await cost(guarded, port, 4000)
  await cost(bare, barePort, 4000)
  late = 0
  const ratios: number[] = []
  const costs: number[][] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    const [own, floor] = [await cost(guarded, port, 3000), await cost(bare, barePort, 3000)]
    costs[0]?.push(own)
    costs[1]?.push(floor)
    ratios.push(floor / own)
  }
  await Promise.all([guarded.stop(), bare.stop(), load.stop()])
  const detail = `; ${median(costs[0] ?? []).toFixed(1)} µs against ${median(costs[1] ?? []).toFixed(1)} µs at ${PACE},000 a second, ${(late * 100).toFixed(0)} % late`
  return [ratio("guarded `me` / bare node:http with the same headers, work per CPU", ratios, 0.75, detail)]
}

/** One answer with its headers, for the bare server to imitate. */
async function sampleOf(port: number, cookie: string): Promise<{ headers: string[]; body: string }> {
  const { request } = await import("node:http")
  return new Promise((resolve, reject) => {
    request(
      { port, host: "127.0.0.1", path: "/auth/me", headers: { host: "localhost:3000", cookie } },
      (response) => {
        let body = ""
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text
        })
        response.on("end", () => {
          if (response.statusCode !== 200) return reject(new Error(`me: ${response.statusCode} ${body}`))
          const pairs: string[] = []
          for (let at = 0; at < response.rawHeaders.length; at += 2) {
            const [name = "", value = ""] = response.rawHeaders.slice(at, at + 2)
            if (!/^(?:date|connection|keep-alive)$/i.test(name)) pairs.push(name, value)
          }
          return resolve({ headers: pairs, body })
        })
      },
    )
      .on("error", reject)
      .end()
  })
}

/** 64 clients, each rotating its own token as fast as it gets the next; strict single use, so that each call rotates. */
async function benchRotation(): Promise<readonly Row[]> {
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
    const sample = await sampleOf(port, cookies[0] ?? "")
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
      "rotations over HTTP at 64 clients / the same UPDATE in a loop, FULL, same batch",
      loop,
      0.5,
      detail,
    ),
    ratio("the same / bare node:http that signs, updates and shares commits", http, 0.5),
  ]
}

/** The store against the bare UPDATE of the same row, from as many connections to the same server. */
async function benchPostgres(): Promise<readonly Row[]> {
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
async function benchMillion(): Promise<readonly Row[]> {
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
      {
        what: "clearing half of them away: longest of its steps; refresh meanwhile p50, p99, worst",
        value: `${times[0]} ms of ${calls}; ${times[1]}, ${times[2]}, ${times[3]} ms`,
        gate: "",
        holds: undefined,
      },
    )
  }
  return rows
}

async function benchSignIn(): Promise<readonly Row[]> {
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

async function benchFlood(): Promise<readonly Row[]> {
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
async function benchEnumeration(): Promise<readonly Row[]> {
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
    rows.push({
      what: `time of \`${path}\`, known less unknown (unknown less another unknown)`,
      value: `${((registered - unknown) * 1000).toFixed(0)} µs (${((unknown - control) * 1000).toFixed(0)} µs) of ${registered.toFixed(2)} ms, ${rounds} rounds`,
      gate: "",
      holds: undefined,
    })
  }
  await Promise.all([server.stop(), load.stop()])
  return rows
}

async function benchMemory(): Promise<readonly Row[]> {
  const row = (what: string, megabytes: number): Row => ({
    what,
    value: `${megabytes.toFixed(0)} MB`,
    gate: "",
    holds: undefined,
  })
  // Made by one process and measured in another one, which has not done the work of making them.
  const words = ["guarded", join(folder, "memory", "data.db"), "5", generateSecret()]
  const maker = await start("server.ts", words)
  const made = await maker.ask<Value<{ cookies: string[] }>>({ sessions: 100_000, silent: true })
  const { cookies } = made.value
  await maker.stop()
  const server = await start("server.ts", words)
  const { port } = (await server.ask<Value<{ port: number }>>({ collect: true })).value
  const idle = residentMb(server.pid)
  const { request, Agent } = await import("node:http")
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  await Promise.all(
    cookies.map(
      (cookie) =>
        new Promise<void>((resolve, reject) => {
          request(
            { port, host: "127.0.0.1", path: "/auth/me", agent, headers: { host: "localhost:3000", cookie } },
            (response) =>
              response
                .resume()
                .on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error("me")))),
          )
            .on("error", reject)
            .end()
        }),
    ),
  )
  agent.destroy()
  await server.ask({ collect: true })
  await new Promise((later) => setTimeout(later, 2000))
  const full = residentMb(server.pid)
  await server.stop()
  return [
    row("memory, idle (library and server, sources)", idle),
    row("memory with 100,000 live sessions and 10,000 cached tokens", full),
  ]
}

/** The ready-made service from its start to its first answer, and its memory then. */
async function benchStart(): Promise<readonly Row[]> {
  const { spawn } = await import("node:child_process")
  const { fileURLToPath } = await import("node:url")
  const { existsSync, mkdirSync } = await import("node:fs")
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url))
  if (!existsSync(main)) throw new Error("the package is not built: npm run build")
  const cwd = join(folder, "start")
  mkdirSync(cwd)
  const times: number[] = []
  const sizes: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now()
    const child = spawn(process.execPath, [main, "serve", "--port", "3199"], {
      cwd,
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: join(folder, "cache") },
      stdio: "ignore",
    })
    while ((await fetch("http://localhost:3199/readyz").catch(() => undefined))?.status !== 200) {
      if (performance.now() - began > 10_000) throw new Error("not ready after 10 s")
      await new Promise((later) => setTimeout(later, 5))
    }
    times.push(performance.now() - began)
    sizes.push(residentMb(child.pid ?? 0))
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGTERM")
    await ended
  }
  const value = `${median(times.slice(1)).toFixed(0)} ms, ${median(sizes).toFixed(0)} MB`
  return [{ what: "service, built: start to ready, and its memory then", value, gate: "", holds: undefined }]
}

/** A limit that is counted in Redis: what it costs beside the way there and back. */
async function benchRedis(): Promise<readonly Row[]> {
  const { sequential, pipelined, microseconds } = await measureRedis(ROUNDS)
  const took = (kind: "sequential" | "pipelined") => `; ${microseconds[kind].toFixed(0)} µs a check`
  return [
    ratio("bare PING / a limit counted in Redis, one after the other", sequential, 0.7, took("sequential")),
    {
      what: "the same with 100 in flight",
      value: `${median(pipelined).toFixed(2)} (${spread(pipelined)})${took("pipelined")}`,
      gate: "",
      holds: undefined,
    },
  ]
}

const names = asked.length > 0 ? asked : Object.keys(BENCHES)
const unknown = names.filter((name) => BENCHES[name] === undefined)
if (unknown.length > 0 || !(ROUNDS >= 1)) {
  console.error(`Known: ${Object.keys(BENCHES).join(", ")}; --rounds N`)
  process.exit(2)
}
console.log(
  `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} processors, Node ${process.version}, ${ROUNDS} rounds\n`,
)
console.log("| what | median (range) | gate | |\n|---|---|---|---|")
let missed = 0
try {
  for (const name of names) {
    for (const { what, value, gate, holds } of (await BENCHES[name]?.()) ?? []) {
      if (holds === false) missed++
      console.log(
        `| ${what} | ${value} | ${gate} | ${holds === undefined ? "" : holds ? "holds" : "MISSED"} |`,
      )
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(missed > 0 ? 1 : 0)
