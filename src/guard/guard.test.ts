import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { BodyReader, FlowRoute } from "../core/flow.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import type { Credentials, Reply, RequestHead } from "../core/request.ts"
import { emptyReply } from "../core/request.ts"
import type { Session } from "../core/session.ts"
import { UnavailableError } from "../core/unavailable.ts"
import { PASS, refuse } from "../core/verdict.ts"
import {
  createGuard,
  type Entered,
  type GuardParts,
  guarded,
  limit,
  readHealthPaths,
  readHosts,
  readPublicRoutes,
  requireRole,
  requireUser,
} from "./index.ts"
import { ORDER, type RouteKind } from "./order.ts"

const ORIGIN = new URL("https://api.example.com")
const SESSION: Session = {
  userId: "user",
  sessionId: "session",
  authenticatedAt: 0,
  methods: ["pwd"],
  roles: ["editor"],
  expiresAt: 1,
}
const NOBODY: Credentials = {
  access: undefined,
  refresh: undefined,
  device: undefined,
  bearer: undefined,
  anyCookie: false,
  duplicate: undefined,
}
const NO_BODY: BodyReader = async () => ({ kind: "bytes", bytes: new Uint8Array() })

function head(method: string, target: string, headers: Record<string, string | string[]> = {}): RequestHead {
  const all: Record<string, string[]> = { host: ["api.example.com"] }
  for (const [name, value] of Object.entries(headers)) all[name] = [value].flat()
  return {
    method,
    target,
    peerAddress: "192.0.2.1",
    encrypted: true,
    header: (name) => all[name]?.[0],
    headerValues: (name) => all[name] ?? [],
  }
}

function flow(name: string, access: FlowRoute["access"], run: FlowRoute["run"]): FlowRoute {
  return { name, method: "POST", path: `/auth/${name}`, access, perAddress: "5/minute", summary: name, run }
}

const FLOWS: Readonly<Record<string, FlowRoute>> = {
  login: flow("login", "public", () => emptyReply(204)),
  account: flow("account", "user", (call) => emptyReply(call.session === undefined ? 500 : 200)),
  logout: flow("logout", "credential", () => emptyReply(204)),
  down: flow("down", "public", () => {
    throw new UnavailableError("the store is down", new Error("inner"))
  }),
  broken: flow("broken", "public", async () => {
    throw new Error("secret-canary in a fault")
  }),
}

interface Planned {
  readonly asked: string[]
  readonly logged: string[]
  readonly parts: GuardParts
}

function plan(change: Partial<GuardParts> = {}, credentials: Partial<Credentials> = {}): Planned {
  const asked: string[] = []
  const logged: string[] = []
  const note = (row: string) => () => {
    asked.push(row)
    return PASS
  }
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const parts: GuardParts = {
    hosts: readHosts(ORIGIN, [], new Faults()),
    publicRoutes: readPublicRoutes(["GET /", "GET /products/*"], new Faults()),
    healthPaths: readHealthPaths(["/healthz"], new Faults()),
    flows: {
      match(_method, path) {
        const route = FLOWS[path.slice("/auth/".length)]
        if (route !== undefined) return { kind: "route", route, params: {} }
        return path.startsWith("/auth/") ? { kind: "missing" } : undefined
      },
    },
    headers: [["x-content-type-options", "nosniff"]],
    bearer: false,
    bodyBytes: 1000,
    logger: { info: log, warn: log, error: log },
    client: () => ({ address: "192.0.2.1", secure: true }),
    credentials: () => ({ ...NOBODY, ...credentials }),
    stripRefresh: () => "",
    https: note("https"),
    overload: note("overload"),
    limitAddress: note("address-limit"),
    cors: () => ({ kind: "pass", headers: [["vary", "Origin"]] }),
    csrf: note("csrf"),
    limitFlow: note("flow-limit"),
    session(token) {
      asked.push("token")
      return token === "good" ? SESSION : undefined
    },
    limitUser: note("user-limit"),
    limitNamed: note("named"),
    deadline: (run) => run(),
    ...change,
  }
  return { asked, logged, parts }
}

async function enter(parts: GuardParts, request: RequestHead): Promise<Entered> {
  return createGuard(parts).enter(request)
}

