/** Children of the bench: servers on one processor, load on another, and what they cost. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"

export const SERVER_CORE = 0
export const LOAD_CORE: number = Math.max(0, availableParallelism() - 1)

export interface Child {
  readonly process: ChildProcess
  readonly pid: number
  /** Sends a question and waits for its answer. */
  ask<Answer>(question: object): Promise<Answer>
  stop(): Promise<void>
}

/** Starts a script of this folder with IPC, on one processor or on all. */
export async function start(script: string, words: readonly string[], core?: number): Promise<Child> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const pin = core === undefined ? [] : ["taskset", "-c", String(core)]
  const [program = "", ...rest] = [...pin, process.execPath, path, ...words]
  const child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  await once(child, "message")
  return {
    process: child,
    pid: child.pid ?? 0,
    async ask<Answer>(question: object) {
      child.send(question)
      const [answer] = await once(child, "message")
      return answer as Answer
    },
    async stop() {
      if (child.exitCode !== null) return
      const ended = once(child, "exit")
      child.kill("SIGKILL")
      await ended
    },
  }
}

/** In a child: answers the parent's questions, and says that it is there. */
export function answer(respond: (question: Record<string, unknown>) => unknown): void {
  process.on("message", async (question) => {
    process.send?.({ value: await respond(question as Record<string, unknown>) })
  })
  // A parent that failed leaves nobody behind.
  process.on("disconnect", () => process.exit())
  process.send?.({ value: "there" })
}

/** Processor time of a process, all threads, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  )
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1000
}

/** Resident memory in MB. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024
}

/** Moves the threads that hash to one processor, so that the main thread keeps the other. */
export function pinWorkers(pid: number, core: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    if (readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").startsWith("libuv-worker")) {
      execFileSync("taskset", ["-p", "-c", String(core), thread])
    }
  }
}
