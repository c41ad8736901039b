/** What the deploy bundle runs on, as real programs of this machine. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chownSync, closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { MAY_LOOK } from "../services.ts"

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url))
export const BUNDLE: string = join(ROOT, "deploy")

/** Debian's `nobody`: what root starts here has no need of its rights, as in the containers. */
const NOBODY = 65_534

const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
const FOLDERS = `${process.env.PATH ?? ""}${delimiter}/usr/sbin${delimiter}/usr/bin`

function isThere(program: string): boolean {
  return (
    MAY_LOOK &&
    spawnSync("sh", ["-c", 'command -v "$1"', "sh", program], { env: { PATH: FOLDERS } }).status === 0
  )
}

/** Skipped where a program is missing; then a failure if services are required. */
export function withPrograms(name: string, programs: readonly string[], body: () => void): void {
  const missing = programs.filter((program) => !isThere(program))
  if (missing.length === 0) describe(name, body)
  else
    it(name, (t) => {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", `not installed: ${missing.join(", ")}`)
      t.skip(`no ${missing.join(", ")}`)
    })
}

export interface Scratch {
  readonly path: string
  at(name: string): string
  remove(): void
}

/** A folder with a copy of the bundle, which the programs own. */
export function openScratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), "nightlatch-deploy-"))
  cpSync(BUNDLE, join(path, "deploy"), {
    recursive: true,
    filter: (from) => !/\/(?:secrets|\.env)$/.test(from),
  })
  own(path)
  return {
    path,
    at: (name) => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** Gives a file or folder, with what is in it, to the user that the programs run as. */
export function own(path: string): void {
  if (identity.uid === undefined) return
  spawnSync("chown", ["-R", `${NOBODY}:${NOBODY}`, path])
}

export interface Ran {
  readonly code: number
  readonly output: string
}

type Environment = Readonly<Record<string, string>>

/** Runs a program to its end. @param as whose rights it has: none, or those of the tests */
export function run(
  words: readonly string[],
  env: Environment,
  cwd: string,
  { input = "", as = "nobody" }: { readonly input?: string; readonly as?: "nobody" | "tests" } = {},
): Promise<Ran> {
  const [program = "", ...rest] = words
  return new Promise((resolve, reject) => {
    const environment = { PATH: FOLDERS, HOME: cwd, ...env }
    const child = spawn(program, rest, { cwd, env: environment, ...(as === "nobody" ? identity : {}) })
    let output = ""
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text
      })
    child.on("error", reject)
    child.on("close", (code) => resolve({ code: code ?? 1, output }))
    child.stdin.on("error", () => {})
    child.stdin.end(input)
  })
}

export interface Program {
  readonly child: ChildProcess
  /** Both outputs so far. */
  output(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

const started = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of started) child.kill("SIGKILL")
})

/** Starts a program that stays, its output in a file, since nginx opens /dev/stdout by name. */
export function start(
  words: readonly string[],
  env: Environment,
  cwd: string,
  log: string,
  as: "nobody" | "tests" = "nobody",
): Program {
  const [program = "", ...rest] = words
  const file = openSync(log, "a")
  if (as === "nobody" && identity.uid !== undefined) chownSync(log, NOBODY, NOBODY)
  const child = spawn(program, rest, {
    cwd,
    env: { PATH: FOLDERS, HOME: cwd, ...env },
    stdio: ["ignore", file, file],
    // A group of its own: what it has started ends with it.
    detached: true,
    ...(as === "nobody" ? identity : {}),
  })
  closeSync(file)
  started.add(child)
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve())
    child.once("close", () => resolve())
  })
  void ended.then(() => started.delete(child))
  return {
    child,
    output: () => readFileSync(log, "utf8"),
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await ended
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL")
      } catch {
        // Nobody of its group is left.
      }
    },
  }
}

/** Asks again and again. @throws after the time given */
export async function until(
  what: () => boolean | Promise<boolean>,
  seconds: number,
  why: () => string,
): Promise<void> {
  const patience = performance.now() + seconds * 1_000
  while (!(await what())) {
    if (performance.now() > patience) throw new Error(`not after ${seconds} s: ${why()}`)
    await new Promise((later) => setTimeout(later, 50))
  }
}
