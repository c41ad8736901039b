import assert from "node:assert/strict"
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http"
import { connect } from "node:net"
import { Readable } from "node:stream"
import { after, before, describe, it } from "node:test"
import { createAdaptorServer } from "@hono/node-server"
import express from "express"
import express4 from "express4"
import Fastify, { type FastifyInstance } from "fastify"
import { Hono } from "hono"
import { cors } from "hono/cors"
import { stream } from "hono/streaming"
import { guard as guardExpress } from "../../src/adapters/express.ts"
import { guard as guardFastify, sessionOf as sessionOfFastify } from "../../src/adapters/fastify.ts"
import { type Guarded, guard as guardHono } from "../../src/adapters/hono.ts"
import { bodyReader, guard as guardNode, sessionOf } from "../../src/adapters/node.ts"
import { guard as guardWeb } from "../../src/adapters/web.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { type Latch, MisuseError, nightlatch } from "../../src/index.ts"
import { type Answer, askAt, HOST, listen } from "./ask.ts"

const ORIGIN = `http://${HOST}`
const LISTED = "http://localhost:5173"

type Ask = (
  method: string,
  path: string,
  headers?: Record<string, string>,
  body?: string | Buffer,
) => Promise<Answer>

/** What an application may do to its answer; each adapter's application does all of it. */
const PATHS = [
  "ok",
  "vary",
  "frame",
  "set",
  "cached",
  "page",
  "cookies",
  "stream",
  "unchanged",
  "throw",
  "refresh",
] as const

/** What an application may have said about other origins. */
const OWN_CORS: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "https://evil.example",
  "access-control-allow-credentials": "true",
  "access-control-allow-methods": "DELETE",
  "access-control-allow-headers": "x-evil",
  "access-control-expose-headers": "x-secret",
  "access-control-max-age": "86400",
  "access-control-allow-private-network": "true",
}

function nodeApplication(request: IncomingMessage, response: ServerResponse): void {
  switch (request.url?.slice("/app/".length)) {
    case "ok":
      response.writeHead(200, { "content-type": "text/plain" }).end(sessionOf(request)?.userId ?? "nobody")
      break
    case "vary":
      response.setHeader("vary", "Accept")
      response.end("ok")
      break
    case "frame":
      response.writeHead(200, ["x-frame-options", "ALLOWALL", ...Object.entries(OWN_CORS).flat()]).end("ok")
      break
    case "set":
      for (const [name, value] of Object.entries(OWN_CORS)) response.setHeader(name.toUpperCase(), value)
      response.writeHead(200, { "Access-Control-Allow-Origin": "https://evil.example" }).end("ok")
      break
    case "cached":
      response.writeHead(200, { "cache-control": "public, max-age=60" }).end("ok")
      break
    case "page":
      response
        .writeHead(200, { "content-security-policy": "default-src 'self'; frame-ancestors 'self'" })
        .end("ok")
      break
    case "cookies":
      response.writeHead(200, { "set-cookie": ["a=1", "b=2"] }).end("ok")
      break
    case "stream":
      response.write("one")
      response.end("two")
      break
    case "unchanged":
      response.writeHead(304).end()
      break
    case "throw":
      response.writeHead(500, "Broken", { "content-security-policy": "default-src 'none'" }).end("broken")
      break
    case "refresh":
      response.end(JSON.stringify([request.headers.cookie ?? "", request.rawHeaders]))
      break
    case "upload":
      // It tells the client of its failure, as frameworks do.
      void bodyReader(request)(1_000_000).then((read) => {
        if (read.kind === "bytes") response.end(String(read.bytes.byteLength))
        else response.writeHead(400, { "x-own": "1" }).end("broken")
      })
      break
    default:
      response.writeHead(404).end()
  }
}

function honoApplication(latch: Latch): Hono<Guarded> {
  const app = new Hono<Guarded>()
  app.use(guardHono(latch))
  app.get("/app/ok", (c) => c.text(c.var.session?.userId ?? "nobody"))
  app.get("/app/vary", (c) => c.text("ok", 200, { vary: "Accept" }))
  app.get("/app/frame", (c) => c.text("ok", 200, { "x-frame-options": "ALLOWALL", ...OWN_CORS }))
  app.use(
    "/app/set",
    cors({ origin: "https://evil.example", credentials: true, exposeHeaders: ["x-secret"] }),
  )
  app.get("/app/set", (c) => c.text("ok"))
  app.get("/app/cached", (c) => c.text("ok", 200, { "cache-control": "public, max-age=60" }))
  app.get(
    "/app/page",
    () =>
      new Response("ok", {
        headers: { "content-security-policy": "default-src 'self'; frame-ancestors 'self'" },
      }),
  )
  app.get("/app/cookies", (c) => {
    c.header("set-cookie", "a=1", { append: true })
    c.header("set-cookie", "b=2", { append: true })
    return c.text("ok")
  })
  app.get("/app/stream", (c) => stream(c, async (out) => void (await out.write("onetwo"))))
  app.get("/app/unchanged", (c) => c.body(null, 304))
  app.get("/app/throw", () => {
    throw new Error("planted")
  })
  app.onError((_error, c) => c.text("broken", 500, { "content-security-policy": "default-src 'none'" }))
  app.post("/app/upload", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)))
  app.get("/app/refresh", (c) => c.text(JSON.stringify([c.req.header("cookie") ?? "", []])))
  return app
}