async function replyOf(parts: GuardParts, request: RequestHead): Promise<Reply> {
  const entered = await enter(parts, request)
  if (entered.kind === "reply") return entered.reply
  assert.equal(entered.kind, "flow", "the request passed")
  return entered.kind === "flow" ? entered.run(NO_BODY) : assert.fail()
}

const codeOf = (reply: Reply): string => (JSON.parse(reply.body ?? "{}") as { code?: string }).code ?? ""

describe("guard: the order table", () => {
  const kinds: readonly [RouteKind, string, string][] = [
    ["app-health", "GET", "/healthz"],
    ["app-public", "GET", "/"],
    ["app-user", "GET", "/orders"],
    ["flow-public", "POST", "/auth/login"],
    ["flow-user", "POST", "/auth/account"],
    ["flow-credential", "POST", "/auth/logout"],
  ]
  for (const [kind, method, path] of kinds) {
    it(`asks the rows of ${kind} in their order`, async () => {
      const { asked, parts } = plan({}, { access: "good" })
      await enter(parts, head(method, path))
      const silent = new Set(["body", "credential", "cors", "user"])
      assert.deepEqual(
        asked,
        ORDER[kind].filter((row) => !silent.has(row)),
      )
    })
  }

  it("verifies no token before the limits, and none at all on a foreign host", () => {
    for (const rows of Object.values(ORDER)) {
      const token = rows.indexOf("token")
      if (token >= 0) assert.ok(rows.indexOf("address-limit") < token && rows.indexOf("csrf") < token)
    }
  })

  const kind = { status: 403, code: "test.no", title: "No." }
  for (const row of ["https", "overload", "limitAddress", "csrf", "limitFlow", "limitUser"] as const) {
    it(`stops at a refusal of ${row}, with the guard's headers`, async () => {
      const { parts } = plan({ [row]: () => refuse(kind, "planted") }, { access: "good" })
      const reply = await replyOf(parts, head("POST", "/auth/account"))
      assert.equal(codeOf(reply), "test.no")
      assert.ok(reply.headers.some(([name]) => name === "x-content-type-options"))
      assert.ok(reply.headers.some(([name]) => name === "vary"))
      assert.doesNotMatch(reply.body ?? "", /planted/)
    })
  }

  it("waits for a limit that is counted elsewhere, and asks the later rows only when it passed", async () => {
    for (const late of [
      refuse(kind, "planted"),
      { kind: "pass", headers: [["ratelimit", "late"]] } as const,
    ]) {
      const { asked, parts } = plan({ limitFlow: async () => late }, { access: "good" })
      const reply = await replyOf(parts, head("POST", "/auth/account"))
      assert.equal(reply.status, late.kind === "pass" ? 200 : 403)
      assert.equal(asked.includes("token"), late.kind === "pass")
      const told = reply.headers.some(([name, value]) => name === "ratelimit" && value === "late")
      assert.equal(told, late.kind === "pass")
    }
  })

  it("answers in the same turn when every row does", () => {
    const { parts } = plan({}, { access: "good" })
    assert.ok(!(createGuard(parts).enter(head("POST", "/auth/account")) instanceof Promise))
  })
})

describe("guard: Host", () => {
  const cases: readonly [string, Record<string, string | string[]>, boolean][] = [
    ["its own name", { host: "api.example.com" }, true],
    ["its own name with the default port", { host: "api.example.com:443" }, true],
    ["its own name in capitals", { host: "API.example.com" }, true],
    ["another name", { host: "evil.example" }, false],
    ["a name that begins like ours", { host: "api.example.com.evil.example" }, false],
    ["another port", { host: "api.example.com:8443" }, false],
    ["no Host", { host: [] }, false],
    ["an empty Host", { host: "" }, false],
    ["two Hosts", { host: ["api.example.com", "evil.example"] }, false],
    [
      "a forwarded host beside a foreign one",
      { host: "evil.example", "x-forwarded-host": "api.example.com" },
      false,
    ],
  ]
  for (const [what, headers, passes] of cases) {
    it(`${passes ? "serves" : "answers 421 to"} ${what}`, async () => {
      const { asked, parts } = plan()
      const entered = await enter(parts, head("GET", "/", headers))
      assert.equal(entered.kind === "pass", passes)
      if (entered.kind === "reply") {
        assert.equal(entered.reply.status, 421)
        assert.deepEqual(asked, [])
      }
    })
  }
})

