import assert from "node:assert/strict"
import { Agent, createServer, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, it, type TestContext } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { createFarewell, type Farewell } from "./farewell.ts"

/** A server whose /readyz asks, and an agent that keeps its one connection. */
async function open(t: TestContext): Promise<{ ask(path: string): Promise<string>; farewell: Farewell }> {
  let farewell: Farewell | undefined
  const server: Server = createServer((incoming, response) => {
    if (incoming.url === "/readyz") farewell?.noteAsked()
    response.end(String(incoming.url))
  })
  farewell = createFarewell(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => {
    agent.destroy()
    server.close()
    server.closeAllConnections()
  })
  const ask = (path: string) =>
    new Promise<string>((resolve, reject) => {
      request({ port, host: "127.0.0.1", path, agent }, (response) => {
        response.resume().on("end", () => resolve(response.headers.connection ?? ""))
      })
        .on("error", reject)
        .end()
    })
  return { ask, farewell }
}

/** @returns whether it is over, kept up to date */
function watch(wait: Promise<void>): { over: boolean } {
  const state = { over: false }
  void wait.then(() => {
    state.over = true
  })
  return state
}

describe("an instance that leaves", () => {
  it("goes at once when nobody asks whether it is ready", async (t) => {
    const { ask, farewell } = await open(t)
    await ask("/orders")
    const state = watch(farewell.wait())
    await delay(20)
    assert.ok(state.over)
  })

  it("stays until it was told, and goes on answering, each time on a connection of its own", async (t) => {
    const { ask, farewell } = await open(t)
    assert.equal(await ask("/readyz"), "keep-alive")
    const state = watch(farewell.wait())
    await delay(1_300)
    assert.ok(!state.over, "nobody has been told yet")
    assert.equal(await ask("/orders"), "close")
    assert.equal(await ask("/readyz"), "close")
    for (let count = 0; count < 6; count++) {
      await ask("/orders")
      await delay(250)
    }
    assert.ok(!state.over, "somebody still comes")
    // Who looks whether it is ready is nobody who is served.
    for (let count = 0; count < 6 && !state.over; count++) {
      await ask("/readyz")
      await delay(250)
    }
    assert.ok(state.over)
  })

  it("waits for nobody for longer than six seconds", async (t) => {
    const { ask, farewell } = await open(t)
    await ask("/readyz")
    const began = performance.now()
    const state = watch(farewell.wait())
    while (!state.over && performance.now() - began < 20_000) {
      await ask("/orders")
      await delay(100)
    }
    assert.ok(state.over)
  })
})
