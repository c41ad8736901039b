/** docs/deploy/caddy.md: its Caddyfile in a real Caddy, with the service behind. Only ports and the authority are others. */
import assert from "node:assert/strict"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, it } from "node:test"
import { command, freePort } from "../service/process.ts"
import { DOMAIN } from "./edge.ts"
import { openScratch, own, type Program, ROOT, start, until, withPrograms } from "./programs.ts"
import { type Behind, startBehind } from "./service.ts"
import { speak, statusOf, visit } from "./visitor.ts"

withPrograms("the service behind Caddy", ["caddy"], () => {
  const scratch = openScratch()
  let behind: Behind
  let caddy: Program
  let http = 0
  let https = 0
  let ca = ""

  before(async () => {
    behind = await startBehind(scratch)
    http = await freePort()
    https = await freePort()
    const page = readFileSync(join(ROOT, "docs/deploy/caddy.md"), "utf8")
    const file = /^```caddyfile\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? ""
    const here = `{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n\thttp_port ${http}\n\thttps_port ${https}\n`
    writeFileSync(
      scratch.at("Caddyfile"),
      file.replace("{\n", here).replace("127.0.0.1:3000", `127.0.0.1:${behind.running.port}`),
    )
    own(scratch.path)
    caddy = start(
      ["caddy", "run", "--adapter", "caddyfile", "--config", scratch.at("Caddyfile")],
      { LATCH_DOMAIN: DOMAIN },
      scratch.path,
      scratch.at("caddy.log"),
    )
    const root = scratch.at(".local/share/caddy/pki/authorities/local/root.crt")
    await until(() => existsSync(root), 20, caddy.output)
    ca = readFileSync(root, "utf8")
    await until(
      () =>
        visit({ port: https, ca }).then(
          ({ status }) => status === 200,
          () => false,
        ),
      20,
      caddy.output,
    )
  })
  after(async () => {
    await caddy.stop()
    await behind.stop()
    scratch.remove()
  })

  const plain = (line: string, ...headers: readonly string[]) =>
    speak(
      { port: http, tls: false },
      `${[line, `Host: ${DOMAIN}`, "Connection: close", ...headers].join("\r\n")}\r\n\r\n`,
    )

  it("leads pages to https and refuses everything else", async () => {
    for (const headers of [["Accept: text/html,*/*"], ["Sec-Fetch-Mode: navigate"]]) {
      const answer = await plain("GET /auth/sign-in?return=/x HTTP/1.1", ...headers)
      assert.equal(statusOf(answer), 308, answer)
      assert.match(answer, new RegExp(`Location: https://${DOMAIN}/auth/sign-in\\?return=/x\r\n`))
    }
    for (const [line, ...headers] of [
      ["GET / HTTP/1.1", "Accept: application/json"],
      ["GET / HTTP/1.1", "Accept: text/html", "Authorization: Bearer x"],
      ["GET / HTTP/1.1", "Accept: text/html", "Sec-Fetch-Mode: cors"],
      ["POST /auth/login HTTP/1.1", "Accept: text/html", "Content-Length: 0"],
    ] as const) {
      const answer = await plain(line, ...headers)
      assert.equal(statusOf(answer), 403, answer)
      assert.match(answer, /"code":"https\.required"/)
    }
    assert.equal(
      statusOf(await speak({ port: http, tls: false }, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")),
      0,
    )
    assert.match(await speak({ port: https, tls: true, name: "evil.example" }, "x"), /^error/)
  })

  it("tells the service the client's own address, whatever the client says", async () => {
    const forged = Object.fromEntries(
      ["X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "Forwarded"].map((name) => [name, "203.0.113.7"]),
    )
    const login = await visit({
      port: https,
      ca,
      path: "/auth/login",
      json: { email: "ada@example.com", password: "violet kettle ninety moss" },
      headers: forged,
      from: "127.0.7.9",
    })
    assert.equal(login.status, 401, login.text)
    const { out } = await command(behind.folder, ["events"])
    assert.match(out, /from 127\.0\.7\.0\/24$/m)
    assert.doesNotMatch(out, /203\.0\.113/)
  })

  it("sends each header once and bounds bodies", async () => {
    const { rawHeaders, headers } = await visit({ port: https, ca, path: "/auth/sign-in" })
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    assert.deepEqual([...new Set(names)].sort(), [...names].sort())
    assert.equal(headers["strict-transport-security"], "max-age=31536000; includeSubDomains")
    assert.equal(headers.server, undefined)
    assert.equal((await visit({ port: https, ca, path: "/readyz" })).status, 404)
    const large = await visit({
      port: https,
      ca,
      path: "/auth/login",
      body: Buffer.alloc(70_000),
      headers: { "content-type": "application/json" },
    })
    assert.equal(large.status, 413)
  })
})
