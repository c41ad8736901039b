import assert from "node:assert/strict"
import { once } from "node:events"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { after, before, describe, it } from "node:test"
import { createAdaptorServer } from "@hono/node-server"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { type Latch, nightlatch } from "../../src/index.ts"
import { createService, publicRoutes } from "./service.ts"

describe("a service of one's own", () => {
  let latch: Latch
  let server: Server
  let base: string
  let reader: string
  let admin: string

  before(async () => {
    // The port is part of the origin, so the socket comes first.
    let service: ReturnType<typeof createService> | undefined
    const fetch = (request: Request, env: object) =>
      service?.fetch(request, env) ?? new Response(null, { status: 503 })
    server = createAdaptorServer({ fetch, hostname: "127.0.0.1" }) as Server
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    latch = await nightlatch({ origin: base, secret: generateSecret(), database: ":memory:", publicRoutes })
    service = createService(latch)
    reader = (await latch.testing.signIn({ email: "reader@example.com" })).cookie
    admin = (await latch.testing.signIn({ email: "admin@example.com", roles: ["admin"] })).cookie
  })

  after(async () => {
    server.close()
    server.closeAllConnections()
    await latch.close()
  })

  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(base + path, { redirect: "manual", ...init })

  it("shows strangers what is public and nothing else", async () => {
    assert.equal(await (await ask("/")).text(), "Welcome, stranger.")
    assert.deepEqual(await (await ask("/products/7")).json(), { id: "7" })
    for (const path of ["/orders", "/admin", "/products/%2e%2e/orders", "//orders", "/no-such-thing"]) {
      assert.equal((await ask(path)).status, 401, path)
    }
  })

  it("serves signed-in users, each their own", async () => {
    const orders = await ask("/orders", { headers: { cookie: reader } })
    assert.equal(orders.status, 200)
    assert.equal(orders.headers.get("x-content-type-options"), "nosniff")
    assert.match(orders.headers.get("vary") ?? "", /Origin/)
    assert.equal((await ask("/no-such-thing", { headers: { cookie: reader } })).status, 404)
  })

  it("opens the role's route to the role alone", async () => {
    assert.equal((await ask("/admin", { headers: { cookie: reader } })).status, 403)
    assert.equal((await ask("/admin", { headers: { cookie: admin } })).status, 200)
  })

  it("refuses another site's request with the visitor's cookies", async () => {
    const attacks: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `${base}.evil.example` },
      { origin: base.replace("http:", "https:") },
      { "sec-fetch-site": "cross-site" },
      { "content-type": "application/x-www-form-urlencoded" },
      {},
    ]
    for (const headers of attacks) {
      const answer = await ask("/orders", { method: "POST", headers: { cookie: reader, ...headers } })
      assert.equal(answer.status, 403, JSON.stringify(headers))
      assert.equal(answer.headers.get("access-control-allow-origin"), null)
    }
  })

  it("counts its own limit per user and consumes nothing when it refuses", async () => {
    const order = (cookie: string) => ask("/orders", { method: "POST", headers: { cookie, origin: base } })
    for (let time = 0; time < 5; time++) assert.equal((await order(reader)).status, 201)
    const refused = await order(reader)
    assert.equal(refused.status, 429)
    assert.ok(Number(refused.headers.get("retry-after")) <= 12)
    assert.equal((await order(admin)).status, 201)
  })

  it("ends a session at once", async () => {
    const gone = await latch.testing.signIn({ email: "leaver@example.com" })
    assert.equal((await ask("/orders", { headers: { cookie: gone.cookie } })).status, 200)
    assert.equal(
      (await ask("/auth/logout", { method: "POST", headers: { cookie: gone.cookie, origin: base } })).status,
      204,
    )
    assert.equal((await ask("/orders", { headers: { cookie: gone.cookie } })).status, 401)
  })
})
