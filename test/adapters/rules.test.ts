/** The rules that routes add, in each framework: who passes, under what a limit counts, and that they never pass alone. */
import assert from "node:assert/strict"
import { createServer, type Server } from "node:http"
import { after, before, describe, it, type TestContext } from "node:test"
import express from "express"
import express4 from "express4"
import Fastify from "fastify"
import * as onExpress from "../../src/adapters/express.ts"
import * as onFastify from "../../src/adapters/fastify.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { type Latch, nightlatch } from "../../src/index.ts"
import { askAt, HOST, listen } from "./ask.ts"

interface Running {
  readonly port: number
  close(): Promise<unknown>
}

async function run(server: Server): Promise<Running> {
  const port = await listen(server)
  return {
    port,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** @param latch without one no guard stands before the rules */
function startExpress(create: typeof express): (latch: Latch | undefined) => Promise<Running> {
  return (latch) => {
    const { guard, limit, requireRecentSignIn, requireRole, requireUser } = onExpress
    const app = create()
    if (latch !== undefined) app.use(guard(latch))
    const ok: express.RequestHandler = (_request, response) => void response.send("ok")
    app.get("/user", requireUser, ok)
    app.get("/admin", requireRole("admin"), ok)
    app.get("/recent", requireRecentSignIn(600), ok)
    app.post("/order/:id", limit("2/hour"), ok)
    app.post("/other/:id", limit("2/hour"), ok)
    return run(createServer(app))
  }
}

async function startFastify(latch: Latch | undefined): Promise<Running> {
  const { guard, limit, requireRecentSignIn, requireRole, requireUser } = onFastify
  const app = Fastify()
  if (latch !== undefined) await app.register(guard, { latch })
  const ok = async () => "ok"
  app.get("/user", { onRequest: requireUser }, ok)
  app.get("/admin", { onRequest: [requireRole("admin")] }, ok)
  app.get("/recent", { onRequest: [requireRecentSignIn(600)] }, ok)
  app.post("/order/:id", { onRequest: [limit("2/hour")] }, ok)
  app.post("/other/:id", { onRequest: [limit("2/hour")] }, ok)
  await app.ready()
  return run(app.server)
}

const FRAMEWORKS: Readonly<Record<string, (latch: Latch | undefined) => Promise<Running>>> = {
  express: startExpress(express),
  "express 4": startExpress(express4),
  fastify: startFastify,
}

const openLatch = (): Promise<Latch> =>
  nightlatch({
    origin: `http://${HOST}`,
    secret: generateSecret(),
    database: ":memory:",
    overload: { loopDelayMs: 5_000 },
    publicRoutes: ["GET /user", "GET /admin", "GET /recent", "POST /order/*", "POST /other/*"],
  })

for (const [framework, start] of Object.entries(FRAMEWORKS)) {
  describe(`rules of ${framework}`, () => {
    let latch: Latch
    let running: Running
    before(async () => {
      latch = await openLatch()
      running = await start(latch)
    })
    after(async () => {
      await running.close()
      await latch.close()
    })
    const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
      askAt(running.port, method, path, { "x-nightlatch": "1", ...headers })

    it("let pass whom they name, and refuse all others as the guard does", async () => {
      const user = await latch.testing.signIn({ email: "user@example.com" })
      const admin = await latch.testing.signIn({ email: "admin@example.com", roles: ["admin"] })
      const of = async (path: string, cookie?: string) =>
        (await ask("GET", path, cookie === undefined ? {} : { cookie })).status
      assert.deepEqual([await of("/user"), await of("/user", user.cookie)], [401, 200])
      assert.deepEqual(
        [await of("/admin"), await of("/admin", user.cookie), await of("/admin", admin.cookie)],
        [401, 403, 200],
      )
      assert.deepEqual([await of("/recent"), await of("/recent", user.cookie)], [401, 200])
      const refused = await ask("GET", "/admin", { cookie: user.cookie })
      assert.match(refused.body, /guard\.role/)
      assert.match(String(refused.headers["content-type"]), /^application\/problem\+json/)
      assert.equal(refused.headers["x-content-type-options"], "nosniff")
    })

    it("count under the pattern of the route, each route apart", async () => {
      const statuses: number[] = []
      for (const id of [1, 2, 3]) statuses.push((await ask("POST", `/order/${id}`)).status)
      assert.deepEqual(statuses, [200, 200, 429])
      const other = await ask("POST", "/other/1")
      assert.equal(other.status, 200)
      assert.match(String(other.headers.ratelimit), /r=1/)
      assert.ok(Number((await ask("POST", "/order/9")).headers["retry-after"]) > 0)
    })

    it("never pass without a guard before them", async (t) => {
      const alone = await start(undefined)
      t.after(() => alone.close())
      for (const [method, path] of [
        ["GET", "/user"],
        ["GET", "/admin"],
        ["GET", "/recent"],
        ["POST", "/order/1"],
      ] as const) {
        const answer = await askAt(alone.port, method, path)
        assert.equal(answer.status, 500, path)
        assert.notEqual(answer.body, "ok")
      }
    })
  })
}

/** Requests that come by no server, as applications test themselves. */
describe("inject of fastify", () => {
  async function open(t: TestContext) {
    const latch = await openLatch()
    t.after(() => latch.close())
    const app = Fastify()
    await app.register(onFastify.guard, { latch })
    app.get("/user", async (request) => onFastify.sessionOf(request)?.userId ?? "nobody")
    app.get("/closed", async () => "unjudged")
    return { latch, app }
  }

  it("is guarded like a request from a socket", async (t) => {
    const { latch, app } = await open(t)
    const { cookie, userId } = await latch.testing.signIn({ email: "user@example.com" })
    const ask = (url: string, headers: Record<string, string> = {}) =>
      app.inject({ url, headers: { host: HOST, ...headers } })
    assert.equal((await ask("/user")).body, "nobody")
    assert.equal((await ask("/user", { cookie })).body, userId)
    assert.equal((await ask("/closed")).statusCode, 401)
    assert.equal((await ask("/closed", { cookie })).body, "unjudged")
    assert.equal((await ask("/closed", { host: "evil.example", cookie })).statusCode, 421)
    assert.equal((await ask("/auth/me", { cookie })).json().userId, userId)
    assert.equal((await ask("/nowhere")).statusCode, 401)
    assert.equal((await ask("/nowhere", { cookie })).statusCode, 404)
  })
})

describe("limit of express", () => {
  for (const [version, create] of Object.entries({ 4: express4, 5: express })) {
    it(`wants a name where Express ${version} tells no pattern, and counts under it whatever the path`, async (t) => {
      const latch = await openLatch()
      t.after(() => latch.close())
      const app = create()
      app.use(onExpress.guard(latch))
      const nameless = create.Router()
      nameless.post("/:id", onExpress.limit("2/hour"), (_request, response) => void response.send("ok"))
      app.use("/order", nameless)
      const named = create.Router({ mergeParams: true })
      named.use(onExpress.limit("2/hour", { name: "other" }))
      named.post("/", (_request, response) => void response.send("ok"))
      app.use("/other/:id", named)
      const said: string[] = []
      const tell: express.ErrorRequestHandler = (error: Error, _request, response, _next) => {
        said.push(error.message)
        response.status(500).send("closed")
      }
      app.use(tell)
      const running = await run(createServer(app))
      t.after(() => running.close())
      const post = async (path: string) =>
        (await askAt(running.port, "POST", path, { "x-nightlatch": "1" })).status
      assert.equal(await post("/order/1"), 500)
      assert.match(said.join(), /Name the limit/)
      assert.deepEqual(
        [await post("/other/1"), await post("/other/2"), await post("/other/3")],
        [200, 200, 429],
      )
    })
  }
})