/** @param create Express 4 and 5 are made alike */
function expressApplication(create: typeof express, latch: Latch): RequestListener {
  const app = create()
  app.use(guardExpress(latch))
  app.get("/app/ok", (request, response) => void response.send(sessionOf(request)?.userId ?? "nobody"))
  app.get("/app/vary", (_request, response) => void response.vary("Accept").send("ok"))
  app.get("/app/frame", (_request, response) => {
    response.set({ "x-frame-options": "ALLOWALL", ...OWN_CORS }).send("ok")
  })
  app.get("/app/set", (_request, response) => void response.header(OWN_CORS).json({}))
  app.get("/app/cached", (_request, response) => {
    response.set("cache-control", "public, max-age=60").send("ok")
  })
  app.get("/app/page", (_request, response) => {
    response.set("content-security-policy", "default-src 'self'; frame-ancestors 'self'").send("ok")
  })
  app.get("/app/cookies", (_request, response) => {
    response.append("set-cookie", "a=1").append("set-cookie", "b=2").send("ok")
  })
  app.get("/app/stream", (_request, response) => {
    response.write("one")
    response.end("two")
  })
  app.get("/app/unchanged", (_request, response) => void response.status(304).end())
  app.get("/app/throw", () => {
    throw new Error("planted")
  })
  app.get("/app/refresh", (request, response) => {
    response.json([request.headers.cookie ?? "", request.rawHeaders])
  })
  app.post("/app/upload", express.raw({ type: () => true, limit: 1_000_000 }), (request, response) => {
    response.send(String((request.body as Buffer).byteLength))
  })
  const quietly: express.ErrorRequestHandler = (_error, _request, response, next) => {
    if (response.headersSent) next()
    else response.status(500).set("content-security-policy", "default-src 'none'").send("broken")
  }
  app.use(quietly)
  return app
}

async function fastifyApplication(latch: Latch): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(guardFastify, { latch })
  app.get("/app/ok", async (request) => sessionOfFastify(request)?.userId ?? "nobody")
  app.get("/app/vary", (_request, reply) => reply.header("vary", "Accept").send("ok"))
  app.get("/app/frame", (_request, reply) => {
    reply.headers({ "x-frame-options": "ALLOWALL", ...OWN_CORS }).send("ok")
  })
  app.get("/app/set", (_request, reply) => reply.headers(OWN_CORS).send({}))
  app.get("/app/cached", (_request, reply) => reply.header("cache-control", "public, max-age=60").send("ok"))
  app.get("/app/page", (_request, reply) => {
    reply.header("content-security-policy", "default-src 'self'; frame-ancestors 'self'").send("ok")
  })
  app.get("/app/cookies", (_request, reply) => {
    reply.header("set-cookie", "a=1").header("set-cookie", "b=2").send("ok")
  })
  app.get("/app/stream", (_request, reply) =>
    reply.send(Readable.from([Buffer.from("one"), Buffer.from("two")])),
  )
  app.get("/app/unchanged", (_request, reply) => reply.code(304).send())
  app.get("/app/throw", async () => {
    throw new Error("planted")
  })
  app.get("/app/refresh", async (request) => [request.headers.cookie ?? "", request.raw.rawHeaders])
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body))
  app.removeContentTypeParser("application/json")
  app.post("/app/upload", { bodyLimit: 1_000_000 }, async (request) =>
    String((request.body as Buffer).byteLength),
  )
  await app.ready()
  return app
}

