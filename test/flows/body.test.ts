/** What the flows take as a request at all. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { openStage, PASSWORD, type Stage } from "./stage.ts"

describe("requests of the flows", () => {
  let stage: Stage
  before(async () => {
    stage = await openStage()
  })
  after(() => stage.close())

  const body = JSON.stringify({ email: "someone@example.com", password: PASSWORD })

  it("are exactly application/json", async () => {
    for (const type of [
      "",
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/jsonp",
      "application/json; charset=latin1",
      "application/json, text/plain",
      "text/plain; application/json",
      "application/json+x",
      "text/json",
    ]) {
      const headers = type === "" ? {} : { "content-type": type }
      const answer = await stage.ask("/auth/login", { body, headers })
      assert.deepEqual([answer.status, answer.json.code], [415, "body.type"], type)
    }
    for (const type of ["application/json", "Application/JSON", "application/json; charset=utf-8"]) {
      assert.equal((await stage.ask("/auth/login", { body, headers: { "content-type": type } })).status, 401)
    }
    const encoded = { "content-type": "application/json", "content-encoding": "gzip" }
    assert.equal((await stage.ask("/auth/login", { body, headers: encoded })).status, 415)
  })

  const SHAPES: readonly [unknown, number][] = [
    [{}, 422],
    [[], 422],
    [{ email: "someone@example.com" }, 422],
    [{ email: { $ne: null }, password: { $gt: "" } }, 422],
    [{ email: ["someone@example.com"], password: PASSWORD }, 422],
    [{ email: "someone@example.com", password: 12345 }, 422],
    [{ email: "someone@example.com", password: PASSWORD, roles: ["admin"] }, 422],
    [{ email: "someone@example.com", password: PASSWORD, constructor: {} }, 422],
    [{ email: "a@example.com,b@example.com", password: PASSWORD }, 422],
    [{ email: "someone@example.com", password: "" }, 422],
  ]
  for (const [json, status] of SHAPES) {
    it(`${status} for ${JSON.stringify(json).slice(0, 70)}, without an echo of it`, async () => {
      const answer = await stage.ask("/auth/login", { json })
      assert.equal(answer.status, status)
      assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/)
      assert.doesNotMatch(answer.text, /violet|someone@|\$ne|admin/)
    })
  }

  for (const text of [
    "",
    "{",
    "null",
    '"x"',
    '{"email":"a@example.com","email":"b@example.com"}',
    '{"__proto__":{}}',
  ]) {
    it(`400 for the text ${text}`, async () => {
      const answer = await stage.ask("/auth/login", {
        body: text,
        headers: { "content-type": "application/json" },
      })
      assert.deepEqual([answer.status, answer.json.code], [400, "body.malformed"])
    })
  }

  it("a method that a path does not know is 405 with Allow, whatever an override header says", async () => {
    for (const [path, method, allow] of [
      ["/auth/me", "POST", /GET/],
      ["/auth/login", "PUT", /POST/],
      ["/auth/sessions", "PATCH", /DELETE/],
    ] as const) {
      const answer = await stage.ask(path, {
        method,
        headers: { "x-http-method-override": "GET", "content-type": "application/json" },
      })
      assert.equal(answer.status, 405, path)
      assert.match(String(answer.headers.allow), allow)
    }
    const trace = await stage.ask("/auth/me", { method: "TRACE" })
    assert.ok(trace.status === 405 || trace.status === 401 || trace.status === 501, `${trace.status}`)
  })

  it("every 401 names a scheme, every answer forbids caching what is about somebody", async () => {
    for (const path of ["/auth/me", "/auth/account", "/auth/sessions", "/orders"]) {
      const answer = await stage.ask(path)
      assert.equal(answer.status, 401)
      assert.match(String(answer.headers["www-authenticate"]), /^Bearer realm=/)
      assert.equal(answer.headers["cache-control"], "no-store")
      assert.equal(answer.headers["x-powered-by"], undefined)
      assert.equal(answer.headers.server, undefined)
    }
  })
})
