/** What another site, another host or a careless client sends: nothing changes, and nothing is told. */
import assert from "node:assert/strict"
import { connect } from "node:net"
import { after, before, describe, it } from "node:test"
import fc from "fast-check"
import { ENGINE } from "../flows/engine.ts"
import { type Browser, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"

/** What looks into one process is not played on several. */
function itInOne(name: string, body: () => Promise<void>): void {
  if (ENGINE !== "fleet") it(name, body)
}

const LISTED = "http://localhost:5173"
const long = process.env.NIGHTLATCH_TEST_SCALE === "long"

describe("another site", () => {
  let stage: Stage
  let victim: Browser

  before(async () => {
    stage = await openStage({ cors: { origins: [LISTED] } })
    victim = await signUp(stage, "victim@example.com")
  })
  after(() => stage.close())

  const UNSAFE: readonly [string, string, object | undefined][] = [
    ["POST", "/auth/logout", undefined],
    ["POST", "/auth/refresh", undefined],
    ["POST", "/auth/login", { email: "attacker@example.com", password: PASSWORD }],
    ["POST", "/auth/register", { email: "attacker@example.com" }],
    [
      "POST",
      "/auth/password/change",
      { currentPassword: PASSWORD, newPassword: "seven copper lanterns drift" },
    ],
    ["DELETE", "/auth/sessions", undefined],
  ]
  const FOREIGN: readonly [string, Record<string, string>][] = [
    ["a form", { origin: "https://evil.example", "content-type": "application/x-www-form-urlencoded" }],
    ["JSON", { origin: "https://evil.example", "content-type": "application/json" }],
    ["a sandboxed frame", { origin: "null" }],
    ["no Origin, cross-site", { origin: "", "sec-fetch-site": "cross-site" }],
    ["the https twin", { origin: "TWIN" }],
    ["a suffix", { origin: "SUFFIX" }],
    ["another port", { origin: "http://localhost:1" }],
  ]
  for (const [method, path, json] of UNSAFE) {
    it(`changes nothing at ${method} ${path}`, async () => {
      for (const [what, given] of FOREIGN) {
        const headers = { ...given }
        if (headers.origin === "TWIN") headers.origin = stage.base.replace("http:", "https:")
        if (headers.origin === "SUFFIX") headers.origin = `${stage.base}.evil.example`
        const answer = await victim
          .copy()
          .ask(path, { method, headers, ...(json === undefined ? {} : { json }) })
        assert.equal(answer.status, 403, what)
        assert.deepEqual(answer.setCookies, [], what)
        for (const name of Object.keys(answer.headers)) assert.doesNotMatch(name, /^access-control/, what)
        assert.match(String(answer.headers.vary), /Origin/, what)
      }
      assert.equal((await victim.ask("/auth/me")).status, 200)
    })
  }

  it("a form of a browser without Origin and Fetch Metadata changes nothing either", async () => {
    const cookie = [...victim.jar].map(([name, value]) => `${name}=${value}`).join("; ")
    for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""]) {
      const headers = { cookie, ...(type === "" ? {} : { "content-type": type }) }
      const answer = await stage.ask("/auth/logout", { method: "POST", headers, body: "a=b" })
      assert.deepEqual([answer.status, answer.json.code], [403, "csrf.unproven"], type)
    }
    assert.equal((await victim.ask("/auth/me")).status, 200)
  })

  it("a listed origin reads answers, refusals too, and gets a preflight", async () => {
    const me = await victim.copy().ask("/auth/me", { headers: { origin: LISTED } })
    assert.equal(me.headers["access-control-allow-origin"], LISTED)
    const refused = await stage.ask("/auth/me", { headers: { origin: LISTED } })
    assert.deepEqual([refused.status, refused.headers["access-control-allow-origin"]], [401, LISTED])
    const preflight = await stage.ask("/auth/login", {
      method: "OPTIONS",
      headers: {
        origin: LISTED,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    })
    assert.equal(preflight.status, 204)
  })

  it("a foreign host gets 421 and a foreign forwarded host nothing at all", async () => {
    for (const host of [
      "evil.example",
      "localhost",
      "127.0.0.1",
      `${stage.base.slice(7)}.evil.example`,
      "",
    ]) {
      assert.equal((await stage.ask("/auth/me", { headers: { host } })).status, 421, host)
    }
    await stage.ask("/auth/register", {
      json: { email: "links@example.com" },
      headers: {
        "x-forwarded-host": "evil.example",
        forwarded: "host=evil.example",
        "x-forwarded-proto": "https",
      },
    })
    await stage.tokenFor("links@example.com")
    const mail = stage.latch.inbox?.list().find(({ to }) => to === "links@example.com")
    assert.ok(mail?.link?.startsWith(`${stage.base}/auth/register#token=`))
    assert.doesNotMatch(JSON.stringify(mail), /evil/)
  })

  // Each process has an inbox of its own.
  itInOne("the development inbox is for this machine with its key, and for nobody else", async () => {
    const key = stage.latch.developmentKey ?? ""
    const bearer = { authorization: `Bearer ${key}`, accept: "application/json" }
    assert.equal((await stage.ask("/auth/dev/inbox", { headers: bearer })).status, 200)
    const link = await stage.ask(`/auth/dev/inbox?key=${key}`)
    assert.deepEqual([link.status, link.headers.location], [303, "/auth/dev/inbox"])
    const cookie = link.setCookies[0]?.split(";")[0] ?? ""
    assert.match(link.setCookies[0] ?? "", /HttpOnly; SameSite=Strict/)
    const page = await stage.ask("/auth/dev/inbox", { headers: { cookie } })
    assert.equal(page.status, 200)
    assert.match(page.text, /links@example\.com|victim@example\.com/)
    const refused: Record<string, string>[] = [
      { accept: "application/json" },
      { ...bearer, authorization: `Bearer ${key.slice(1)}A` },
      { ...bearer, "x-forwarded-for": "127.0.0.1" },
      { ...bearer, forwarded: "for=127.0.0.1" },
      { ...bearer, via: "1.1 proxy" },
      { ...bearer, "cf-connecting-ip": "127.0.0.1" },
      { cookie: `${cookie}; ${cookie}` },
    ]
    for (const headers of refused)
      assert.equal((await stage.ask("/auth/dev/inbox", { headers })).status, 404, JSON.stringify(headers))
    assert.equal((await stage.ask("/auth/dev/inbox?key=wrong")).status, 404)
    const hinted = async (headers: Record<string, string>) =>
      (await stage.ask("/auth/dev/inbox", { headers: { accept: "text/html", ...headers } })).text.includes(
        "terminal",
      )
    assert.equal(await hinted({}), true, "a person at this machine is told where the key is")
    assert.equal(await hinted({ "x-forwarded-for": "127.0.0.1" }), false)
    const deployed = await openStage({ mail: { sendMail: async () => {} } })
    assert.equal((await deployed.ask("/auth/dev/inbox", { headers: bearer })).status, 404)
    await deployed.close()
  })
})

