/**
 * Attack: a client on the internet that sends a request and resets the connection at once. The system then knows no address
 * for it any more, just as for a Unix socket, behind which a trusted proxy may be.
 */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { join } from "node:path"
import { describe, it, type TestContext } from "node:test"
import { createAdaptorServer, type ServerType } from "@hono/node-server"
import express from "express"
import Fastify from "fastify"
import { Hono } from "hono"
import { guard as guardExpress } from "../../src/adapters/express.ts"
import { guard as guardFastify } from "../../src/adapters/fastify.ts"
import { type Guarded, guard as guardHono } from "../../src/adapters/hono.ts"
import { guard, passedOf } from "../../src/adapters/node.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import type { Passed } from "../../src/guard/index.ts"
import { type Latch, nightlatch } from "../../src/index.ts"
import { openFolder } from "../service/process.ts"

const CHOSEN = "203.0.113.77"
const REQUEST = [
  "GET /x HTTP/1.1",
  "host: localhost:3000",
  `x-forwarded-for: ${CHOSEN}`,
  "x-forwarded-proto: https",
  "\r\n",
].join("\r\n")

type Note = (passed: Passed) => void

const ADAPTERS: Readonly<Record<string, (latch: Latch, note: Note) => ServerType | Promise<ServerType>>> = {
  "node:http": (latch, note) =>
    createServer(
      guard(latch, (request, response) => {
        note(passedOf(request))
        response.end()
      }),
    ),
  hono: (latch, note) => {
    const app = new Hono<Guarded>()
    app.use(guardHono(latch))
    app.get("/x", (c) => {
      note(c.var.nightlatch)
      return c.text("")
    })
    return createAdaptorServer({ fetch: app.fetch })
  },
  express: (latch, note) => {
    const app = express()
    app.use(guardExpress(latch))
    app.get("/x", (request, response) => {
      note(passedOf(request))
      response.end()
    })
    return createServer(app)
  },
  fastify: async (latch, note) => {
    const app = Fastify()
    await app.register(guardFastify, { latch })
    app.get("/x", async (request) => {
      note(passedOf(request.raw))
      return ""
    })
    await app.ready()
    return app.server
  },
}

async function clientAt(
  t: TestContext,
  adapter: string,
  trusted: number | string[],
  path?: string,
): Promise<readonly [address: string, secure: boolean]> {
  const latch = await nightlatch({
    origin: "http://localhost:3000",
    secret: generateSecret(),
    database: ":memory:",
    publicRoutes: ["GET /x"],
    proxy: { trusted },
    overload: { loopDelayMs: 5_000 },
  })
  t.after(() => latch.close())
  const seen = Promise.withResolvers<readonly [string, boolean]>()
  const server = await ADAPTERS[adapter]?.(latch, ({ view }) =>
    seen.resolve([view.clientAddress, view.secure]),
  )
  assert.ok(server !== undefined)
  t.after(() => void server.close())
  if (path === undefined) server.listen(0, "127.0.0.1")
  else server.listen(path)
  await once(server, "listening")
  const client =
    path === undefined ? connect((server.address() as AddressInfo).port, "127.0.0.1") : connect(path)
  client.on("error", () => {})
  await once(client, "connect")
  client.write(REQUEST, () => path === undefined && client.resetAndDestroy())
  const told = await seen.promise
  client.destroy()
  return told
}

for (const adapter of Object.keys(ADAPTERS)) {
  describe(`a client that is gone before it is asked who it is (${adapter})`, () => {
    for (const trusted of [["unix"], ["10.0.0.0/8", "unix"], 1, 10] as const)
      it(`chooses no address and no scheme where ${JSON.stringify(trusted)} is trusted`, async (t) => {
        const given = typeof trusted === "number" ? trusted : [...trusted]
        assert.deepEqual(await clientAt(t, adapter, given), ["unknown", false])
      })

    it("is not taken for a proxy on a Unix socket, which goes on being believed", async (t) => {
      const folder = openFolder()
      t.after(() => folder.remove())
      const told = await clientAt(t, adapter, ["unix"], join(folder.path, "socket"))
      assert.deepEqual(told, [CHOSEN, true])
    })
  })
}
