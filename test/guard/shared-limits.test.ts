/** Three instances of one service, each behind another adapter, with one Redis: what one counts, all have counted. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { after, before, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { Hono } from "hono"
import * as hono from "../../src/adapters/hono.ts"
import * as node from "../../src/adapters/node.ts"
import * as web from "../../src/adapters/web.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { type Latch, type NightlatchOptions, nightlatch } from "../../src/index.ts"
import { createDatabase, withServer } from "../store/postgres-server.ts"
import { type RedisServer, startRedis, withOwnRedis } from "../store/redis-server.ts"

const ORIGIN = "http://localhost:3000"

interface Instance {
  readonly latch: Latch
  ask(method: string, path: string, body?: object): Promise<Response>
  close(): Promise<void>
}

type Wrap = (latch: Latch) => Promise<Pick<Instance, "ask"> & { close?: () => void }>

const headers = { origin: ORIGIN, "content-type": "application/json" }

const asWeb: Wrap = async (latch) => {
  const rule = web.limit("5/hour")
  const answer = web.guard(latch, async (_request, { passed }) => {
    const refused = passed.render(await rule(passed, "GET /orders"))
    return refused === undefined ? new Response("ok") : web.toResponse(refused)
  })
  return {
    ask: (method, path, body) =>
      answer(
        new Request(ORIGIN + path, {
          method,
          headers,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
        { peerAddress: "127.0.0.1" },
      ),
  }
}

const asHono: Wrap = async (latch) => {
  const app = new Hono<hono.Guarded>()
  app.use(hono.guard(latch))
  app.get("/orders", hono.limit("5/hour"), (c) => c.text("ok"))
  const { serve } = await import("@hono/node-server")
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" })
  if (!server.listening) await once(server, "listening")
  return overSocket((server.address() as AddressInfo).port, () => server.close())
}

const asNode: Wrap = async (latch) => {
  const rule = node.limit("5/hour")
  const server = createServer(
    node.guard(latch, async (request, response) => {
      const passed = node.passedOf(request)
      const refused = passed.render(await rule(passed, "GET /orders"))
      response.writeHead(refused?.status ?? 200, refused?.headers.flat() ?? []).end(refused?.body ?? "ok")
    }),
  ).listen(0, "127.0.0.1")
  await once(server, "listening")
  return overSocket((server.address() as AddressInfo).port, () => {
    server.close()
    server.closeAllConnections()
  })
}

async function overSocket(
  port: number,
  close: () => void,
): Promise<Pick<Instance, "ask"> & { close: () => void }> {
  const { request } = await import("node:http")
  return {
    close,
    ask: (method, path, body) =>
      new Promise((resolve, reject) => {
        const asked = request(
          {
            port,
            host: "127.0.0.1",
            method,
            path,
            agent: false,
            headers: { ...headers, host: "localhost:3000" },
          },
          (response) => {
            response.resume()
            const told = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
            response.on("end", () =>
              resolve(
                new Response(null, { status: response.statusCode ?? 0, headers: Object.fromEntries(told) }),
              ),
            )
          },
        )
        asked.on("error", reject)
        asked.end(body === undefined ? undefined : JSON.stringify(body))
      }),
  }
}

withOwnRedis("three instances with one Redis", () => {
  let server: RedisServer
  let instances: readonly Instance[]
  const logged: string[] = []
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)

  async function open(wrap: Wrap, options: Partial<NightlatchOptions>): Promise<Instance> {
    const latch = await nightlatch({
      origin: ORIGIN,
      secret: "",
      database: ":memory:",
      publicRoutes: ["GET /orders"],
      redis: server.url,
      overload: { loopDelayMs: 5_000 },
      logger: { info: log, warn: log, error: log },
      ...options,
    })
    const { ask, close } = await wrap(latch)
    return {
      latch,
      ask,
      async close() {
        close?.()
        await latch.close()
      },
    }
  }

  before(async () => {
    server = await startRedis("--requirepass", "redis-canary")
    const secret = generateSecret()
    const redis = server.url.replace("//", "//:redis-canary@")
    instances = await Promise.all([asWeb, asHono, asNode].map((wrap) => open(wrap, { secret, redis })))
  })
  after(async () => {
    await Promise.all(instances.map((each) => each.close()))
    await server.close()
  })

  const everywhere = (count: number, method: string, path: string, body?: object) =>
    Promise.all(Array.from({ length: count }, (_, at) => instances[at % 3]?.ask(method, path, body)))

  it("count an application's limit together", async () => {
    const answers = await everywhere(60, "GET", "/orders")
    const passed = answers.filter((each) => each?.status === 200)
    assert.equal(passed.length, 5)
    assert.ok(answers.every((each) => each?.status === 200 || each?.status === 429))
    for (const each of passed)
      assert.match(each?.headers.get("ratelimit") ?? "", /"app:GET \/orders";r=[0-4];t=\d+/)
    const refused = answers.filter((each) => each?.status === 429)
    for (const each of refused) assert.match(each?.headers.get("retry-after") ?? "", /^7(?:20|19)$/)
  })

  it("count a flow's limit together: ten mails a minute", async () => {
    const answers = await everywhere(45, "POST", "/auth/register", { email: "ada@example.com" })
    const passed = answers.filter((each) => each?.status !== 429).length
    // A slow machine may give back one or two meanwhile: one each six seconds.
    assert.ok(passed >= 10 && passed <= 13, String(passed))
  })

  it("count attempts at one account together: five a minute", async () => {
    const attempt = { email: "eve@example.com", password: "violet kettle ninety moss" }
    const answers = await everywhere(18, "POST", "/auth/login", attempt)
    // Whoever passed is hashed for, or told that too many are.
    const passed = answers.filter((each) => each?.status !== 429).length
    assert.ok(passed >= 5 && passed <= 7, String(passed))
    assert.ok(answers.every((each) => [401, 429, 503].includes(each?.status ?? 0)))
  })

  it("leave what every request meets in memory", async () => {
    const asked = await everywhere(9, "GET", "/private")
    const left = asked.map((each) =>
      Number(/"address";r=(\d+)/.exec(each?.headers.get("ratelimit") ?? "")?.[1]),
    )
    const own = [0, 1, 2].map((first) => left.filter((_, at) => at % 3 === first))
    for (const mine of own) assert.ok(Math.max(...mine) - Math.min(...mine) <= 2, JSON.stringify(own))
    assert.equal(instances[0]?.latch.facts().rateLimit.shared?.missed, 0)
  })

  it("say on the checklist that counts are shared, and that they are not when Redis is gone", async () => {
    const line = () => instances[0]?.latch.checklist().find((row) => row.line.id === "rate-limit")?.state
    assert.equal(line()?.state, "holds")
    assert.match(line()?.why ?? "", /with all processes in Redis/)
    await server.kill()
    const answers = await everywhere(6, "GET", "/orders")
    assert.ok(answers.every((each) => each?.status === 429 || each?.status === 200))
    assert.equal(line()?.state, "weakened")
    assert.match(line()?.why ?? "", /Redis does not share counts/)
    await server.start()
    const patience = performance.now() + 20_000
    while (line()?.state !== "holds" && performance.now() < patience) await delay(50)
    assert.equal(line()?.state, "holds")
    assert.ok(logged.some((text) => text.includes("shared limits are gone")))
    assert.doesNotMatch(logged.join("\n"), /canary/)
  })
})

withServer("two instances on one PostgreSQL, without Redis", () => {
  it("count an application's limit together", async (t) => {
    const database = await createDatabase()
    const secret = generateSecret()
    const instances = await Promise.all(
      [asWeb, asNode].map(async (wrap) => {
        const latch = await nightlatch({
          origin: ORIGIN,
          secret,
          database: database.url,
          publicRoutes: ["GET /orders"],
          overload: { loopDelayMs: 5_000 },
        })
        return { latch, ...(await wrap(latch)) }
      }),
    )
    t.after(async () => {
      for (const { latch, close } of instances) {
        close?.()
        await latch.close()
      }
      await database.drop()
    })
    const statuses: (number | undefined)[] = []
    for (let round = 0; round < 8; round++) {
      const pair = await Promise.all(instances.map(({ ask }) => ask("GET", "/orders")))
      statuses.push(...pair.map(({ status }) => status))
    }
    for (const { latch } of instances) assert.equal(latch.facts().rateLimit.shared?.place, "PostgreSQL")
    const missed = instances.reduce(
      (sum, { latch }) => sum + (latch.facts().rateLimit.shared?.missed ?? 0),
      0,
    )
    // What a very slow machine answered from memory is not what this test is about.
    if (missed === 0) assert.equal(statuses.filter((status) => status === 200).length, 5)
    else t.diagnostic(`${missed} requests were counted in memory`)
  })
})
