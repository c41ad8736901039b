import assert from "node:assert/strict"
import { test } from "node:test"
import type { Facts, LineState } from "../../src/core/facts.ts"
import { LINES } from "../../src/core/lines.ts"
import type { Reply, RequestHead } from "../../src/core/request.ts"
import { createOperator } from "../../src/service/operator.ts"
import { createRoutes, HEALTH_PATHS, SERVICE_ROUTES } from "../../src/service/routes.ts"

const TOKEN = "nl_secret_h5Lk2PzQw8XcV1bN6mT9rY3uJ0dF7gSaE4iOoKpRtZM"

interface Ask {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string | readonly string[]>
  readonly peer?: string
  readonly client?: string
  readonly body?: string
}

interface Setting {
  readonly development?: boolean
  readonly token?: string
  readonly origin?: string
  readonly ready?: boolean
}

function service(setting: Setting = {}) {
  let now = 1_800_000_000_000
  const origin = setting.origin ?? "http://localhost:3000"
  const operator = createOperator({
    token: setting.token,
    development: setting.development ?? true,
    origin: new URL(origin),
    clock: () => now,
  })
  const routes = createRoutes({
    origin,
    version: "0.1.0",
    operator,
    checklist: () => LINES.map((line) => ({ line, state: { state: "holds", why: "So." } as LineState })),
    facts: () => ({ unsafe: {} }) as Facts,
    factLines: () => [],
    steps: [],
    jwksPath: "/.well-known/jwks.json",
    ready: async () => setting.ready ?? true,
  })
  const ask = (request: Ask = {}): Promise<Reply> => {
    const headers: Ask["headers"] = { host: new URL(origin).host, ...request.headers }
    const values = (name: string) => [headers[name] ?? []].flat()
    const path = request.path ?? "/"
    const head: RequestHead = {
      method: request.method ?? "GET",
      target: path,
      header: (name) => values(name)[0],
      headerValues: values,
      peerAddress: request.peer ?? "127.0.0.1",
      encrypted: false,
    }
    const bytes = Buffer.from(request.body ?? "")
    return routes({
      method: head.method,
      path,
      head,
      clientAddress: request.client ?? head.peerAddress ?? "unknown",
      body: async (limit) => (bytes.length > limit ? { kind: "too-large" } : { kind: "bytes", bytes }),
    })
  }
  return { ask, advance: (ms: number) => (now += ms) }
}

function header(reply: Reply, name: string): string | undefined {
  return reply.headers.find(([own]) => own === name)?.[1]
}

const form = (token: string): Ask => ({
  method: "POST",
  path: "/operator",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams({ token }).toString(),
})

const LOCAL: readonly (readonly [string, Ask, number])[] = [
  ["IPv4 loopback", { peer: "127.0.0.1" }, 200],
  ["another of its block", { peer: "127.8.9.10" }, 200],
  ["IPv6 loopback", { peer: "::1" }, 200],
  ["IPv4 in IPv6", { peer: "::ffff:127.0.0.1" }, 200],
  ["IPv4 in IPv6, as hexadecimal", { peer: "::ffff:7f00:1" }, 200],
  ["a private network", { peer: "192.168.1.5" }, 403],
  ["a container's bridge", { peer: "172.17.0.1" }, 403],
  ["a stranger", { peer: "203.0.113.9" }, 403],
  ["an address that only looks local", { peer: "127.0.0.1.example" }, 403],
  ["no address", { peer: "" }, 403],
  ["a host that is served besides", { headers: { host: "api.internal:3000" } }, 403],
  ["a name that was rebound to this machine", { headers: { host: "evil.example:3000" } }, 403],
  ["another port", { headers: { host: "localhost:3001" } }, 403],
  ["no host", { headers: { host: [] } }, 403],
  ["a proxy that says it with nothing", { headers: { "x-forwarded-for": "" } }, 403],
]

for (const [who, request, status] of LOCAL) {
  test(`in development the checklist answers ${status} to ${who}`, async () => {
    assert.equal((await service().ask(request)).status, status)
  })
}

