/** A real Redis for tests: one that is there, or one of our own that may be killed. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chownSync, mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { MAY_LOOK } from "../services.ts"

/** Debian's `nobody`: a server started by root has no need of its rights. */
const NOBODY = 65_534

export interface RedisServer {
  readonly url: string
  readonly port: number
  /** Ends it like a power cut. */
  kill(): Promise<void>
  /** Starts it again at the same port, empty. */
  start(): Promise<void>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

/** Whether a server of our own can be started here. */
const canStart = MAY_LOOK && spawnSync("redis-server", ["--version"]).status === 0

const found = !MAY_LOOK
  ? undefined
  : (process.env.REDIS_URL ?? ((await answers(6379)) ? "redis://127.0.0.1:6379" : undefined))

/** For tests that share a server with others. */
export function withRedis(name: string, body: () => void): void {
  suite(name, found !== undefined || canStart, body)
}

/** For tests that kill it, or change what it does. */
export function withOwnRedis(name: string, body: () => void): void {
  suite(name, canStart, body)
}

/** For tests that make certificates for it as well. */
export function withRedisAndOpenssl(name: string, body: () => void): void {
  suite(name, canStart && spawnSync("openssl", ["version"]).status === 0, body)
}

function suite(name: string, possible: boolean, body: () => void): void {
  if (possible) describe(name, body)
  else
    it(name, (t) => {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there is no Redis, or no openssl")
      t.skip("no Redis, or no openssl")
    })
}

/** The server of `REDIS_URL`, the one at the standard port, or one of our own. */
export async function useRedis(): Promise<{ readonly url: string; close(): Promise<void> }> {
  return found === undefined ? startRedis() : { url: found, close: async () => {} }
}

/** A server of our own on a free port, with further words of the command line. */
export async function startRedis(...words: readonly string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-redis-"))
  const port = await freePort()
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  if (identity.uid !== undefined) chownSync(folder, NOBODY, NOBODY)
  let child: ChildProcess | undefined
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    async start() {
      const fixed = [
        "--port",
        String(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        folder,
        "--save",
        "",
        "--appendonly",
        "no",
      ]
      child = spawn("redis-server", [...fixed, ...words], { stdio: "ignore", ...identity })
      for (let tries = 0; !(await answers(port)); tries++) {
        if (tries > 400 || child.exitCode !== null) throw new Error("redis-server does not answer")
        await new Promise((later) => setTimeout(later, 25))
      }
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, "exit")
      child.kill("SIGKILL")
      await ended
    },
    async close() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

/** Whether something answers there at all, be it that it wants a password. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const end = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.setTimeout(1_000, () => end(false))
    socket.on("error", () => end(false))
    socket.on("connect", () => socket.write("PING\r\n"))
    socket.on("data", (data) => end(/^[+-]/.test(data.toString("latin1"))))
  })
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}
