/**
 * Attack: a name or a path in the command that a shell would read as another command; a client that hangs, never stops writing
 * or leaves children behind; its error text, which may hold what it was asked for, in our log; our secrets in its environment.
 * Promise: the words go to the program as they are, without a shell; it has the time of its signal and 64 KiB, then it is killed
 * with its children; of what it wrote nothing is told, of how it ended only the exit code. Source: CWE-78, ASVS 1.2.5.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { MisuseError } from "../../core/misuse.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Environment } from "../environment.ts"

/** Eight secrets are far less; a program that writes more was named by mistake. */
const MOST_BYTES = 65_536
/** A daemon that the client started may keep its output open for ever. */
const LINGER_MS = 500

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export interface SecretCommand {
  readonly words: readonly string[]
  /** Where it runs. */
  readonly folder: string
  readonly environment: Environment
}

/**
 * What the command writes.
 * @throws MisuseError when it cannot be started or writes no text; UnavailableError when it fails
 */
export async function runCommand(command: SecretCommand, signal: AbortSignal): Promise<string> {
  const { words, folder, environment } = command
  const [program = "", ...given] = words
  let child: ChildProcess | undefined
  const over = Promise.withResolvers<never>()
  over.promise.catch(() => {})
  const onAbort = () => over.reject(new UnavailableError("the command took too long"))
  if (signal.aborted) onAbort()
  signal.addEventListener("abort", onAbort, { once: true })
  // Before it is there: it runs before spawn returns.
  const deaf = dieTogether(() => killGroup(child))
  try {
    child = spawn(program, given, {
      cwd: folder,
      env: withoutOurs(environment),
      // A group of its own: what it starts is killed with it.
      detached: process.platform !== "win32",
      shell: false,
      windowsHide: true,
      stdio: ["ignore", "pipe", "ignore"],
    })
    return read(await Promise.race([outputOf(child), over.promise]))
  } catch (error) {
    killGroup(child)
    throw error
  } finally {
    signal.removeEventListener("abort", onAbort)
    deaf()
    child?.stdout?.destroy()
    child?.unref()
  }
}

/** Managers need their own variables; nobody needs ours. */
function withoutOurs(environment: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("NIGHTLATCH_")))
}

function outputOf(child: ChildProcess): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let bytes = 0
  let linger: NodeJS.Timeout | undefined
  child.stdout?.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MOST_BYTES)
      reject(new UnavailableError(`the command wrote more than ${MOST_BYTES / 1024} KiB`))
    else chunks.push(chunk)
  })
  child.on("error", (error: NodeJS.ErrnoException) => reject(notStarted(error.code)))
  const end = (code: number | null, signal: NodeJS.Signals | null) => {
    clearTimeout(linger)
    if (code === 0) resolve(Buffer.concat(chunks))
    else
      reject(
        new UnavailableError(
          `the command ended ${code === null ? `by ${signal}` : `with exit code ${code}`}`,
        ),
      )
  }
  child.on("exit", (code, signal) => {
    linger = setTimeout(end, LINGER_MS, code, signal)
  })
  child.on("close", end)
  return promise
}

function notStarted(code: string | undefined): MisuseError {
  const problem =
    code === "ENOENT"
      ? "there is no such program, or no such folder"
      : `it cannot be started (${code ?? "unknown error"})`
  return misuse("secret.command", problem, "Name a program in PATH, or by its whole path.")
}

function read(output: Buffer): string {
  try {
    return UTF8.decode(output)
  } catch {
    throw misuse(
      "secret.encoding",
      "it does not write UTF-8 text",
      "Store the secret as text, for example base64.",
    )
  }
}

function misuse(code: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path: "secretCommand", problem, fix }])
}

/**
 * Whoever ends this process while it starts, or a command of ours, ends the child as well: it is in a group of its own. A
 * running service hears these signals itself and ends the child by stopping.
 * @returns what ends the listening
 */
function dieTogether(kill: () => void): () => void {
  const heard = SIGNALS.filter((name) => process.listenerCount(name) === 0)
  const onSignal = (name: NodeJS.Signals) => {
    for (const each of heard) process.off(each, onSignal)
    kill()
    process.kill(process.pid, name)
  }
  for (const name of heard) process.on(name, onSignal)
  return () => {
    for (const name of heard) process.off(name, onSignal)
  }
}

function killGroup(child: ChildProcess | undefined): void {
  const pid = child?.pid
  if (pid === undefined) return
  try {
    if (process.platform === "win32") child?.kill("SIGKILL")
    else process.kill(-pid, "SIGKILL")
  } catch {
    // Nobody of the group is left.
  }
}