describe("garbage", () => {
  let stage: Stage
  let someone: Browser
  before(async () => {
    stage = await openStage({ bearer: true })
    someone = await signUp(stage, "someone@example.com")
  })
  after(() => stage.close())

  /** Every route there is, its parameter filled in, and paths that are none. */
  const paths = () =>
    fc.constantFrom("/", "/x", "/auth", ...stage.latch.routes.map(({ path }) => path.replace(/:\w+/, "x")))
  /** Of these somebody is signed out; the others are tried with a session as well. */
  const LEAVING = new Set(["/auth/logout", "/auth/form/sign-out"])
  const ascii = fc.string({
    unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
    maxLength: 200,
  })

  it("never gives a 5xx, whatever comes in a body", async () => {
    const bodies = fc.oneof(
      fc.json(),
      fc.string({ unit: "binary" }),
      fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
      fc
        .record({
          email: fc.anything(),
          password: fc.anything(),
          token: fc.anything(),
          refreshToken: fc.anything(),
        })
        .map((value) => JSON.stringify(value) ?? ""),
      fc.constantFrom(
        "[".repeat(5_000),
        '{"a":1,"a":2}',
        '{"__proto__":{"x":1}}',
        '{"email":{"$ne":null},"password":{"$gt":""}}',
        "\ufeff{}",
        "null",
        "1e999",
        '"\\ud800"',
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        paths(),
        fc.constantFrom("POST", "PUT", "DELETE"),
        bodies,
        fc.constantFrom("application/json", "application/json", "application/x-www-form-urlencoded"),
        fc.boolean(),
        async (path, method, body, type, signedIn) => {
          const ask = { method, body, headers: { "content-type": type } }
          const known = signedIn && !LEAVING.has(path)
          const answer = known ? await someone.copy().ask(path, ask) : await stage.ask(path, ask)
          assert.ok(answer.status < 500, `${method} ${path}: ${answer.status}`)
          if (answer.status >= 400)
            assert.match(String(answer.headers["content-type"]), /problem\+json|text\/html/)
        },
      ),
      { numRuns: long ? 20_000 : 600 },
    )
    assert.equal(
      (await someone.ask("/auth/me")).status,
      200,
      "whoever was tried with was signed in all along",
    )
  })

  it("never gives a 5xx, whatever comes in a header or a path", async () => {
    const header = fc.constantFrom(
      "cookie",
      "authorization",
      "origin",
      "content-type",
      "accept",
      "x-forwarded-for",
      "sec-fetch-site",
      "sec-fetch-dest",
      "user-agent",
      "content-encoding",
      "range",
      "if-none-match",
    )
    await fc.assert(
      fc.asyncProperty(
        paths(),
        ascii,
        header,
        ascii,
        fc.constantFrom("GET", "POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND"),
        async (path, tail, name, value, method) => {
          const target =
            path +
            (tail.length % 3 === 0
              ? `/${encodeURIComponent(tail)}`
              : tail.length % 3 === 1
                ? `?${tail.replaceAll("#", "")}`
                : "")
          const answer = await stage.ask(target, { method, headers: { [name]: value } })
          assert.ok(answer.status < 500, `${method} ${target} ${name}: ${value}: ${answer.status}`)
        },
      ),
      { numRuns: long ? 20_000 : 600 },
    )
  })

  it("closes on broken framing, and goes on with others", async () => {
    const port = Number(new URL(stage.base).port)
    const host = `Host: localhost:${port}`
    const raw = [
      `POST /auth/login HTTP/1.1\r\n${host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /auth/login HTTP/1.1\r\n${host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      `GET /auth/me HTTP/1.1\r\n${host}\r\nX: a\r\n b\r\n\r\n`,
      `GET /auth/me HTTP/1.1\n${host}\n\n`,
      `POST /auth/login HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
      "\u0000\u0001\u0002\r\n\r\n",
    ]
    for (const text of raw) {
      const answer = await send(port, text)
      assert.match(answer, /^(?:HTTP\/1\.1 4\d\d|$)/, JSON.stringify(text))
    }
    const other = await signUp(stage, "afterwards@example.com")
    assert.equal((await other.ask("/auth/me")).status, 200)
  })
})

function send(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ""
    const socket = connect(port, "127.0.0.1", () => socket.end(text))
    socket.setEncoding("latin1")
    socket.setTimeout(3_000, () => socket.destroy())
    socket.on("data", (chunk: string) => {
      answer += chunk
    })
    socket.on("error", () => {})
    socket.on("close", () => resolve(answer))
  })
}
