import assert from "node:assert/strict"
import { after, before, describe, it, type TestContext } from "node:test"
import { type Client, createClient, errorOf, NightlatchError } from "./index.ts"

const ORIGIN = "https://app.example.com"
const ME = {
  userId: "u1",
  sessionId: "s1",
  authenticatedAt: "2026-01-01T00:00:00.000Z",
  methods: ["pwd"],
  roles: [],
  expiresAt: "2026-01-01T00:15:00.000Z",
}

type Answer = (request: Request) => Response | Promise<Response>
type Step = readonly [asked: string, answer: Answer]

const json =
  (status: number, value: unknown, headers: Record<string, string> = {}): Answer =>
  () =>
    Response.json(value, { status, headers })
const problem = (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  json(
    status,
    { title: `About ${code}`, code, instance: "urn:x:1" },
    { "content-type": "application/problem+json", ...headers },
  )
const fails: Answer = () => Promise.reject(new TypeError("no network"))
const proxy401: Answer = () => new Response("<h1>Staging</h1>", { status: 401 })

const GOOD: Step = ["GET /private", json(200, { orders: [] })]
const STALE: Step = ["GET /private", problem(401, "session.refresh_needed")]
const NONE: Step = ["GET /private", problem(401, "session.none")]
const ME_GOOD: Step = ["GET /auth/me", json(200, ME)]
const ME_STALE: Step = ["GET /auth/me", problem(401, "session.refresh_needed")]
const ME_NONE: Step = ["GET /auth/me", problem(401, "session.none")]
const REFRESHED: Step = ["POST /auth/refresh", json(200, { userId: "u1" })]
const ENDED: Step = ["POST /auth/refresh", problem(401, "session.ended")]

/** A service that expects exactly these requests, in this order. */
function play(steps: readonly Step[]): { fetch: typeof fetch; requests: Request[]; end(): void } {
  const requests: Request[] = []
  return {
    requests,
    async fetch(input, init) {
      const request = new Request(input, init)
      const { pathname, origin } = new URL(request.url)
      const asked = `${request.method} ${origin === ORIGIN ? "" : origin}${pathname}`
      const [expected, answer] = steps[requests.length] ?? ["nothing more", fails]
      requests.push(request)
      assert.equal(asked, expected, `request ${requests.length}`)
      return answer(request)
    },
    end: () => assert.equal(requests.length, steps.length, "not all was asked"),
  }
}

function open(t: TestContext, steps: readonly Step[]) {
  const service = play(steps)
  const client = createClient({ fetch: service.fetch })
  const heard: boolean[] = []
  t.after(client.onChange((signedIn) => heard.push(signedIn)))
  return { ...service, client, heard }
}

function replaceGlobal(t: TestContext, name: "navigator" | "BroadcastChannel", value: unknown): void {
  const was = Object.getOwnPropertyDescriptor(globalThis, name)
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  t.after(() => was && Object.defineProperty(globalThis, name, was))
}

async function until(what: () => boolean): Promise<void> {
  const patience = performance.now() + 20_000
  while (!what()) {
    if (performance.now() > patience) throw new Error("waited for 20 s")
    await new Promise((later) => setTimeout(later, 5))
  }
}

const isError = (code: string, status: number, wait?: number) => (error: unknown) => {
  assert.ok(error instanceof NightlatchError)
  assert.deepEqual([error.code, error.status, error.retryAfterSeconds], [code, status, wait])
  return true
}

before(() => Object.defineProperty(globalThis, "location", { value: { origin: ORIGIN }, configurable: true }))
after(() => Reflect.deleteProperty(globalThis, "location"))

describe("fetch with a session", () => {
  const cases: readonly [what: string, steps: readonly Step[], status: number, heard: readonly boolean[]][] =
    [
      ["gives a good answer back", [GOOD], 200, []],
      ["refreshes and asks once more", [STALE, ME_STALE, REFRESHED, GOOD], 200, []],
      ["asks once more when another tab has refreshed meanwhile", [STALE, ME_GOOD, GOOD], 200, []],
      ["gives the refusal of a stranger back", [NONE, ME_NONE], 401, []],
      ["refreshes for a route that does not see the cookie", [NONE, ME_STALE, REFRESHED, GOOD], 200, []],
      ["is not signed out by a lost race", [STALE, ME_STALE, ENDED, ME_GOOD, GOOD], 200, []],
      ["is signed out when nothing is left", [STALE, ME_STALE, ENDED, ME_NONE], 401, [false]],
      ["is signed out when a dead cookie is left", [STALE, ME_STALE, ENDED, ME_STALE], 401, [false]],
      [
        "asks again at once when the refresh's answer got lost",
        [STALE, ME_STALE, ["POST /auth/refresh", fails], REFRESHED, GOOD],
        200,
        [],
      ],
      ["never loops", [STALE, ME_STALE, REFRESHED, STALE], 401, []],
      ["leaves another 401 alone", [["GET /private", proxy401]], 401, []],
      ["leaves another code alone", [["GET /private", problem(401, "guard.recent_sign_in")]], 401, []],
      ["leaves another status alone", [["GET /private", problem(403, "session.refresh_needed")]], 403, []],
      [
        "leaves what is no problem document alone",
        [["GET /private", json(401, { code: "session.refresh_needed" })]],
        401,
        [],
      ],
    ]
  for (const [what, steps, status, expected] of cases) {
    it(what, async (t) => {
      const { client, heard, end } = open(t, steps)
      const response = await client.fetch(`${ORIGIN}/private`)
      assert.equal(response.status, status)
      await response.text()
      end()
      assert.deepEqual(heard, expected)
    })
  }

  const BUSY = { "retry-after": "7" }
  const failures: readonly [what: string, steps: readonly Step[], error: (error: unknown) => boolean][] = [
    [
      "the service is not available",
      [STALE, ME_STALE, ["POST /auth/refresh", problem(503, "service.unavailable", BUSY)]],
      isError("service.unavailable", 503, 7),
    ],
    [
      "there were too many requests",
      [STALE, ME_STALE, ["POST /auth/refresh", problem(429, "rate_limit.address", BUSY)]],
      isError("rate_limit.address", 429, 7),
    ],
    [
      "the network fails twice",
      [STALE, ME_STALE, ["POST /auth/refresh", fails], ["POST /auth/refresh", fails]],
      isError("client.unreachable", 0),
    ],
    [
      "the network fails before the refresh",
      [STALE, ["GET /auth/me", fails]],
      isError("client.unreachable", 0),
    ],
    [
      "a proxy asks for its own password",
      [STALE, ME_STALE, ["POST /auth/refresh", proxy401]],
      isError("client.unknown_answer", 401),
    ],
    [
      "the second word is missing",
      [STALE, ME_STALE, ENDED, ["GET /auth/me", problem(503, "service.unavailable")]],
      isError("service.unavailable", 503),
    ],
    [
      "the second word is a proxy's",
      [STALE, ME_STALE, ENDED, ["GET /auth/me", proxy401]],
      isError("client.unknown_answer", 401),
    ],
    [
      "the refresh is refused for another reason",
      [STALE, ME_STALE, ["POST /auth/refresh", problem(403, "csrf.cross_site")]],
      isError("csrf.cross_site", 403),
    ],
    [
      "another page answers in the service's place",
      [STALE, ["GET /auth/me", () => new Response("<h1>Wi-Fi</h1>")]],
      isError("client.unknown_answer", 200),
    ],
    [
      "the wait is no number of seconds",
      [STALE, ["GET /auth/me", problem(503, "service.unavailable", { "retry-after": "soon" })]],
      isError("service.unavailable", 503),
    ],
    ["its own request fails", [["GET /private", fails]], (error) => error instanceof TypeError],
  ]
  for (const [what, steps, error] of failures) {
    it(`throws, and signs nobody out, when ${what}`, async (t) => {
      const { client, heard, end } = open(t, steps)
      await assert.rejects(client.fetch(`${ORIGIN}/private`), error)
      end()
      assert.deepEqual(heard, [])
    })
  }

  it("works again after a failure", async (t) => {
    const down: Step = ["POST /auth/refresh", problem(503, "service.unavailable")]
    const { client, end } = open(t, [STALE, ME_STALE, down, STALE, ME_STALE, REFRESHED, GOOD])
    await assert.rejects(client.fetch(`${ORIGIN}/private`))
    assert.equal((await client.fetch(`${ORIGIN}/private`)).status, 200)
    end()
  })
})

describe("a request that is sent again", () => {
  const form = new FormData()
  form.set("name", "value")
  const bodies: readonly [string, NonNullable<RequestInit["body"]>][] = [
    ["a text", "name=value"],
    ["bytes", new TextEncoder().encode("name=value")],
    ["a blob", new Blob(["name=value"])],
    ["a form", form],
    ["parameters", new URLSearchParams({ name: "value" })],
  ]
  const refused: Answer = problem(401, "session.refresh_needed")
  const echo: Answer = async (request) => new Response(await request.text())
  const order = (answer: Answer): Step => ["POST /orders", answer]

  for (const [what, body] of bodies) {
    it(`has the same body: ${what}`, async (t) => {
      let first = ""
      const steps = [
        order(async (request) => {
          first = await request.text()
          return refused(request)
        }),
        ME_STALE,
        REFRESHED,
        order(echo),
      ]
      const { client, end } = open(t, steps)
      const response = await client.fetch(`${ORIGIN}/orders`, { method: "POST", body })
      assert.match(first, /name.*value/s)
      assert.equal(await response.text(), first)
      end()
    })
  }

  it("may come as a Request", async (t) => {
    const { client, end } = open(t, [order(refused), ME_STALE, REFRESHED, order(echo)])
    const response = await client.fetch(new Request(`${ORIGIN}/orders`, { method: "POST", body: "tea" }))
    assert.equal(await response.text(), "tea")
    end()
  })

  it("is not sent again with a stream for a body, but the next one works", async (t) => {
    const { client, end } = open(t, [order(refused), ME_STALE, REFRESHED, order(echo)])
    const stream = () => ({ method: "POST", duplex: "half" as const, body: new Blob(["tea"]).stream() })
    assert.equal((await client.fetch(`${ORIGIN}/orders`, stream())).status, 401)
    assert.equal(await (await client.fetch(`${ORIGIN}/orders`, stream())).text(), "tea")
    end()
  })

  const redirected: Answer = async (request) =>
    Object.defineProperty(await refused(request), "redirected", { value: true })

  it("is not sent again when the change was made and only what followed was refused", async (t) => {
    const { client, end } = open(t, [order(redirected), ME_STALE, REFRESHED])
    assert.equal((await client.fetch(`${ORIGIN}/orders`, { method: "POST" })).status, 401)
    end()
  })

  it("is sent again behind a redirect when it changes nothing", async (t) => {
    const { client, end } = open(t, [["GET /private", redirected], ME_STALE, REFRESHED, GOOD])
    assert.equal((await client.fetch(`${ORIGIN}/private`)).status, 200)
    end()
  })

  it("stays away when its caller has gone", async (t) => {
    const gone = new AbortController()
    const { client, requests } = open(t, [
      STALE,
      ME_STALE,
      [
        "POST /auth/refresh",
        (request) => {
          gone.abort()
          return REFRESHED[1](request)
        },
      ],
      ["GET /private", (request) => Promise.reject(request.signal.reason)],
    ])
    await assert.rejects(client.fetch(`${ORIGIN}/private`, { signal: gone.signal }), { name: "AbortError" })
    assert.equal(requests[2]?.signal.aborted, false)
  })
})

describe("what goes where", () => {
  const sent: readonly [
    what: string,
    url: string,
    init: RequestInit,
    header: string | null,
    credentials: string,
  ][] = [
    ["a safe request", `${ORIGIN}/x`, {}, null, "same-origin"],
    ["an unsafe request", `${ORIGIN}/x`, { method: "POST" }, "1", "same-origin"],
    ["a lower-case method", `${ORIGIN}/x`, { method: "delete" }, "1", "same-origin"],
    ["a request that wants no cookies", `${ORIGIN}/x`, { credentials: "omit" }, null, "omit"],
    ["another site", "https://other.example/x", { method: "POST" }, null, "same-origin"],
    [
      "another site, with cookies asked for",
      "https://other.example/x",
      { method: "POST", credentials: "include" },
      null,
      "same-origin",
    ],
    ["another port", `${ORIGIN}:8443/x`, { method: "PUT", credentials: "include" }, null, "same-origin"],
    ["another scheme", "http://app.example.com/x", { method: "PATCH" }, null, "same-origin"],
    ["a look-alike", "https://app.example.com.evil.example/x", { method: "POST" }, null, "same-origin"],
    ["a name before an @", "https://app.example.com:x@evil.example/x", { method: "POST" }, null, "refused"],
  ]
  for (const [what, url, init, header, credentials] of sent) {
    it(`${what}: ${header === null ? "no header" : "our header"}, credentials ${credentials}`, async () => {
      const requests: Request[] = []
      const client = createClient({
        fetch: async (request) => {
          requests.push(request as Request)
          return new Response()
        },
      })
      const asked = client.fetch(url, init)
      if (credentials === "refused") return assert.rejects(asked, TypeError)
      await asked
      assert.equal(requests[0]?.headers.get("x-nightlatch"), header)
      assert.equal(requests[0]?.credentials, credentials)
      return undefined
    })
  }

  it("does not refresh because another origin says so", async (t) => {
    const { client, end } = open(t, [["GET https://other.example/x", problem(401, "session.refresh_needed")]])
    assert.equal((await client.fetch("https://other.example/x")).status, 401)
    end()
  })

  it("its own questions follow no redirect, are not cached, and the unsafe ones prove themselves", async (t) => {
    const { client, requests, end } = open(t, [ME_STALE, ME_STALE, REFRESHED, ME_GOOD])
    assert.deepEqual(await client.me(), ME)
    end()
    for (const { method, redirect, cache, credentials, keepalive, headers } of requests) {
      assert.deepEqual([redirect, cache, credentials], ["error", "no-store", "same-origin"])
      assert.equal(headers.get("x-nightlatch"), method === "POST" ? "1" : null)
      assert.equal(keepalive, method === "POST")
    }
  })

  it("asks below another base path", async () => {
    const service = play([["GET /id/auth/me", json(200, ME)]])
    assert.deepEqual(await createClient({ basePath: "/id/auth/", fetch: service.fetch }).me(), ME)
    service.end()
  })

  for (const basePath of ["auth", "https://other.example/auth", "@other.example", ""]) {
    it(`refuses ${JSON.stringify(basePath)} as a base path`, () =>
      assert.throws(() => createClient({ basePath }), TypeError))
  }
})

describe("me and refresh", () => {
  it("me knows a stranger", async (t) => {
    const { client, heard } = open(t, [ME_NONE])
    assert.equal(await client.me(), undefined)
    assert.deepEqual(heard, [])
  })
  it("me knows an ended session", async (t) => {
    const { client, heard } = open(t, [ME_STALE, ME_STALE, ENDED, ME_STALE])
    assert.equal(await client.me(), undefined)
    assert.deepEqual(heard, [false])
  })
  it("me does not guess when a fresh token is refused", async (t) => {
    const { client, heard } = open(t, [ME_STALE, ME_STALE, REFRESHED, ME_STALE])
    await assert.rejects(client.me(), isError("session.refresh_needed", 401))
    assert.deepEqual(heard, [])
  })
  it("me throws when the service is not available", async (t) => {
    const { client } = open(t, [
      ["GET /auth/me", problem(503, "service.unavailable", { "retry-after": "2" })],
    ])
    await assert.rejects(client.me(), (error) => {
      assert.ok(isError("service.unavailable", 503, 2)(error) && error instanceof NightlatchError)
      assert.deepEqual(
        [error.name, error.message, error.instance],
        ["NightlatchError", "About service.unavailable", "urn:x:1"],
      )
      return true
    })
  })
  it("refresh refreshes also a token that is good", async (t) => {
    const { client, end } = open(t, [REFRESHED])
    assert.equal(await client.refresh(), true)
    end()
  })
  it("refresh says when the session has ended", async (t) => {
    const { client, heard } = open(t, [ENDED, ME_NONE])
    assert.equal(await client.refresh(), false)
    assert.deepEqual(heard, [false])
  })
})

describe("signing in and out", () => {
  const SIGNED_IN: Step = ["POST /auth/login", json(200, { userId: "u1" })]
  const SIGNED_OUT: Step = ["POST /auth/logout", () => new Response(null, { status: 204 })]
  const person = { email: "ada@example.com", password: "violet kettle ninety moss" }

  it("tells each change once, and a second sign-in too", async (t) => {
    const { client, heard, requests } = open(t, [ME_NONE, SIGNED_IN, ME_GOOD, SIGNED_IN, SIGNED_OUT, ME_NONE])
    await client.me()
    await client.login(person)
    await client.me()
    await client.login({ ...person, remember: false })
    await client.logout()
    await client.me()
    assert.deepEqual(heard, [true, true, false])
    assert.deepEqual(await requests[1]?.json(), person)
    assert.deepEqual(await requests[3]?.json(), { ...person, remember: false })
    assert.equal(requests[1]?.headers.get("content-type"), "application/json")
  })
  it("throws a refused sign-in", async (t) => {
    const { client, heard } = open(t, [["POST /auth/login", problem(401, "login.refused")]])
    await assert.rejects(client.login(person), isError("login.refused", 401))
    assert.deepEqual(heard, [])
  })
  it("is not signed out when the service could not do it", async (t) => {
    const { client, heard } = open(t, [
      ["POST /auth/logout", problem(503, "service.unavailable")],
      ["POST /auth/logout", fails],
    ])
    await assert.rejects(client.logout(), isError("service.unavailable", 503))
    await assert.rejects(client.logout(), isError("client.unreachable", 0))
    assert.deepEqual(heard, [])
  })
  it("hears what another way of signing in has done", async (t) => {
    const { client, heard } = open(t, [ME_NONE, ME_GOOD, ME_NONE])
    for (let round = 0; round < 3; round++) await client.me()
    assert.deepEqual(heard, [true, false])
  })
  it("stops telling who does not want to hear", async (t) => {
    const { client } = open(t, [SIGNED_IN, SIGNED_OUT])
    const heard: boolean[] = []
    const listener = (signedIn: boolean) => void heard.push(signedIn)
    const [first, second] = [client.onChange(listener), client.onChange(listener)]
    await client.login(person)
    first()
    first()
    await client.logout()
    second()
    assert.deepEqual(heard, [true, true, false])
  })
  it("goes on when a listener throws", async (t) => {
    const { client, heard } = open(t, [SIGNED_OUT])
    const told: (() => void)[] = []
    t.mock.method(globalThis, "queueMicrotask", (tell: () => void) => told.push(tell))
    t.after(client.onChange(() => assert.fail("the page's own fault")))
    await client.logout()
    for (const tell of told.reverse()) {
      try {
        tell()
      } catch (error) {
        assert.match(String(error), /the page's own fault/)
      }
    }
    assert.equal(told.length, 2)
    assert.deepEqual(heard, [false])
  })
  it("makes an error of an answer that fetch returned", async () => {
    const response = await problem(429, "rate_limit.user", { "retry-after": "3" })(new Request(ORIGIN))
    assert.ok(isError("rate_limit.user", 429, 3)(await errorOf(response)))
    assert.equal(((await response.json()) as { code: string }).code, "rate_limit.user")
    for (const odd of ["null", "[]", "{", '{"code":7,"title":{}}']) {
      const strange = new Response(odd, {
        status: 400,
        headers: { "content-type": "application/problem+json" },
      })
      assert.ok(isError("client.unknown_answer", 400)(await errorOf(strange)))
    }
  })
})

/** One browser's cookies and a service that rotates, forgives the parent and ends a session at anything older. */
class Jar {
  access = 0
  #cookie = 1
  #current = 1
  refreshes = 0
  questions = 0
  ended = false
  #alive = 0
  readonly slow: () => Promise<void>

  constructor(slow: () => Promise<void> = () => new Promise((later) => setImmediate(later))) {
    this.slow = slow
  }

  /** The access token ends. */
  expire(): void {
    this.#alive++
  }

  readonly fetch: typeof fetch = async (input) => {
    const { pathname } = new URL((input as Request).url)
    const [access, cookie] = [this.access, this.#cookie]
    await this.slow()
    if (pathname === "/auth/me") this.questions++
    if (pathname !== "/auth/refresh") {
      const body = access === this.#alive ? json(200, ME) : problem(401, "session.refresh_needed")
      const answer = await body(input as Request)
      await this.slow()
      return answer
    }
    if (cookie < this.#current - 1) this.ended = true
    if (this.ended) return problem(401, "session.ended")(input as Request)
    const alive = this.#alive
    if (cookie === this.#current) this.#current++
    const next = this.#current
    this.refreshes++
    await this.slow()
    this.access = alive
    this.#cookie = next
    return Response.json({})
  }
}

describe("two tabs and many requests at once", () => {
  const rounds = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 600 : 60
  const tabs = (jar: Jar): Client[] => [jar, jar].map(({ fetch }) => createClient({ fetch }))
  const storm = async (clients: readonly Client[]): Promise<number[]> => {
    const asked = clients.flatMap((client) =>
      Array.from({ length: 4 }, () => client.fetch(`${ORIGIN}/private`)),
    )
    return (await Promise.all(asked)).map(({ status }) => status)
  }

  it("make one refresh for each time the token ends", async (t) => {
    const jar = new Jar()
    const clients = tabs(jar)
    const heard: boolean[] = []
    for (const client of clients) t.after(client.onChange((signedIn) => heard.push(signedIn)))
    for (let round = 1; round <= rounds; round++) {
      jar.expire()
      assert.deepEqual(new Set(await storm(clients)), new Set([200]))
      assert.equal(jar.refreshes, round)
    }
    assert.deepEqual(heard, [])
  })

  for (const [what, navigator] of [
    ["no Web Locks", {}],
    ["no navigator", undefined],
    [
      "forbidden Web Locks",
      { locks: { request: () => Promise.reject(new DOMException("no", "SecurityError")) } },
    ],
  ] as const) {
    it(`with ${what}: one refresh for each page, and signed in throughout`, async (t) => {
      replaceGlobal(t, "navigator", navigator)
      replaceGlobal(t, "BroadcastChannel", undefined)
      const jar = new Jar()
      const clients = tabs(jar)
      for (const client of clients) t.after(client.onChange(() => assert.fail("nothing changed")))
      for (let round = 1; round <= 10; round++) {
        jar.expire()
        const before = jar.refreshes
        assert.deepEqual(new Set(await storm(clients)), new Set([200]))
        assert.ok(jar.refreshes - before <= clients.length && jar.refreshes > before)
      }
      assert.equal(jar.ended, false)
    })
  }

  it("share one question and one refresh within a page", async () => {
    const jar = new Jar()
    const client = createClient({ fetch: jar.fetch })
    jar.expire()
    assert.deepEqual(new Set(await storm([client])), new Set([200]))
    assert.deepEqual([jar.questions, jar.refreshes], [1, 1])
    assert.deepEqual(await Promise.all([client.refresh(), client.refresh()]), [true, true])
    assert.deepEqual([jar.questions, jar.refreshes], [1, 2])
  })

  it("refresh when told to, also while it is being asked whether that is needed", async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const order: string[] = []
    const client = createClient({
      fetch: async (input) => {
        const request = input as Request
        order.push(new URL(request.url).pathname)
        if (order.length === 1) return STALE[1](request)
        if (order.length === 2) await answered
        return Response.json(ME)
      },
    })
    const asked = client.fetch(`${ORIGIN}/private`)
    await until(() => order.length === 2)
    const refreshed = client.refresh()
    answer()
    await Promise.all([asked, refreshed])
    assert.deepEqual(order.slice(0, 2), ["/private", "/auth/me"])
    assert.deepEqual(order.slice(2).sort(), ["/auth/refresh", "/private"])
  })

  it("tell each other what changed", async (t) => {
    const heard: boolean[] = []
    const silent = createClient({ fetch: async () => new Response(null, { status: 204 }) })
    const other = createClient({ fetch: async () => fails(new Request(ORIGIN)) })
    t.after(other.onChange((signedIn) => heard.push(signedIn)))
    other.onChange(() => {})()
    await silent.logout()
    await until(() => heard.length === 1)
    const talking = createClient({ fetch: async () => Response.json({ userId: "u1" }) })
    t.after(talking.onChange(() => {}))
    await talking.login({ email: "ada@example.com", password: "x" })
    await until(() => heard.length === 2)
    assert.deepEqual(heard, [false, true])
  })

  it("ignore what is none of their messages", async (t) => {
    const heard: boolean[] = []
    const client = createClient()
    t.after(client.onChange((signedIn) => heard.push(signedIn)))
    const channel = new BroadcastChannel("nightlatch /auth")
    for (const message of ["true", 1, null, { signedIn: false }, true]) channel.postMessage(message)
    await until(() => heard.length > 0)
    channel.close()
    assert.deepEqual(heard, [true])
  })

  for (const [where, locks] of [
    ["a browser", true],
    ["a page without Web Locks", false],
  ] as const) {
    it(`sign in and out only between refreshes: in ${where}`, async (t) => {
      if (!locks) replaceGlobal(t, "navigator", {})
      const order: string[] = []
      const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
      const open = () =>
        createClient({
          fetch: async (input) => {
            const { pathname } = new URL((input as Request).url)
            order.push(pathname)
            if (pathname === "/auth/refresh") await answered
            order.push(`${pathname} answered`)
            return order.length === 2 ? problem(403, "x")(input as Request) : Response.json({ userId: "u1" })
          },
        })
      const client = open()
      const other = locks ? open() : client
      const refreshed = assert.rejects(client.refresh(), isError("x", 403))
      await until(() => order.length === 1)
      const rest = [other.login({ email: "ada@example.com", password: "x" }), client.logout()]
      for (let turn = 0; turn < 20; turn++) await new Promise((later) => setImmediate(later))
      assert.deepEqual(order, ["/auth/refresh"])
      answer()
      await Promise.all([refreshed, ...rest])
      assert.deepEqual(
        order,
        ["refresh", "login", "logout"].flatMap((path) => [`/auth/${path}`, `/auth/${path} answered`]),
      )
    })
  }

  it("wait for each other with bounded patience, and nobody is signed out by waiting", async (t) => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const held = navigator.locks.request("nightlatch /auth", () => released)
    const timeout = AbortSignal.timeout
    const patience: number[] = []
    t.mock.method(AbortSignal, "timeout", (milliseconds: number) => {
      patience.push(milliseconds)
      return timeout(20)
    })
    const { client, heard } = open(t, [STALE])
    await assert.rejects(client.fetch(`${ORIGIN}/private`), isError("client.busy", 0))
    assert.deepEqual([patience, heard], [[30_000], []])
    release()
    await held
  })
})
