/** A server of one's own that may be killed: Debian's binaries, a folder that goes afterwards, a user without rights. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chownSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { MAY_LOOK } from "../services.ts"

const SETTLE_MS = 30_000

export interface Cluster {
  readonly port: number
  start(): Promise<void>
  /** All of its processes at once, as when the machine lost its power; what the disk holds stays. */
  kill(): Promise<void>
  /** Ends it and deletes its folder. */
  remove(): Promise<void>
}

const newestBinaries = (): string | undefined =>
  MAY_LOOK ? globSync("/usr/lib/postgresql/*/bin").sort().at(-1) : undefined

export function canMakeCluster(): boolean {
  return newestBinaries() !== undefined && unprivileged() !== undefined
}

/**
 * @param files beside its tables, by name, which only the server reads
 * @param settings more of them, as `name=value`
 * @param parent where its folder is made
 * @returns undefined where there are no binaries, or nobody without rights to run them
 */
export async function makeCluster(
  files: Readonly<Record<string, string>> = {},
  settings: readonly string[] = [],
  parent: string = tmpdir(),
): Promise<Cluster | undefined> {
  const bin = newestBinaries()
  const user = unprivileged()
  if (bin === undefined || user === undefined) return undefined
  const folder = mkdtempSync(join(parent, "nightlatch-cluster-"))
  chownSync(folder, user.uid, user.gid)
  const data = join(folder, "data")
  const port = await freePort()
  const made = spawnSync(
    join(bin, "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"],
    { ...user, cwd: folder },
  )
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(data, name), content, { mode: 0o600 })
    chownSync(join(data, name), user.uid, user.gid)
  }
  let postmaster: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()

  return {
    port,
    async start() {
      const child = spawn(
        join(bin, "postgres"),
        [
          ...["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder],
          ...settings.flatMap((setting) => ["-c", setting]),
        ],
        { ...user, cwd: folder, stdio: "ignore" },
      )
      postmaster = child
      ended = new Promise((resume) => child.once("exit", resume))
      await untilAnswering(port)
    },
    async kill() {
      const pid = postmaster?.pid ?? 0
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/)
      // The first, so that it does not start the others anew.
      for (const each of [pid, ...children.map(Number)]) {
        try {
          process.kill(each, "SIGKILL")
        } catch {
          // It has ended by itself.
        }
      }
      await ended
    },
    async remove() {
      postmaster?.kill("SIGQUIT")
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root, and so does PgBouncer. */
export function unprivileged(): { uid: number; gid: number } | undefined {
  const { uid, gid } = userInfo()
  if (uid !== 0) return { uid, gid }
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith("postgres:"))
  const [, , theirs, group] = line?.split(":") ?? []
  return theirs === undefined ? undefined : { uid: Number(theirs), gid: Number(group) }
}

export function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0))
    })
  })
}

async function untilAnswering(port: number): Promise<void> {
  const since = performance.now()
  for (;;) {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres" })
    client.on("error", () => {})
    try {
      await client.connect()
      return
    } catch (error) {
      if (performance.now() - since > SETTLE_MS) throw error
    } finally {
      await client.end().catch(() => {})
    }
    await new Promise((resume) => setTimeout(resume, 50))
  }
}