describe("guard: deny by default", () => {
  const open = ["/", "/products/1", "/products/a/b", "/products/caf%C3%A9", "/?x=1"]
  const closed = [
    "/orders",
    "/products",
    "/products/",
    "//",
    "/products//1",
    "/products/../orders",
    "/products/./1",
    "/products/%2e%2e/orders",
    "/products/%2F",
    "/products/..%2forders",
    "/products/%5c",
    "/products\\1",
    "/Products/1",
    "/products/1;x",
    "/products/%00",
    "/products/%25",
    "",
    "*",
    "products/1",
    "/index.html",
  ]
  for (const path of open) {
    it(`lets anybody see ${path}`, async () => {
      assert.equal((await enter(plan().parts, head("GET", path))).kind, "pass")
      assert.equal((await enter(plan().parts, head("HEAD", path))).kind, "pass")
    })
  }
  for (const path of closed) {
    it(`asks for a user at ${JSON.stringify(path)}`, async () => {
      const reply = await replyOf(plan().parts, head("GET", path))
      assert.equal(reply.status, 401)
      assert.equal(codeOf(reply), "session.none")
      assert.ok(reply.headers.some(([name]) => name === "www-authenticate"))
    })
  }
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"]) {
    it(`asks for a user at ${method} of a path that is public for GET`, async () => {
      assert.equal((await replyOf(plan().parts, head(method, "/products/1"))).status, 401)
    })
  }
  it("says to refresh when there is something to refresh with", async () => {
    const { parts } = plan({}, { refresh: "there", access: "bad" })
    assert.equal(codeOf(await replyOf(parts, head("GET", "/orders"))), "session.refresh_needed")
  })
  it("gives a public route a session when there is a good one, and none when there is a bad one", async () => {
    for (const [access, session] of [
      ["good", SESSION],
      ["bad", undefined],
    ] as const) {
      const entered = await enter(plan({}, { access }).parts, head("GET", "/"))
      assert.equal(entered.kind === "pass" && entered.session, session)
    }
  })
  it("hides everything unknown below the base path from the application", async () => {
    assert.equal(
      (await replyOf(plan({}, { access: "good" }).parts, head("POST", "/auth/unknown"))).status,
      404,
    )
  })

  it("answers a health check by one of our names, however busy the service and however it was asked", async () => {
    const no = () => refuse({ status: 503, code: "test.no", title: "No." }, "planted")
    const { parts } = plan({ https: no, overload: no, limitAddress: no })
    for (const method of ["GET", "HEAD"])
      assert.equal((await enter(parts, head(method, "/healthz"))).kind, "pass")
    const closed: readonly [string, string, Record<string, string>, number][] = [
      ["POST", "/healthz", {}, 503],
      ["GET", "/healthz/", {}, 503],
      ["GET", "/healthz/x", {}, 503],
      ["GET", "/Healthz", {}, 503],
      ["GET", "/healthz", { host: "evil.example" }, 421],
      ["GET", "/healthz", { "content-length": "1001" }, 413],
    ]
    for (const [method, path, headers, status] of closed) {
      assert.equal((await replyOf(parts, head(method, path, headers))).status, status, `${method} ${path}`)
    }
  })

  const faulty = [
    "GET",
    "GET  /",
    "get /",
    "GTE /x",
    "GET x",
    "GET /a/*/b",
    "GET /a*",
    "GET /a//b",
    "GET /a?b",
    "GET /%2e",
    "* /",
  ]
  for (const route of faulty) {
    it(`refuses to start with the public route ${JSON.stringify(route)}`, () => {
      const faults = new Faults()
      readPublicRoutes([route], faults)
      assert.equal(faults.list[0]?.code, "guard.public_route")
    })
  }
})

