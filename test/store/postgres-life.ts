/** Instances as processes of their own, for the tests that end them: see postgres-child.ts. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import type pg from "pg"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { Store } from "../../src/store/store.ts"
import { readJournal, type Tally, verify } from "./postgres-journal.ts"

const CHILD = new URL("./postgres-child.ts", import.meta.url).pathname
/** A life takes a second, and ten more when its wire hangs. */
export const LIFE_MS = 90_000

const folder = mkdtempSync(join(tmpdir(), "nightlatch-crash-"))
const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill("SIGKILL")
  rmSync(folder, { recursive: true, force: true })
})
let journals = 0

export interface Instance {
  readonly child: ChildProcess
  /** Resolves with `over` when the life is, or with how the process ended before that. */
  live(): { readonly journal: string; readonly end: Promise<string> }
}

/** A process that has opened its store and waits for the word. */
export async function startInstance(url: string, people = 1, endless = false): Promise<Instance> {
  const args = [CHILD, url, String(people), ...(endless ? ["endlessly"] : [])]
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] })
  children.add(child)
  child.once("exit", () => children.delete(child))
  let complaint = ""
  child.stderr.on("data", (chunk) => {
    complaint += chunk
  })
  child.stdin.on("error", () => {})
  const exit = new Promise<string>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? `${code}: ${complaint}`)),
  )
  const said = () =>
    Promise.race([
      new Promise<string>((resolve) => child.stdout.once("data", (word) => resolve(String(word).trim()))),
      exit,
    ])
  assert.equal(await said(), "ready")
  return {
    child,
    live() {
      const journal = join(folder, `${journals++}`)
      const end = said()
      child.stdin.write(`${journal}\n`)
      return { journal, end }
    },
  }
}

export async function inTime<Result>(promise: Promise<Result>, milliseconds: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Until the server has ended, in one way or the other, what connections had under way: of these ports, or all others. */
export async function untilGone(server: pg.Client, ports: readonly number[] | null): Promise<void> {
  const text = `
    SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND (client_port = ANY($1::int[]) OR $1::int[] IS NULL)`
  const since = performance.now()
  while ((await server.query(text, [ports])).rows[0].n > 0) {
    assert.ok(performance.now() - since < 30_000, "the server keeps connections whose other end is gone")
    await new Promise((resume) => setTimeout(resume, 10))
  }
}

export async function verifyAll(url: string, journal: string, tally: Tally): Promise<void> {
  const store: Store = await openPostgres({ url })
  try {
    const people = readJournal(journal)
    for (const steps of people.values()) await verify(store, steps, tally)
    // What nobody sends would be claimed again and again by the next ones.
    for (const mail of await store.claimMail({ limit: 10_000, leaseMs: 1 }))
      if (people.has(mail.email)) await store.finishMail(mail.id)
  } finally {
    await store.close()
  }
}
