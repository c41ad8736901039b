/**
 * One route in each framework, guarded or bare: `node bench/frameworks.ts hono guarded`. The bare one sends the headers that the
 * guarded one was seen to send, by the framework's own means.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { createAdaptorServer } from "@hono/node-server"
import express from "express"
import Fastify from "fastify"
import { Hono } from "hono"
import { guard as guardExpress } from "../src/adapters/express.ts"
import { guard as guardFastify } from "../src/adapters/fastify.ts"
import { type Guarded, guard as guardHono } from "../src/adapters/hono.ts"
import { generateSecret } from "../src/checklist/secret/index.ts"
import { type Latch, nightlatch } from "../src/index.ts"
import { answer } from "./process.ts"

type Pairs = readonly (readonly [name: string, value: string])[]
type Framework = "hono" | "fastify" | "express"

/** What the bare side adds to each answer, once it is known. */
let headers: Pairs = []

async function make(framework: Framework, latch: Latch | undefined): Promise<Server> {
  switch (framework) {
    case "hono": {
      const app = new Hono<Guarded>()
      if (latch !== undefined) app.use(guardHono(latch))
      app.get("/orders", (c) => {
        for (const [name, value] of headers) c.header(name, value)
        return c.json({ orders: [] })
      })
      return createAdaptorServer({ fetch: app.fetch }) as Server
    }
    case "fastify": {
      const app = Fastify()
      if (latch !== undefined) await app.register(guardFastify, { latch })
      app.get("/orders", (_request, reply) => {
        for (const [name, value] of headers) reply.header(name, value)
        reply.send({ orders: [] })
      })
      await app.ready()
      return app.server
    }
    case "express": {
      const app = express()
      if (latch !== undefined) app.use(guardExpress(latch))
      app.get("/orders", (_request, response) => {
        for (const [name, value] of headers) response.setHeader(name, value)
        response.json({ orders: [] })
      })
      return createServer(app)
    }
  }
}

const [framework = "", kind] = process.argv.slice(2)
const latch =
  kind === "guarded"
    ? await nightlatch({
        origin: "http://localhost:3000",
        secret: generateSecret(),
        database: ":memory:",
        overload: { loopDelayMs: 5_000 },
        rateLimit: { perAddress: "200000/second burst 4000", perUser: "6000/minute burst 4000" },
      })
    : undefined
const server = await make(framework as Framework, latch)
await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
const { port } = server.address() as AddressInfo
answer(async (question) => {
  headers = (question.headers as Pairs | undefined) ?? headers
  const people = Array.from({ length: Number(question.sessions ?? 0) }, (_, index) =>
    latch?.testing.signIn({ email: `user${index}@example.com` }),
  )
  return { port, cookies: (await Promise.all(people)).map((each) => each?.cookie ?? "") }
})