function webApplication(latch: Latch): (request: Request) => Promise<Response> {
  return guardWeb(latch, async (request, { session }) => {
    switch (new URL(request.url).pathname.slice("/app/".length)) {
      case "ok":
        return new Response(session?.userId ?? "nobody")
      case "vary":
        return new Response("ok", { headers: { vary: "Accept" } })
      case "frame":
        return new Response("ok", {
          headers: { "x-frame-options": "ALLOWALL", ...OWN_CORS },
        })
      case "set":
        return Response.json({}, { headers: OWN_CORS })
      case "cached":
        return new Response("ok", { headers: { "cache-control": "public, max-age=60" } })
      case "page":
        return new Response("ok", {
          headers: { "content-security-policy": "default-src 'self'; frame-ancestors 'self'" },
        })
      case "cookies":
        return new Response("ok", {
          headers: [
            ["set-cookie", "a=1"],
            ["set-cookie", "b=2"],
          ],
        })
      case "stream":
        return new Response(ReadableStream.from([Buffer.from("one"), Buffer.from("two")]))
      case "unchanged":
        return new Response(null, { status: 304 })
      case "throw":
        return new Response("broken", {
          status: 500,
          headers: { "content-security-policy": "default-src 'none'" },
        })
      case "refresh":
        return new Response(JSON.stringify([request.headers.get("cookie") ?? "", []]))
      case "upload":
        // It hides the failure, as frameworks do.
        return request.arrayBuffer().then(
          ({ byteLength }) => new Response(String(byteLength)),
          () => new Response("swallowed"),
        )
      default:
        return new Response(null, { status: 404 })
    }
  })
}