test("outside development a local peer needs the operator token as well", async () => {
  const closed = await service({ development: false }).ask()
  assert.equal(closed.status, 403)
  assert.match(closed.body ?? "", /NIGHTLATCH_OPERATOR_TOKEN/)
  const locked = await service({ development: false, token: TOKEN }).ask()
  assert.equal(locked.status, 401)
  assert.match(locked.body ?? "", /<form method="post" action="\/operator">/)
})

const TOKENS: readonly (readonly [string, string | readonly string[], number])[] = [
  ["the token", `Bearer ${TOKEN}`, 200],
  ["the token under another case of the scheme", `bearer ${TOKEN}`, 200],
  ["the token without its end", `Bearer ${TOKEN.slice(0, -1)}`, 401],
  ["the token with more behind", `Bearer ${TOKEN}x`, 401],
  ["the token in another case", `Bearer ${TOKEN.toUpperCase()}`, 401],
  ["nothing behind the scheme", "Bearer ", 401],
  ["another scheme", `Basic ${TOKEN}`, 401],
  ["the token twice", [`Bearer ${TOKEN}`, `Bearer ${TOKEN}`], 401],
  ["two tokens in one line", `Bearer ${TOKEN} ${TOKEN}`, 401],
]

for (const [what, authorization, status] of TOKENS) {
  test(`an Authorization header with ${what} gets ${status}`, async () => {
    const { ask } = service({ development: false, token: TOKEN })
    const reply = await ask({ peer: "203.0.113.9", headers: { authorization, accept: "application/json" } })
    assert.equal(reply.status, status)
    assert.ok(!(reply.body ?? "").includes(TOKEN))
  })
}

test("a token in the URL opens nothing", async () => {
  const { ask } = service({ development: false, token: TOKEN })
  assert.equal((await ask({ path: `/?token=${TOKEN}` })).status, 404)
  assert.equal((await ask({ method: "GET", path: "/operator" })).status, 404)
})

test("the form exchanges the token for a private cookie of a quarter of an hour", async () => {
  for (const [origin, name] of [
    ["https://api.example.com", "__Host-Http-operator"],
    ["http://localhost:3000", "__Host-Http-operator_3000"],
  ] as const) {
    const { ask, advance } = service({ development: false, token: TOKEN, origin })
    const reply = await ask(form(TOKEN))
    assert.equal(reply.status, 303)
    assert.equal(header(reply, "location"), "/")
    const cookie = header(reply, "set-cookie") ?? ""
    assert.ok(cookie.startsWith(`${name}=`), cookie)
    for (const part of ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=900"]) {
      assert.ok(cookie.includes(`; ${part}`), part)
    }
    assert.ok(!cookie.includes(TOKEN))
    const value = cookie.split(";")[0] ?? ""
    assert.equal((await ask({ headers: { cookie: `a=b; ${value}` } })).status, 200)
    advance(15 * 60_000 + 1)
    assert.equal((await ask({ headers: { cookie: value } })).status, 401)
  }
})

test("a cookie that is changed, doubled, or of another process opens nothing", async () => {
  const one = service({ development: false, token: TOKEN })
  const value = (header(await one.ask(form(TOKEN)), "set-cookie") ?? "").split(";")[0] ?? ""
  const [name = "", rest = ""] = value.split("=")
  const [end = "", mac = ""] = rest.split(".")
  const changed = [
    `${name}=${Number(end) + 1}.${mac}`,
    `${name}=${end}.${mac.slice(0, -1)}`,
    `${name}=${end}.`,
    `${name}=`,
    `${name}=.${mac}`,
    `${value}; ${value}`,
    value.toLowerCase(),
  ]
  for (const cookie of changed) assert.equal((await one.ask({ headers: { cookie } })).status, 401, cookie)
  const other = service({ development: false, token: TOKEN })
  assert.equal((await other.ask({ headers: { cookie: value } })).status, 401)
})

test("wrong tokens are limited per network, and the right one waits as long", async () => {
  const { ask, advance } = service({ development: false, token: TOKEN })
  for (let attempt = 0; attempt < 5; attempt++) assert.equal((await ask(form("wrong"))).status, 401)
  const refused = await ask(form(TOKEN))
  assert.equal(refused.status, 429)
  assert.ok(Number(header(refused, "retry-after")) > 0)
  assert.equal((await ask({ headers: { authorization: `Bearer ${TOKEN}` } })).status, 429)
  assert.equal((await ask({ ...form(TOKEN), client: "203.0.113.9" })).status, 303)
  advance(12_001)
  assert.equal((await ask(form(TOKEN))).status, 303)
})

