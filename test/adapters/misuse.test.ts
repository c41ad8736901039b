/** A guard that stands in the wrong place: every request is closed, and the log says by name what is wrong. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, it, type TestContext } from "node:test"
import { createAdaptorServer } from "@hono/node-server"
import express from "express"
import express4 from "express4"
import Fastify from "fastify"
import { Hono } from "hono"
import { guard as guardExpress } from "../../src/adapters/express.ts"
import { guard as guardFastify } from "../../src/adapters/fastify.ts"
import { type Guarded, guard as guardHono } from "../../src/adapters/hono.ts"
import { guard as guardNode } from "../../src/adapters/node.ts"
import { guard as guardWeb } from "../../src/adapters/web.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { type Latch, nightlatch } from "../../src/index.ts"
import { askAt, listen } from "./ask.ts"

const ORIGIN = "http://localhost:3000"

async function openLatch(t: TestContext, basePath = "/auth"): Promise<{ latch: Latch; logged: string[] }> {
  const logged: string[] = []
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const latch = await nightlatch({
    origin: ORIGIN,
    secret: generateSecret(),
    database: ":memory:",
    basePath,
    publicRoutes: ["POST /upload", "GET /x", "GET /api/x"],
    hosts: ["127.0.0.1"],
    overload: { loopDelayMs: 5_000 },
    logger: { info: log, warn: log, error: log },
  })
  t.after(() => latch.close())
  return { latch, logged }
}

type Fetch = (request: Request) => Promise<Response>

/** Requests over a socket, by the listed name. */
async function overSocket(t: TestContext, server: Server): Promise<Fetch> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return async (request) => {
    const url = new URL(request.url)
    const body = request.method === "GET" ? null : await request.text()
    return fetch(`http://127.0.0.1:${port}${url.pathname}`, {
      method: request.method,
      headers: request.headers,
      body,
      signal: AbortSignal.timeout(20_000),
    })
  }
}

const listenAs127: (listener: RequestListener) => RequestListener = (listener) => (request, response) => {
  request.headers.host = "127.0.0.1"
  request.rawHeaders = ["Host", "127.0.0.1"]
  listener(request, response)
}

const post = (path: string): Request =>
  new Request(ORIGIN + path, {
    method: "POST",
    headers: { origin: ORIGIN, "content-type": "application/json" },
    body: JSON.stringify({ email: "someone@example.com", password: "violet kettle ninety moss" }),
  })

function honoThatParsesFirst(latch: Latch): Hono<Guarded> {
  const app = new Hono<Guarded>()
  app.use(async (c, next) => {
    await c.req.text()
    await next()
  })
  app.use(guardHono(latch))
  app.post("/upload", (c) => c.text("unjudged"))
  return app
}

/** The listed name stands in the way of nobody, as Express and Fastify have no place before the guard to set it. */
function expressThatParsesFirst(create: typeof express, latch: Latch): RequestListener {
  const app = create()
  app.use((request, _response, next) => {
    request.headers.host = "127.0.0.1"
    request.rawHeaders = ["Host", "127.0.0.1"]
    next()
  })
  app.use(express.json(), guardExpress(latch))
  app.post("/upload", (_request, response) => void response.send("unjudged"))
  return app
}

const PARSES_FIRST: Readonly<Record<string, (latch: Latch, t: TestContext) => Fetch | Promise<Fetch>>> = {
  node: (latch, t) => {
    const guarded = listenAs127(guardNode(latch, (_request, response) => response.end("unjudged")))
    return overSocket(
      t,
      createServer((request, response) => request.resume().on("end", () => guarded(request, response))),
    )
  },
  "hono on node": (latch, t) => {
    const server = createAdaptorServer({ fetch: honoThatParsesFirst(latch).fetch }) as Server
    return overSocket(t, server)
  },
  "hono on fetch": (latch) => async (request) => honoThatParsesFirst(latch).fetch(request),
  express: (latch, t) => overSocket(t, createServer(expressThatParsesFirst(express, latch))),
  "express 4": (latch, t) => overSocket(t, createServer(expressThatParsesFirst(express4, latch))),
  web: (latch) => {
    const guarded = guardWeb(latch, () => new Response("unjudged"))
    return async (request) => {
      await request.text()
      return guarded(request)
    }
  },
}