const KINDS = ["node", "hono on node", "hono on fetch", "web", "express", "express 4", "fastify"] as const
for (const kind of KINDS) {
  describe(`adapter ${kind}`, () => {
    let latch: Latch
    let server: Server | undefined
    let port = 0
    let ask: Ask
    /** A body whose length nothing declares; the text is that of the headers and the body. */
    let streamed: (path: string, body: Buffer) => Promise<{ status: number; text: string }>
    let cookie: string
    let userId: string

    before(async () => {
      latch = await nightlatch({
        origin: ORIGIN,
        secret: generateSecret(),
        database: ":memory:",
        publicRoutes: ["GET /app/*", "POST /app/upload"],
        cors: { origins: [LISTED] },
        rateLimit: { perAddress: "100000/minute" },
        overload: { loopDelayMs: 5_000 },
      })
      ;({ cookie, userId } = await latch.testing.signIn({ email: "someone@example.com" }))
      if (kind === "node") server = createServer(guardNode(latch, nodeApplication))
      if (kind === "hono on node")
        server = createAdaptorServer({ fetch: honoApplication(latch).fetch, hostname: "127.0.0.1" }) as Server
      if (kind === "express") server = createServer(expressApplication(express, latch))
      if (kind === "express 4") server = createServer(expressApplication(express4, latch))
      if (kind === "fastify") server = (await fastifyApplication(latch)).server
      if (server !== undefined) {
        port = await listen(server)
        ask = (...about) => askAt(port, ...about)
        streamed = async (path, body) => {
          const text = await sendChunked(port, path, body)
          return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]), text }
        }
        return
      }
      const app =
        kind === "web"
          ? webApplication(latch)
          : (request: Request) => Promise.resolve(honoApplication(latch).fetch(request))
      streamed = async (path, body) => {
        const pieces = Array.from({ length: Math.ceil(body.byteLength / 10_000) }, (_, at) =>
          body.subarray(at * 10_000, (at + 1) * 10_000),
        )
        const headers = { origin: ORIGIN, "content-type": "application/json" }
        const stream: RequestInit = { body: ReadableStream.from(pieces), duplex: "half" }
        const response = await app(new Request(ORIGIN + path, { method: "POST", headers, ...stream }))
        const shown = JSON.stringify([...response.headers])
        return { status: response.status, text: `${shown}\n${await response.text()}` }
      }
      ask = async (method, path, headers = {}, body) => {
        const init: RequestInit = { method, headers }
        if (body !== undefined) init.body = new Uint8Array(Buffer.from(body))
        const response = await app(new Request(ORIGIN + path, init))
        const all: Record<string, string | string[]> = Object.fromEntries(response.headers)
        const cookies = response.headers.getSetCookie()
        if (cookies.length > 0) all["set-cookie"] = cookies
        return { status: response.status, headers: all, body: await response.text() }
      }
    })

    after(async () => {
      server?.close()
      server?.closeAllConnections()
      await latch.close()
    })

    it("puts the guard's headers on every answer, whatever the application does", async () => {
      for (const path of PATHS) {
        const answer = await ask("GET", `/app/${path}`)
        assert.equal(answer.headers["x-content-type-options"], "nosniff", path)
        assert.match(String(answer.headers.vary), /Origin/, path)
        assert.match(String(answer.headers["content-security-policy"]), /frame-ancestors/, path)
        assert.equal(answer.headers["x-frame-options"], "DENY", path)
      }
    })

    it("keeps what the application may decide, and joins Vary", async () => {
      assert.match(String((await ask("GET", "/app/vary")).headers.vary), /Accept/)
      assert.equal((await ask("GET", "/app/cached")).headers["cache-control"], "public, max-age=60")
      assert.match(
        String((await ask("GET", "/app/page")).headers["content-security-policy"]),
        /frame-ancestors 'self'/,
      )
      assert.deepEqual((await ask("GET", "/app/cookies")).headers["set-cookie"], ["a=1", "b=2"])
      assert.equal((await ask("GET", "/app/stream")).body, "onetwo")
      assert.equal((await ask("GET", "/app/unchanged")).status, 304)
      assert.equal((await ask("GET", "/app/throw")).status, 500)
      // On fetch the runtime cuts the body off.
      if (kind !== "web") assert.equal((await ask("HEAD", "/app/ok")).body, "")
    })

    it("lets nobody but itself speak of other origins", async () => {
      const said = (answer: Answer) =>
        Object.entries(answer.headers).filter(([name]) => name.startsWith("access-control-"))
      for (const path of PATHS) {
        for (const origin of ["https://evil.example", ORIGIN])
          assert.deepEqual(said(await ask("GET", `/app/${path}`, { origin })), [], `${path} to ${origin}`)
        assert.deepEqual(said(await ask("GET", `/app/${path}`)), [], path)
        const listed = await ask("GET", `/app/${path}`, { origin: LISTED })
        assert.equal(listed.headers["access-control-allow-origin"], LISTED, path)
        assert.equal(listed.headers["access-control-allow-credentials"], "true")
        assert.doesNotMatch(JSON.stringify(said(listed)), /evil|x-secret|86400|DELETE|private/, path)
      }
    })

    it("hands the session over, and keeps the refresh cookie to itself", async () => {
      assert.equal((await ask("GET", "/app/ok")).body, "nobody")
      assert.equal((await ask("GET", "/app/ok", { cookie })).body, userId)
      const seen = (await ask("GET", "/app/refresh", { cookie: `theme=dark; ${cookie}` })).body
      assert.match(seen, /theme=dark/)
      assert.match(seen, /access_token/)
      assert.doesNotMatch(seen, /refresh_token/)
    })

    it("answers flows and refusals itself", async () => {
      const me = await ask("GET", "/auth/me", { cookie })
      assert.equal(me.status, 200)
      assert.equal((JSON.parse(me.body) as { userId: string }).userId, userId)
      assert.equal((await ask("GET", "/private")).status, 401)
      assert.equal((await ask("GET", "/app/ok", { host: "evil.example" })).status, 421)
      assert.equal((await ask("GET", "/%ff")).status, 401)
      const login = await ask("POST", "/auth/login", { "content-type": "application/json" }, "{")
      assert.equal(login.status, 400)
      assert.match(String(login.headers["content-type"]), /^application\/problem\+json/)
    })

    it("refuses large bodies, declared or not, for flows and for the application", async () => {
      const large = Buffer.alloc(200_000, 97)
      const declared = { "content-type": "application/json", "content-length": String(large.byteLength) }
      assert.equal((await ask("POST", "/auth/login", declared, large)).status, 413)
      assert.equal((await ask("POST", "/app/upload", declared, large)).status, 413)
      for (const path of ["/auth/login", "/app/upload"]) {
        const refused = await streamed(path, large)
        assert.equal(refused.status, 413, path)
        assert.match(refused.text, /body\.too_large/)
        assert.match(refused.text, /nosniff/)
      }
    })

    it("hands a body of unknown length over whole while it is small", async () => {
      const small = await streamed("/app/upload", Buffer.alloc(65_536, 97))
      assert.equal(small.status, 200)
      assert.match(small.text, /65536$/)
    })

    it("is misuse to ask for a session where no guard stood", () => {
      assert.throws(() => sessionOf({} as IncomingMessage), MisuseError)
    })
  })
}

/** A chunked upload by hand, so that nothing declares its length. Returns the answer. */
function sendChunked(port: number, path: string, body: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    const done = () => {
      socket.destroy()
      resolve(text)
    }
    socket.setEncoding("latin1")
    socket.on("data", (chunk: string) => {
      text += chunk
    })
    socket.on("error", done)
    socket.on("close", done)
    socket.setTimeout(5000, done)
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${HOST}\r\nOrigin: ${ORIGIN}\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    for (let at = 0; at < body.byteLength; at += 10_000) {
      const piece = body.subarray(at, at + 10_000)
      socket.write(`${piece.byteLength.toString(16)}\r\n`)
      socket.write(piece)
      socket.write("\r\n")
    }
    socket.write("0\r\n\r\n")
  })
}
