import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { Faults } from "../../core/misuse.ts"
import type { RequestView } from "../../core/request.ts"
import { checkCors, readCors } from "./index.ts"

const OWN = new URL("https://api.example.com")
const LISTED = "https://app.example.com"
const policy = readCors({ origins: [LISTED, "https://other.example:8443"] }, OWN, new Faults())

function view(method: string, headers: Record<string, string | string[]>): RequestView {
  const values = (name: string) => [headers[name] ?? []].flat()
  return { method, header: (name: string) => values(name)[0], headerValues: values } as unknown as RequestView
}

const preflight = (origin: string, method = "PUT", wanted = "content-type") =>
  checkCors(
    policy,
    view("OPTIONS", {
      origin,
      "access-control-request-method": method,
      "access-control-request-headers": wanted,
    }),
  )

/** Everything that looks like a listed origin and is not. */
const LOOKALIKES = [
  "http://app.example.com",
  "https://app.example.com:8443",
  "https://app.example.com.evil.example",
  "https://evilapp.example.com",
  "https://app.example.com.",
  "https://app.example.co",
  "https://app-example.com",
  "https://APP.example.com",
  "HTTPS://app.example.com",
  "https://app.example.com/",
  "https://app.example.com/x",
  "https://app.example.com:443",
  "https://user@app.example.com",
  "https://app.example.com@evil.example",
  " https://app.example.com",
  "https://app.example.com ",
  "https://app.example.com,https://evil.example",
  "https://аpp.example.com",
  "https://xn--pp-6kc.example.com",
  "null",
  "",
  "*",
  "app.example.com",
  "//app.example.com",
  "https://other.example",
  "https://example.com",
  "file://",
  "chrome-extension://app.example.com",
  "https://app.example.com\u0000",
]

describe("cors: who may read", () => {
  it("answers a listed origin with exactly that origin and credentials", () => {
    const verdict = checkCors(policy, view("GET", { origin: LISTED }))
    assert.ok(verdict.kind === "pass")
    assert.deepEqual(new Map(verdict.headers).get("access-control-allow-origin"), LISTED)
    assert.deepEqual(new Map(verdict.headers).get("access-control-allow-credentials"), "true")
  })
  for (const origin of LOOKALIKES) {
    it(`gives ${JSON.stringify(origin)} no CORS header and lets it change nothing`, () => {
      for (const method of ["GET", "HEAD"]) {
        const verdict = checkCors(policy, view(method, { origin }))
        assert.ok(
          verdict.kind === "pass" && verdict.headers.every(([name]) => !name.startsWith("access-control")),
        )
      }
      for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
        const verdict = checkCors(policy, view(method, { origin }))
        assert.ok(
          verdict.kind === "refusal" &&
            verdict.refusal.code === "cors.foreign_origin" &&
            verdict.headers.length === 0,
        )
      }
      const asked = preflight(origin)
      assert.ok(asked.kind === "refusal" && asked.headers.length === 0)
    })
  }
  it("passes only the exact strings, whatever else is sent", () => {
    const exact = new Set([LISTED, "https://other.example:8443", OWN.origin])
    const mutated = fc
      .tuple(fc.constantFrom(...exact), fc.nat(40), fc.string({ maxLength: 3 }))
      .map(([origin, at, piece]) => origin.slice(0, at) + piece + origin.slice(at))
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string(), fc.webUrl()), (origin) => {
        const verdict = checkCors(policy, view("POST", { origin }))
        assert.equal(verdict.kind === "pass", exact.has(origin))
      }),
      { numRuns: process.env.NIGHTLATCH_TEST_SCALE === "long" ? 100_000 : 2_000 },
    )
  })
  it("believes no request with two Origins", () => {
    assert.equal(
      checkCors(policy, view("POST", { origin: [LISTED, "https://evil.example"] })).kind,
      "refusal",
    )
  })
})

describe("cors: preflights", () => {
  it("grants what is listed and mirrors nothing", () => {
    const verdict = preflight(LISTED)
    assert.ok(verdict.kind === "answer")
    const headers = new Map(verdict.reply.headers)
    assert.equal(verdict.reply.status, 204)
    assert.equal(headers.get("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE")
    assert.equal(
      headers.get("access-control-allow-headers"),
      "content-type, x-nightlatch, x-nightlatch-bot-check",
    )
    assert.equal(headers.get("access-control-allow-private-network"), undefined)
  })
  for (const [method, wanted] of [
    ["TRACE", ""],
    ["put", ""],
    ["PROPFIND", ""],
    ["PUT", "x-evil"],
    ["PUT", "content-type, authorization"],
  ] as const) {
    it(`refuses ${method} with headers ${JSON.stringify(wanted)}`, () =>
      assert.equal(preflight(LISTED, method, wanted).kind, "refusal"))
  }
})

describe("cors: configuration", () => {
  const bad: readonly [string, unknown, string][] = [
    ["*", { origins: ["*"] }, "cors.origin"],
    ["null", { origins: ["null"] }, "cors.origin"],
    ["no scheme", { origins: ["app.example.com"] }, "cors.origin"],
    ["a path", { origins: ["https://app.example.com/x"] }, "cors.origin"],
    ["a slash at the end", { origins: ["https://app.example.com/"] }, "cors.origin"],
    ["capitals", { origins: ["https://App.example.com"] }, "cors.origin"],
    ["a default port", { origins: ["https://app.example.com:443"] }, "cors.origin"],
    ["user information", { origins: ["https://me@app.example.com"] }, "cors.origin"],
    ["plain http", { origins: ["http://app.example.com"] }, "cors.origin"],
    ["a loopback origin for a public service", { origins: ["http://localhost:5173"] }, "cors.origin"],
    ["another scheme", { origins: ["ftp://app.example.com"] }, "cors.origin"],
    ["a wildcard host", { origins: ["https://*.example.com"] }, "cors.origin"],
    ["a text instead of a list", { origins: LISTED }, "option.invalid"],
    ["a misspelt option", { orgins: [LISTED] }, "option.unknown"],
    ["a method in small letters", { methods: ["put"] }, "cors.method"],
    ["a forbidden method", { methods: ["TRACE"] }, "cors.method"],
    ["all headers", { headers: ["*"] }, "cors.header"],
    ["a header with a line break", { exposedHeaders: ["x\r\ny"] }, "cors.header"],
    ["a day of remembering", { maxAgeSeconds: 86_400 }, "option.invalid"],
  ]
  for (const [what, input, code] of bad) {
    it(`refuses to start with ${what}`, () => {
      const faults = new Faults()
      readCors(input, OWN, faults)
      assert.ok(
        faults.list.some((fault) => fault.code === code),
        JSON.stringify(faults.list),
      )
      assert.ok(faults.list.every((fault) => fault.fix.length > 10))
    })
  }
  it("lists a loopback origin for a loopback service", () => {
    const faults = new Faults()
    readCors({ origins: ["http://localhost:5173"] }, new URL("http://localhost:3000"), faults)
    assert.deepEqual(faults.list, [])
  })
})
