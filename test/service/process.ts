/** The service as a process of its own, started as a user starts it, in a folder of its own. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

export interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

export interface Running {
  readonly child: ChildProcess
  readonly port: number
  /** Standard output and standard error so far. */
  readonly output: { text: string }
  /** @returns the exit code, or the signal's name */
  stop(signal: NodeJS.Signals): Promise<number | string>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** A new folder, removed with `remove`. */
export function openFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "nightlatch-service-"))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

type Environment = Readonly<Record<string, string>>

const started: ChildProcess[] = []

/** For what a failed test left behind. */
export function killAll(): void {
  for (const child of started) child.kill("SIGKILL")
}

/** With a cache of compiled sources, as `npm start` has one: half of what a short command costs. */
const cache = process.env.NODE_COMPILE_CACHE
const inherited = {
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "",
  ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: resolve(cache) }),
}

/** Runs one command to its end. */
export function command(
  folder: string,
  words: readonly string[],
  input = "",
  environment: Environment = {},
  onStart: (child: ChildProcess) => void = () => {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...words],
      { cwd: folder, env: { ...inherited, ...environment }, timeout: 30_000 },
      (error, out, text) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, error: text }),
    )
    child.stdin?.end(input)
    onStart(child)
  })
}

/**
 * Starts the service and waits until it is ready.
 * @param main the command line of another version
 */
export async function serve(
  folder: string,
  words: readonly string[] = [],
  environment: Environment = {},
  main: string = MAIN,
): Promise<Running> {
  const port = await freePort()
  const output = { text: "" }
  const child = spawn(process.execPath, [main, "serve", ...words], {
    cwd: folder,
    env: { ...inherited, PORT: String(port), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  })
  started.push(child)
  const ended = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal ?? 1)),
  )
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output.text += text
    })
  }
  const patience = performance.now() + 20_000
  while (!output.text.includes('"msg":"ready"')) {
    if (child.exitCode !== null || performance.now() > patience) {
      child.kill("SIGKILL")
      throw new Error(`the service did not start:\n${output.text}`)
    }
    await new Promise((later) => setTimeout(later, 20))
  }
  return {
    child,
    port,
    output,
    stop(signal) {
      child.kill(signal)
      return ended
    },
  }
}

export function ask(
  port: number,
  path: string,
  given: { method?: string; headers?: Record<string, string>; json?: unknown; body?: string } = {},
): Promise<Answer> {
  const payload = given.json === undefined ? given.body : JSON.stringify(given.json)
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: "127.0.0.1",
        path,
        method: given.method ?? (payload === undefined ? "GET" : "POST"),
        agent: false,
        headers: {
          host: `localhost:${port}`,
          ...(given.json === undefined ? {} : { "content-type": "application/json" }),
          ...given.headers,
        },
      },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part
        })
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        )
      },
    )
    request.on("error", reject)
    request.end(payload)
  })
}

/** `name=value; …` of an answer's cookies, as a browser would send them back. */
export function cookiesOf({ headers }: Answer): string {
  return ((headers["set-cookie"] as string[] | undefined) ?? []).map((line) => line.split(";")[0]).join("; ")
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
}