const FORMS: readonly (readonly [string, Ask, number])[] = [
  ["a wrong token", form("x".repeat(40)), 401],
  ["no token", form(""), 401],
  ["JSON", { ...form(TOKEN), headers: { "content-type": "application/json" } }, 415],
  ["no content type", { ...form(TOKEN), headers: {} }, 415],
  [
    "a type that only begins like a form's",
    { ...form(TOKEN), headers: { "content-type": "application/x-www-form-urlencodedx" } },
    415,
  ],
  ["too much", form("x".repeat(5000)), 413],
]

for (const [what, request, status] of FORMS) {
  test(`the form with ${what} gets ${status} and no cookie`, async () => {
    const reply = await service({ development: false, token: TOKEN }).ask(request)
    assert.equal(reply.status, status)
    assert.equal(header(reply, "set-cookie"), undefined)
    assert.ok(!(reply.body ?? "").includes("xxxxxxxx"))
  })
}

test("the checklist as JSON has every line with its state", async () => {
  const reply = await service().ask({ headers: { accept: "application/json" } })
  const body = JSON.parse(reply.body ?? "")
  assert.deepEqual(
    body.lines.map((line: { id: string }) => line.id),
    LINES.map((line) => line.id),
  )
  assert.deepEqual(body.counts, { total: 18, holds: 18, weakened: 0, fails: 0, partial: 0 })
  assert.match(header(reply, "vary") ?? "", /Accept/)
})

const ACCEPT: readonly (readonly [string | undefined, RegExp])[] = [
  [undefined, /^text\/html/],
  ["*/*", /^text\/html/],
  ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", /^text\/html/],
  ["application/json", /^application\/json/],
  ["application/json, text/plain, */*", /^application\/json/],
  ["text/html, application/json", /^text\/html/],
]

for (const [accept, type] of ACCEPT) {
  test(`for accept ${accept} the answer is ${type}`, async () => {
    const reply = await service().ask(accept === undefined ? {} : { headers: { accept } })
    assert.match(header(reply, "content-type") ?? "", type)
  })
}

test("a closed checklist is a problem document for programs", async () => {
  const reply = await service({ development: false }).ask({ headers: { accept: "application/json" } })
  assert.equal(header(reply, "content-type"), "application/problem+json")
  assert.equal(JSON.parse(reply.body ?? "").code, "operator.none")
})

test("pages run no script and are kept by nobody", async () => {
  for (const reply of [await service().ask(), await service({ development: false, token: TOKEN }).ask()]) {
    assert.match(header(reply, "content-security-policy") ?? "", /default-src 'none'/)
    assert.doesNotMatch(header(reply, "content-security-policy") ?? "", /unsafe|script-src/)
    assert.equal(header(reply, "cache-control"), "no-store")
  }
})

const PLAIN: readonly (readonly [string, Setting, number, RegExp])[] = [
  ["/healthz", { ready: false }, 200, /alive/],
  ["/readyz", { ready: true }, 200, /ready/],
  ["/readyz", { ready: false }, 503, /not ready/],
  ["/robots.txt", {}, 200, /Disallow: \//],
  ["/checklist.css", {}, 200, /:root/],
  ["/favicon.ico", {}, 200, /<svg/],
  ["/nothing", {}, 404, /service\.not_found/],
  ["/__proto__", {}, 404, /service\.not_found/],
  ["/constructor", {}, 404, /service\.not_found/],
]

for (const [path, setting, status, body] of PLAIN) {
  test(`GET ${path} with ${JSON.stringify(setting)} answers ${status} to anybody`, async () => {
    const reply = await service({ development: false, ...setting }).ask({ path, peer: "203.0.113.9" })
    assert.equal(reply.status, status)
    assert.match(reply.body ?? "", body)
  })
}

test("every declared route of the service exists", async () => {
  for (const route of [...SERVICE_ROUTES, ...HEALTH_PATHS.map((path) => `GET ${path}`)]) {
    const [method = "", path = ""] = route.split(" ")
    assert.notEqual((await service().ask({ method, path })).status, 404, route)
  }
})
