/** More than the process can do: it says so at once, keeps what it promised, and recovers by itself. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { describe, it } from "node:test"
import { guard } from "../../src/adapters/node.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { nightlatch } from "../../src/index.ts"
import { openStage, PASSWORD, signUp } from "../flows/stage.ts"

/** Keeps the event loop busy, as a slow synchronous program would. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

describe("too much work", () => {
  it("is shed with 503 and Retry-After while the loop is late, and answered again afterwards", async (t) => {
    const stage = await openStage({ overload: { loopDelayMs: 400 } })
    t.after(() => stage.close())
    const browser = await signUp(stage, "someone@example.com")
    const jam = setInterval(() => block(900), 1)
    await new Promise((later) => setTimeout(later, 2_500))
    const refused = await browser.ask("/auth/me")
    const stranger = await stage.ask("/auth/login", {
      json: { email: "someone@example.com", password: PASSWORD },
    })
    clearInterval(jam)
    for (const answer of [refused, stranger]) {
      assert.deepEqual([answer.status, answer.json.code], [503, "overload.shedding"])
      assert.ok(Number(answer.headers["retry-after"]) >= 1)
      assert.deepEqual(answer.setCookies, [])
    }
    const patience = performance.now() + 20_000
    while ((await browser.ask("/auth/me")).status !== 200 && performance.now() < patience)
      await new Promise((later) => setTimeout(later, 50))
    assert.equal((await browser.ask("/auth/me")).status, 200)
  })

  it("bounds the queue of password hashing: some are answered, the rest hear 503 soon, and nobody waits long", async (t) => {
    const stage = await openStage({ password: { concurrency: 1, queueSeconds: 1 } })
    t.after(() => stage.close())
    await signUp(stage, "someone@example.com")
    const began = performance.now()
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, index) =>
        stage.ask("/auth/login", { json: { email: `nobody${index}@example.com`, password: PASSWORD } }),
      ),
    )
    const statuses = answers.map(({ status }) => status)
    const busy = answers.filter(({ status }) => status === 503)
    assert.ok(
      statuses.every((status) => status === 401 || status === 503),
      String(new Set(statuses)),
    )
    assert.ok(busy.length > 0 && busy.length < 150, `${busy.length}`)
    for (const { headers } of busy) assert.ok(Number(headers["retry-after"]) >= 1)
    assert.ok(performance.now() - began < 10_000)
    const after = await stage.ask("/auth/login", {
      json: { email: "someone@example.com", password: PASSWORD },
    })
    assert.equal(after.status, 200)
  })

  it("refuses a body that is too large without reading it to its end", async (t) => {
    const stage = await openStage()
    t.after(() => stage.close())
    const body = JSON.stringify({ email: "a@example.com", password: "x".repeat(100_000) })
    const answer = await stage.ask("/auth/login", { body, headers: { "content-type": "application/json" } })
    assert.equal(answer.status, 413)
    assert.match(String(answer.headers["content-type"]), /problem\+json/)
  })

  it("gives a server of one's own its limits, and calls the line weakened until then", async (t) => {
    const latch = await nightlatch({
      origin: "http://localhost:3000",
      secret: generateSecret(),
      database: ":memory:",
      hosts: ["127.0.0.1"],
      publicRoutes: ["GET /"],
      overload: { headerSeconds: 1, requestSeconds: 1, headerBytes: 8_192 },
    })
    t.after(() => latch.close())
    const line = () => latch.checklist().find((row) => row.line.id === "overload")?.state
    assert.equal(line()?.state, "weakened")
    const server = createServer(guard(latch))
    // In the turn in which it begins to listen, as after `serve` of @hono/node-server.
    server.listen(0, "127.0.0.1")
    latch.limitServer(server)
    assert.equal(line()?.state, "holds")
    await once(server, "listening")
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    const { port } = server.address() as AddressInfo
    assert.match(
      await send(port, `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"x".repeat(10_000)}\r\n\r\n`),
      / 431 /,
    )
    assert.match(await send(port, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"), / 408 /)
  })
})

/** What comes back until the server closes, which has to be within a few seconds. */
function send(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    let answer = ""
    socket.setEncoding("latin1")
    socket.on("data", (chunk: string) => {
      answer += chunk
    })
    socket.on("error", () => resolve(answer))
    socket.on("close", () => resolve(answer))
    socket.setTimeout(15_000, () => {
      socket.destroy()
      reject(new Error("the server keeps the connection"))
    })
    socket.write(text)
  })
}