describe("guard: credentials", () => {
  it("refuses a cookie of ours that comes twice", async () => {
    const reply = await replyOf(plan({}, { duplicate: "__Host-x" }).parts, head("GET", "/"))
    assert.equal(codeOf(reply), "cookie.duplicate")
  })
  it("refuses a bearer token beside the access cookie", async () => {
    const reply = await replyOf(
      plan({ bearer: true }, { access: "good", bearer: "good" }).parts,
      head("GET", "/"),
    )
    assert.equal(codeOf(reply), "token.two_credentials")
  })
  it("does not look at bearer tokens unless they are wanted", async () => {
    assert.equal((await replyOf(plan({}, { bearer: "good" }).parts, head("GET", "/orders"))).status, 401)
    assert.equal(
      (await enter(plan({ bearer: true }, { bearer: "good" }).parts, head("GET", "/orders"))).kind,
      "pass",
    )
  })
})

describe("guard: failures close", () => {
  for (const [how, session] of [
    [
      "throws",
      () => {
        throw new UnavailableError("stale")
      },
    ],
    [
      "rejects",
      async () => {
        throw new UnavailableError("stale")
      },
    ],
  ] as const) {
    it(`answers 503 on a user's route when the session check ${how}, and goes on without a user on a public one`, async () => {
      const { parts } = plan({ session }, { access: "good" })
      const reply = await replyOf(parts, head("GET", "/orders"))
      assert.equal(reply.status, 503)
      assert.ok(reply.headers.some(([name]) => name === "retry-after"))
      const entered = await enter(parts, head("GET", "/"))
      assert.equal(entered.kind === "pass" && entered.session === undefined, true)
    })
  }
  it("answers 503 when a flow finds the store down, and tells only the log why", async () => {
    const { logged, parts } = plan()
    const reply = await replyOf(parts, head("POST", "/auth/down"))
    assert.equal(reply.status, 503)
    assert.doesNotMatch(reply.body ?? "", /store|inner/)
    assert.match(logged.join(), /the store is down.*inner/)
  })
  it("answers 500 without the message when a flow or a check is at fault", async () => {
    const reply = await replyOf(plan().parts, head("POST", "/auth/broken"))
    assert.equal(codeOf(reply), "service.fault")
    assert.doesNotMatch(reply.body ?? "", /canary/)
    const faulty = plan({
      csrf: () => {
        throw new TypeError("planted")
      },
    })
    assert.equal((await replyOf(faulty.parts, head("GET", "/"))).status, 500)
  })
  it("refuses a declared body that is too large before anything reads it", async () => {
    const { asked, parts } = plan()
    const reply = await replyOf(parts, head("POST", "/auth/login", { "content-length": "1001" }))
    assert.equal(reply.status, 413)
    assert.ok(!asked.includes("address-limit"))
  })
})

describe("guard: rules of an application", () => {
  it("throw without a guard before them", () => {
    for (const rule of [requireUser, requireRole("admin")]) {
      assert.throws(
        () => rule(undefined as never),
        (error) => error instanceof MisuseError && error.faults[0]?.code === "guard.missing",
      )
    }
    assert.throws(() => guarded({} as never), MisuseError)
  })
  it("refuse whoever lacks what they ask for", async () => {
    const signedIn = await enter(plan({}, { access: "good" }).parts, head("GET", "/"))
    const stranger = await enter(plan().parts, head("GET", "/"))
    assert.ok(signedIn.kind === "pass" && stranger.kind === "pass")
    assert.equal(requireUser(signedIn), PASS)
    assert.equal(requireRole("admin", "editor")(signedIn), PASS)
    assert.equal(stranger.render(requireUser(stranger))?.status, 401)
    assert.equal(signedIn.render(requireRole("admin")(signedIn))?.status, 403)
  })
  it("count per user, or per address for strangers, under the name given", async () => {
    const counted: string[] = []
    const limitNamed: GuardParts["limitNamed"] = (name, _rate, key, address) => {
      counted.push(`${name} ${key}${key === undefined ? ` from ${address}` : ""}`)
      return PASS
    }
    for (const access of ["good", "bad"]) {
      const entered = await enter(plan({ limitNamed }, { access }).parts, head("GET", "/"))
      if (entered.kind === "pass") limit("5/minute")(entered, "GET /orders")
    }
    assert.deepEqual(counted, ["GET /orders user user", "GET /orders undefined from 192.0.2.1"])
  })
  it("refuse to be made of nonsense", () => {
    assert.throws(() => requireRole(), MisuseError)
    assert.throws(() => limit("often"), MisuseError)
  })
})