describe("a body that was read before the guard", () => {
  for (const [kind, open] of Object.entries(PARSES_FIRST)) {
    it(`is misuse at the first request (${kind})`, async (t) => {
      const { latch, logged } = await openLatch(t)
      const ask = await open(latch, t)
      for (const path of ["/auth/login", "/upload"]) {
        logged.length = 0
        const answer = await ask(post(path))
        assert.equal(answer.status, 500, path)
        assert.equal(answer.headers.get("x-content-type-options"), "nosniff")
        const text = await answer.text()
        assert.match(text, /service\.fault/)
        assert.doesNotMatch(text, /guard/)
        assert.match(logged.join(), /guard\.body_consumed/, path)
      }
    })
  }
})

describe("a guard below the root", () => {
  const misplaced: Readonly<Record<string, (latch: Latch) => Hono<Guarded>>> = {
    "under a pattern": (latch) => {
      const app = new Hono<Guarded>()
      app.use("/api/*", guardHono(latch))
      return app.get("/api/x", (c) => c.text("unjudged"))
    },
    "in an application that is mounted": (latch) => {
      const inner = new Hono<Guarded>()
      inner.use(guardHono(latch))
      inner.get("/x", (c) => c.text("unjudged"))
      return new Hono<Guarded>().route("/api", inner)
    },
    "at one route": (latch) => new Hono<Guarded>().get("/api/x", guardHono(latch), (c) => c.text("unjudged")),
    "elsewhere than it says": (latch) => {
      const app = new Hono<Guarded>()
      app.use("/api/*", guardHono(latch, { mountedAt: "/app" }))
      return app.get("/api/x", (c) => c.text("unjudged"))
    },
  }
  for (const [where, make] of Object.entries(misplaced)) {
    it(`is misuse in Hono ${where}, at every request`, async (t) => {
      const { latch, logged } = await openLatch(t)
      const app = make(latch)
      for (let time = 0; time < 2; time++) {
        logged.length = 0
        const answer = await app.fetch(new Request(`${ORIGIN}/api/x`))
        assert.equal(answer.status, 500)
        assert.doesNotMatch(await answer.text(), /unjudged/)
        assert.match(logged.join(), /guard\.mounted_below/)
      }
    })
  }

  it("is no misuse where mountedAt names the place", async (t) => {
    const { latch } = await openLatch(t, "/api/auth")
    const app = new Hono<Guarded>()
    app.use("/api/*", guardHono(latch, { mountedAt: "/api" }))
    app.get("/api/x", (c) => c.text("judged"))
    app.get("/api/y", (c) => c.text("unjudged"))
    app.get("/open", (c) => c.text("open"))
    const ask = async (path: string) => (await app.fetch(new Request(ORIGIN + path))).status
    assert.deepEqual([await ask("/api/x"), await ask("/api/y"), await ask("/open")], [200, 401, 200])
    assert.equal((await app.fetch(new Request(`${ORIGIN}/api/auth/me`))).status, 401)
  })

  for (const [version, create] of Object.entries({ 4: express4, 5: express })) {
    it(`is misuse in Express ${version} under a path`, async (t) => {
      const { latch, logged } = await openLatch(t)
      const app = create()
      app.use("/api", guardExpress(latch))
      app.get("/api/x", (_request, response) => void response.send("unjudged"))
      const ask = await overSocket(t, createServer(listenAs127(app)))
      const answer = await ask(new Request(`${ORIGIN}/api/x`))
      assert.equal(answer.status, 500)
      assert.match(logged.join(), /guard\.mounted_below/)
    })
  }

  it("is none in Fastify, where it stands around the server from wherever it is registered", async (t) => {
    const { latch } = await openLatch(t)
    const app = Fastify()
    await app.register((inner) => inner.register(guardFastify, { latch }), { prefix: "/inner" })
    app.get("/outside", async () => "unjudged")
    app.get("/x", async () => "judged")
    await app.ready()
    const port = await listen(app.server)
    t.after(() => app.close())
    const ask = async (path: string) => (await askAt(port, "GET", path)).status
    assert.deepEqual([await ask("/outside"), await ask("/x"), await ask("/%ff")], [401, 200, 401])
  })

  it("is misuse in node behind a router that has shortened the path", async (t) => {
    const { latch, logged } = await openLatch(t)
    const guarded = listenAs127(guardNode(latch, (_request, response) => response.end("unjudged")))
    const ask = await overSocket(
      t,
      createServer((request: IncomingMessage & { originalUrl?: string }, response) => {
        request.originalUrl = request.url ?? ""
        request.url = request.originalUrl.replace(/^\/mounted/, "")
        guarded(request, response)
      }),
    )
    const answer = await ask(new Request(`${ORIGIN}/mounted/x`))
    assert.equal(answer.status, 500)
    assert.match(logged.join(), /guard\.mounted_below/)
    assert.equal(await (await ask(new Request(`${ORIGIN}/x`))).text(), "unjudged")
  })
})
