/** An application beside the service on one host: what reaches it, and what does not. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import { connect as connectHttp2 } from "node:http2"
import type { AddressInfo } from "node:net"
import { after, before, it } from "node:test"
import { DOMAIN, type Edge, openEdge, putCertificate, startEdge } from "./edge.ts"
import { openScratch, withPrograms } from "./programs.ts"
import { visit } from "./visitor.ts"

interface Heard {
  readonly by: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

withPrograms("an application behind the bundle's nginx", ["nginx", "envsubst"], () => {
  const scratch = openScratch()
  const servers: Server[] = []
  let edge: Edge
  let ca = ""
  const echo = async (by: string): Promise<string> => {
    const server = createServer((request, response) => {
      response.end(JSON.stringify({ by, url: request.url, headers: request.headers }))
    }).listen(0, "127.0.0.1")
    servers.push(server)
    await once(server, "listening")
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const heard = async (path: string, headers: Record<string, string | string[]> = {}): Promise<Heard> => {
    const got = await visit({ port: edge.https, ca, path, headers })
    assert.equal(got.status, 200, got.text)
    return JSON.parse(got.text) as Heard
  }

  before(async () => {
    edge = await openEdge(scratch, {
      upstream: await echo("service"),
      variants: {
        "routes.inc.template": "routes-application.inc.template",
        "application.conf.template": "application.conf.template",
      },
      variables: { LATCH_APPLICATION: await echo("application") },
    })
    ca = putCertificate(scratch)
    await startEdge(edge)
  })
  after(async () => {
    await edge.stop()
    for (const server of servers) server.close()
    scratch.remove()
  })

  it("leads the sign-in to the service and everything else to the application", async () => {
    for (const path of ["/auth/login", "/auth", "/auth/", "/.well-known/jwks.json", "/healthz"])
      assert.equal((await heard(path)).by, "service", path)
    for (const path of ["/", "/orders", "/authentic", "//auth/login", "/AUTH/login"])
      assert.equal((await heard(path)).by, "application", path)
  })

  it("keeps the refresh cookie from the application", async () => {
    const refresh = "__Host-Http-refresh_token=nlr_secret"
    const access = "__Host-Http-access_token=a.b.c"
    for (const [cookie, expected] of [
      [`${refresh}`, undefined],
      [`${access}; ${refresh}`, access],
      [`${refresh}; ${access}`, access],
      [`a=1; ${refresh}; ${access}; b=2`, `a=1; ${access}; b=2`],
      [`a=1;${refresh};b=2`, "a=1;b=2"],
      [`a=1; ${refresh.replace("=", " = ")}; b=2`, "a=1; b=2"],
      ["a=1; __host-HTTP-Refresh_Token=nlr_secret", "a=1"],
      [`__Secure-refresh_token=nlr_secret; a=1`, "a=1"],
      [`${refresh}; ${refresh}; a=1`, undefined],
      [`a=1; my_other=refresh`, "a=1; my_other=refresh"],
    ] as const) {
      const { headers } = await heard("/orders", { cookie })
      assert.equal(headers.cookie?.trim().replace(/;$/, ""), expected, cookie)
    }
    const lines = await heard("/orders", { cookie: [access, refresh, "b=2"] })
    assert.doesNotMatch(JSON.stringify(lines.headers), /nlr_secret/)
    // HTTP/2 may send each cookie as a header of its own.
    const session = connectHttp2(`https://127.0.0.1:${edge.https}`, { ca, servername: DOMAIN })
    const stream = session.request({
      ":path": "/orders",
      ":authority": DOMAIN,
      cookie: [access, refresh, "b=2"],
    })
    const parts = await stream.setEncoding("utf8").toArray()
    session.destroy()
    assert.equal((JSON.parse(parts.join("")) as Heard).headers.cookie?.trim(), `${access}; b=2`)
    assert.match(String((await heard("/auth/refresh", { cookie: refresh })).headers.cookie), /nlr_secret/)
  })

  it("overwrites what a client says about its address, name and scheme", async () => {
    const names = [
      ..."X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Server X-Original-Forwarded-For X-Original-URL".split(
        " ",
      ),
      ..."X-Rewrite-URL X-Real-IP X-Client-IP Client-IP True-Client-IP CF-Connecting-IP CF-Connecting-IPv6".split(
        " ",
      ),
      ..."Fastly-Client-IP Fly-Client-IP Forwarded Via Proxy X-Forwarded-Proto".split(" "),
    ]
    const forged = Object.fromEntries(names.map((name) => [name, "203.0.113.7"]))
    for (const path of ["/auth/me", "/orders"]) {
      const { headers } = await heard(path, { ...forged, x_forwarded_for: "203.0.113.7" })
      assert.equal(headers["x-forwarded-for"], "127.0.0.1")
      assert.equal(headers["x-forwarded-proto"], "https")
      assert.equal(headers.host, "latch.example.com")
      assert.doesNotMatch(JSON.stringify(headers), /203\.0\.113/, path)
    }
  })
})
