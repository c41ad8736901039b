/** What the bundle's nginx lets through, leads on, and refuses before the service hears of it. */
import assert from "node:assert/strict"
import { connect as connectHttp2 } from "node:http2"
import { it } from "node:test"
import { connect } from "node:tls"
import { command } from "../service/process.ts"
import { useBundle } from "./bundle.ts"
import { DOMAIN, HAS_IPV6, openEdge, putCertificate, startEdge } from "./edge.ts"
import { openScratch, own, run, withPrograms } from "./programs.ts"
import { speak, statusesOf, statusOf, visit } from "./visitor.ts"

withPrograms("the bundle's nginx", ["nginx", "envsubst"], () => {
  const scratch = openScratch()
  const bundle = useBundle(scratch)
  const refusals = () =>
    bundle.behind.running.output.text.split("\n").filter((line) => line.includes('"refused"'))
  const plain = (text: string, from?: string) =>
    speak({ port: bundle.edge.http, tls: false, ...(from === undefined ? {} : { from }) }, text)
  const secure = (text: string | Buffer) => speak({ port: bundle.edge.https, tls: true }, text)

  it("leads pages from plain http to https and refuses everything else", async () => {
    const ask = (line: string, ...headers: readonly string[]) =>
      plain(`${[line, `Host: ${DOMAIN}`, ...headers].join("\r\n")}\r\n\r\n`)
    for (const [line, ...headers] of [
      ["GET /auth/sign-in?return=/x HTTP/1.1", "Accept: text/html,*/*"],
      ["HEAD /auth/sign-in?return=/x HTTP/1.1", "Accept: text/html"],
      ["GET /auth/sign-in?return=/x HTTP/1.1", "Sec-Fetch-Mode: navigate", "Accept: application/json"],
    ] as const) {
      const answer = await ask(line, ...headers)
      assert.equal(statusOf(answer), 308, `${line} ${headers}\n${answer}`)
      assert.match(answer, new RegExp(`\r\nLocation: https://${DOMAIN}/auth/sign-in\\?return=/x\r\n`))
    }
    for (const [line, ...headers] of [
      ["GET / HTTP/1.1"],
      ["GET / HTTP/1.1", "Accept: application/json"],
      ["GET / HTTP/1.1", "Accept: text/html", "Authorization: Bearer x"],
      ["GET / HTTP/1.1", "Accept: text/html", "Sec-Fetch-Mode: cors"],
      ["GET / HTTP/1.1", "Accept: application/json, text/html"],
      ["DELETE / HTTP/1.1", "Accept: text/html"],
      ["POST /auth/login HTTP/1.1", "Accept: text/html", "Content-Length: 0"],
      ["POST /auth/login HTTP/1.1", "Accept: text/html", "Sec-Fetch-Mode: navigate", "Content-Length: 0"],
    ] as const) {
      const answer = await ask(line, ...headers)
      assert.equal(statusOf(answer), 403, `${line} ${headers}\n${answer}`)
      assert.match(answer, /\r\nContent-Type: application\/problem\+json\r\n[\s\S]*"code":"https\.required"/)
      assert.doesNotMatch(answer, /Location:/i)
    }
    const odd = await ask("GET //evil.example/ HTTP/1.1", "Accept: text/html")
    assert.match(odd, new RegExp(`Location: https://${DOMAIN}//evil\\.example/\r\n`))
    assert.deepEqual(refusals(), [], "the service hears of none of it")
  })

  it("answers the challenge's files and nothing beside them", async () => {
    const made = await run(
      [
        "sh",
        "-c",
        "mkdir -p webroot/.well-known/acme-challenge && echo yes >webroot/.well-known/acme-challenge/token_1-A && echo no >webroot/secret",
      ],
      {},
      scratch.path,
    )
    assert.equal(made.code, 0, made.output)
    own(scratch.path)
    const at = (path: string, method = "GET") =>
      plain(`${method} ${path} HTTP/1.1\r\nHost: ${DOMAIN}\r\n\r\n`)
    assert.match(
      await at("/.well-known/acme-challenge/token_1-A"),
      /^HTTP\/1\.1 200[\s\S]*text\/plain[\s\S]*yes/,
    )
    const secured = await bundle.visit({ path: "/.well-known/acme-challenge/token_1-A" })
    assert.equal(secured.text, "yes\n")
    assert.equal(statusOf(await at("/.well-known/acme-challenge/other")), 404)
    for (const path of [
      "/../../secret",
      "/%2e%2e/%2e%2e/secret",
      "/..%2f..%2fsecret",
      "/token_1-A/../../../secret",
      "/",
    ])
      assert.doesNotMatch(await at(`/.well-known/acme-challenge${path}`), /no\n/, path)
    assert.equal(statusOf(await at("/.well-known/acme-challenge/token_1-A", "DELETE")), 403)
  })

  it("knows one name: others get no answer by http and no handshake by https", async () => {
    for (const host of ["evil.example", "127.0.0.1", `${DOMAIN}.evil.example`, ""])
      assert.doesNotMatch(
        await plain(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
        /200|308|403|Location/,
        host,
      )
    assert.doesNotMatch(await plain("GET / HTTP/1.0\r\n\r\n"), /200|308|403/)
    for (const name of ["evil.example", "www.latch.example.com"])
      assert.match(await speak({ port: bundle.edge.https, tls: true, name }, "x"), /^error: ERR_SSL/)
    const unnamed = connect({ host: "127.0.0.1", port: bundle.edge.https, rejectUnauthorized: false })
    const why = await new Promise<string>((resolve) => {
      unnamed.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"))
      unnamed.on("secureConnect", () => resolve("a handshake"))
    })
    unnamed.destroy()
    assert.match(why, /ERR_SSL/)
    // A connection for our name, and another name in the request.
    assert.equal(statusOf(await secure("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n")), 421)
    assert.equal(statusOf(await secure(`GET /healthz HTTP/1.1\r\nHost: ${DOMAIN}:443\r\n\r\n`)), 200)
  })

  it("speaks HTTP/2, and there as well knows one name", async () => {
    const session = connectHttp2(`https://127.0.0.1:${bundle.edge.https}`, {
      ca: bundle.ca,
      servername: DOMAIN,
    })
    const ask = (headers: Record<string, string>) =>
      new Promise<{ status: number; names: string[] }>((resolve, reject) => {
        const stream = session.request(headers)
        stream.on("response", (got) => resolve({ status: Number(got[":status"]), names: Object.keys(got) }))
        stream.on("error", reject)
        stream.resume()
      })
    const good = await ask({ ":path": "/auth/me", ":authority": DOMAIN })
    assert.equal(good.status, 401)
    assert.ok(good.names.includes("strict-transport-security"))
    assert.equal((await ask({ ":path": "/auth/me", ":authority": "evil.example" })).status, 421)
    session.destroy()
  })

  it("refuses what two parsers could read in two ways", async () => {
    const host = `Host: ${DOMAIN}`
    const hidden = "GET /smuggled HTTP/1.1\r\nHost: latch.example.com\r\n\r\n"
    const rows: readonly (readonly [string, string])[] = [
      ["two Hosts", `GET /healthz HTTP/1.1\r\n${host}\r\nHost: evil.example\r\n\r\n`],
      ["the same Host twice", `GET /healthz HTTP/1.1\r\n${host}\r\n${host}\r\n\r\n`],
      ["no Host", "GET /healthz HTTP/1.1\r\n\r\n"],
      ["a whole URL of ours", `GET https://${DOMAIN}/healthz HTTP/1.1\r\n${host}\r\n\r\n`],
      ["a whole URL of another", `GET http://evil.example/healthz HTTP/1.1\r\n${host}\r\n\r\n`],
      [
        "a whole URL of ours, and another Host",
        `GET https://${DOMAIN}/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
      ],
      [
        "CL and TE",
        `POST /auth/login HTTP/1.1\r\n${host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      ],
      [
        "two lengths",
        `POST /auth/login HTTP/1.1\r\n${host}\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n${hidden}`,
      ],
      ["a length with a sign", `POST /auth/login HTTP/1.1\r\n${host}\r\nContent-Length: +0\r\n\r\n${hidden}`],
      ["a list of lengths", `POST /auth/login HTTP/1.1\r\n${host}\r\nContent-Length: 0, 0\r\n\r\n${hidden}`],
      [
        "an unknown encoding",
        `POST /auth/login HTTP/1.1\r\n${host}\r\nTransfer-Encoding: xchunked\r\n\r\n${hidden}`,
      ],
      [
        "two encodings",
        `POST /auth/login HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`,
      ],
      [
        "a blank before the colon",
        `POST /auth/login HTTP/1.1\r\n${host}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`,
      ],
      [
        "a broken chunk",
        `POST /auth/login HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n${hidden}`,
      ],
      ["a method for proxies", `CONNECT ${DOMAIN}:443 HTTP/1.1\r\n${host}\r\n\r\n`],
      ["HTTP/3 by name", `GET /healthz HTTP/3.0\r\n${host}\r\n\r\n`],
    ]
    const before = bundle.behind.running.output.text
    for (const [name, text] of rows) {
      const answer = await secure(text)
      const [first, ...more] = [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) =>
        Number(status),
      )
      assert.ok((first ?? 0) >= 400 && (first ?? 0) < 600, `${name}: ${answer.slice(0, 200)}`)
      assert.deepEqual(more, [], `${name}: ${answer}`)
    }
    const heard = bundle.behind.running.output.text.slice(before.length)
    assert.doesNotMatch(heard, /smuggled/)
  })

  it("bounds head and body before the service sees them", async () => {
    const long = await secure(
      `GET /healthz HTTP/1.1\r\nHost: ${DOMAIN}\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`,
    )
    assert.equal(statusOf(long), 400)
    assert.equal(
      statusOf(await secure(`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: ${DOMAIN}\r\n\r\n`)),
      414,
    )
    const large = await bundle.visit({
      path: "/auth/login",
      method: "POST",
      body: Buffer.alloc(65_537),
      headers: { "content-type": "application/json" },
    })
    assert.equal(large.status, 413)
    assert.equal((JSON.parse(large.text) as { code: string }).code, "proxy.too_large")
    assert.match(String(large.headers["strict-transport-security"]), /^max-age=31536000/)
  })

  it("sends each header once and tells no version", async () => {
    for (const path of ["/auth/sign-in", "/auth/me", "/nowhere", "/readyz"]) {
      const { rawHeaders, headers, text, status } = await bundle.visit({ path })
      const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
      const once = names.filter((name) => name !== "set-cookie")
      assert.deepEqual([...new Set(once)], once, path)
      assert.equal(headers["strict-transport-security"], "max-age=31536000; includeSubDomains", path)
      assert.equal(headers.server, "nginx", path)
      assert.doesNotMatch(text, /nginx\/\d/, path)
      if (path === "/readyz") assert.equal(status, 404)
    }
  })

  it("tells the service the client's own address, whatever the client says", async () => {
    const forged = Object.fromEntries(
      ["X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "Forwarded"].map(
        (name) => [name, name === "Forwarded" ? "for=203.0.113.7;proto=http" : "203.0.113.7"],
      ),
    )
    const login = await bundle.visit({
      path: "/auth/login",
      json: { email: "ada@example.com", password: "violet kettle ninety moss" },
      headers: { ...forged, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example" },
      from: "127.0.7.9",
    })
    assert.equal(login.status, 401, login.text)
    const events = await command(bundle.behind.folder, ["events"])
    assert.match(events.out, /from 127\.0\.7\.0\/24$/m, events.out + events.error)
    assert.doesNotMatch(events.out, /203\.0\.113/)
  })

  it("is reached by IPv6 as well, and tells that address", async (t) => {
    if (!HAS_IPV6) {
      t.skip("no IPv6 on this machine")
      return
    }
    const json = { email: "eve@example.com", password: "violet kettle ninety moss" }
    const headers = { "X-Forwarded-For": "2001:db8::7" }
    const options = { host: "::1" }
    const got = await bundle.visit({ path: "/auth/login", json, headers, options })
    assert.equal(got.status, 401, got.text)
    const { out } = await command(bundle.behind.folder, ["events"])
    assert.match(out, /from ::\/\d+$/m)
    assert.doesNotMatch(out, /2001:db8/)
  })

  it("shows the operator that the lines hold which depend on it", async () => {
    const { text, status } = await bundle.visit({
      path: "/",
      headers: { accept: "application/json", authorization: `Bearer ${bundle.behind.operatorToken}` },
    })
    assert.equal(status, 200, text)
    const { lines } = JSON.parse(text) as { lines: { id: string; state: string; why: string }[] }
    for (const id of ["https", "proxy", "overload", "header"])
      assert.equal(lines.find((line) => line.id === id)?.state, "holds", id)
  })

  it("says 503 and when to come again while the service is away", async () => {
    const alone = openScratch()
    const lonely = await openEdge(alone, { upstream: "127.0.0.1:1" })
    const root = putCertificate(alone)
    try {
      await startEdge(lonely)
      const { status, headers, text } = await visit({ port: lonely.https, ca: root, path: "/auth/me" })
      assert.deepEqual([status, headers["retry-after"]], [503, "5"], text)
      assert.equal((JSON.parse(text) as { code: string }).code, "proxy.unavailable")
      assert.match(String(headers["strict-transport-security"]), /^max-age=31536000/)
    } finally {
      await lonely.stop()
      alone.remove()
    }
  })

  it("limits one client and not its neighbours", async () => {
    // All on one connection, so that no clock but nginx's counts.
    const text = `GET /healthz HTTP/1.1\r\nHost: ${DOMAIN}\r\n\r\n`.repeat(250)
    const answers = await speak({ port: bundle.edge.https, tls: true, from: "127.0.8.1" }, text)
    const statuses = statusesOf(answers)
    assert.equal(statuses.length, 250)
    const refused = statuses.filter((status) => status === 429).length
    assert.ok(refused > 50 && refused < 200, `${refused}`)
    assert.match(answers, /HTTP\/1\.1 429 [^\r]*\r\n[\s\S]*?Retry-After: 1\r\n/)
    const neighbour = await bundle.visit({ from: "127.0.8.2" })
    assert.equal(neighbour.status, 200)
  })
})
