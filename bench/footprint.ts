/** What the process takes: memory, and time to start. */
import { join } from "node:path"
import { generateSecret } from "../src/checklist/secret/index.ts"
import { residentMb, start } from "./process.ts"
import { folder, median, ROUNDS, type Row, reported, type Value } from "./report.ts"

export async function benchMemory(): Promise<readonly Row[]> {
  const row = (what: string, megabytes: number) => reported(what, `${megabytes.toFixed(0)} MB`)
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
export async function benchStart(): Promise<readonly Row[]> {
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
  return [reported("service, built: start to ready, and its memory then", value)]
}
