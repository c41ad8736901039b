/** Debian's Firefox, driven by WebDriver BiDi over node's own WebSocket: as much of it as tabs with scripts need. */
import { type ChildProcessByStdio, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { MAY_LOOK } from "../services.ts"

export const FIREFOX: string | undefined = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find(
  (path) => MAY_LOOK && existsSync(path),
)

/** Nothing leaves the machine: all but loopback would go through a proxy that is not there. */
const PREFERENCES = `user_pref("network.proxy.type", 1);
user_pref("network.proxy.socks", "127.0.0.1");
user_pref("network.proxy.socks_port", 9);
`

export interface Tab {
  goto(url: string): Promise<void>
  /** @returns what the expression, or its promise, gives as JSON */
  evaluate(expression: string): Promise<unknown>
}

/** A browser that opens real tabs. */
export interface Tabs {
  open(): Promise<Tab>
  close(): Promise<void>
}

type Send = (method: string, params: object) => Promise<Record<string, unknown>>

export async function launchFirefox(): Promise<Tabs> {
  const profile = mkdtempSync(join(tmpdir(), "nightlatch-firefox-"))
  writeFileSync(join(profile, "user.js"), PREFERENCES)
  const words = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile]
  const browser = spawn(FIREFOX ?? "firefox-esr", words, { stdio: ["ignore", "ignore", "pipe"] })
  const ended = once(browser, "close").catch(() => {})
  const stop = async (patienceMs: number) => {
    const patience = setTimeout(() => browser.kill("SIGKILL"), patienceMs)
    await ended
    clearTimeout(patience)
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const send = await connect(await addressIn(browser))
    await send("session.new", { capabilities: {} })
    return {
      open: async () => tab(send, (await send("browsingContext.create", { type: "tab" })).context),
      async close() {
        await send("browser.close", {}).catch(() => {})
        await stop(10_000)
      },
    }
  } catch (error) {
    await stop(0)
    throw error
  }
}

function tab(send: Send, context: unknown): Tab {
  return {
    async goto(url) {
      await send("browsingContext.navigate", { context, url, wait: "complete" })
    },
    async evaluate(asked) {
      const expression = `Promise.resolve(${asked}).then((value) => JSON.stringify(value ?? null))`
      const answer = await send("script.evaluate", { expression, target: { context }, awaitPromise: true })
      if (answer.type !== "success") throw new Error(JSON.stringify(answer.exceptionDetails))
      return JSON.parse((answer.result as { value: string }).value)
    },
  }
}

/** Firefox writes where it listens to standard error, which is read to its end so that it never blocks. */
async function addressIn(browser: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  const late = setTimeout(() => browser.kill("SIGKILL"), 60_000)
  const found = new Promise<string>((resolve, reject) => {
    browser.on("error", reject)
    createInterface(browser.stderr)
      .on("line", (line) => {
        const [, port] = /ws:\/\/[^:]+:(\d+)/.exec(line) ?? []
        if (port !== undefined) resolve(`ws://127.0.0.1:${port}`)
      })
      .on("close", () => reject(new Error("Firefox ended before it listened")))
  })
  return found.finally(() => clearTimeout(late))
}

async function connect(address: string): Promise<Send> {
  const socket = new WebSocket(`${address}/session`)
  const waiting: PromiseWithResolvers<Record<string, unknown>>[] = []
  socket.onmessage = ({ data }) => {
    const { id, type, result, message } = JSON.parse(String(data))
    if (type === "success") waiting[id]?.resolve(result)
    else waiting[id]?.reject(new Error(message))
  }
  socket.onclose = () => {
    for (const { reject } of waiting) reject(new Error("Firefox closed the connection"))
  }
  await Promise.race([
    once(socket, "open"),
    once(socket, "error").then(() => Promise.reject(new Error(address))),
  ])
  return (method, params) => {
    const answer = Promise.withResolvers<Record<string, unknown>>()
    socket.send(JSON.stringify({ id: waiting.push(answer) - 1, method, params }))
    return answer.promise
  }
}
