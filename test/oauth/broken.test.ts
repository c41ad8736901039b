/** Providers that are down, slow, endless, lead elsewhere or answer something else: closed, in bounded time, without secrets. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { oidc } from "../../src/checklist/oauth/index.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { type Answer, type Hostile, json, openHostile } from "./hostile-provider.ts"
import { assertFinished, assertRefused, begin, callback, openStage, SIGN_IN, type Stage } from "./stage.ts"

const CLIENT = "nightlatch"
const SECRET = "canary-client-secret"
const METADATA = "/.well-known/openid-configuration"

const plain =
  (
    status: number,
    type: string,
    body: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Answer =>
  (_request, response) => {
    response.writeHead(status, { "content-type": type, ...headers }).end(body)
  }
const cut: Answer = (_request, response) => void response.destroy()
const endless: Answer = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" })
  const more = () => {
    while (!response.destroyed && response.write(" ".repeat(65_536)));
  }
  response.on("drain", more)
  more()
}

const LIST = "answers a list"
/** What a broken endpoint answers; each is tried at each endpoint. */
const BROKEN: readonly (readonly [title: string, answer: Answer])[] = [
  ["cuts the connection", cut],
  ["never ends", endless],
  ["sends half a megabyte", plain(200, "application/json", JSON.stringify({ x: "x".repeat(500_000) }))],
  ["answers 500", plain(500, "application/json", "{}")],
  ["answers 503 with a page", plain(503, "text/html", "<h1>Back soon</h1>")],
  ["answers a page", plain(200, "text/html", "<h1>canary-page</h1>")],
  ["answers nothing", plain(200, "application/json", "")],
  ["answers 204", plain(204, "application/json", "")],
  [LIST, plain(200, "application/json", "[]")],
  ["answers half of a JSON text", plain(200, "application/json", '{"access_token":"canary-acc')],
  ["answers bytes that are no text", plain(200, "application/json", Buffer.from([0x7b, 0xff, 0x7d]))],
]

const ERRORS: readonly (readonly [title: string, answer: Answer, code: string])[] = [
  [
    "a code that was used before",
    plain(400, "application/json", '{"error":"invalid_grant"}'),
    "oauth.response",
  ],
  ["a code of another form", plain(400, "application/json", '{"error":"invalid_request"}'), "oauth.response"],
  ["our credentials", plain(400, "application/json", '{"error":"invalid_client"}'), "unavailable"],
  [
    "our credentials as HTTP does",
    plain(401, "application/json", '{"error":"invalid_client"}', {
      "www-authenticate": 'Basic realm="canary-realm"',
    }),
    "unavailable",
  ],
  ["us in words", plain(400, "application/json", '{"error":"canary-text\\n"}'), "unavailable"],
  ["us without JSON", plain(400, "text/plain", "invalid_grant"), "unavailable"],
  ["us for the moment", plain(429, "application/json", '{"error":"slow_down"}'), "unavailable"],
]

describe("a provider", () => {
  let hostile: Hostile
  let elsewhere: Hostile
  let stage: Stage
  before(async () => {
    hostile = await openHostile(CLIENT)
    elsewhere = await openHostile(CLIENT)
  })
  after(() => Promise.all([hostile.close(), elsewhere.close()]))
  beforeEach(() => {
    hostile.answers.clear()
    hostile.received.length = 0
    hostile.metadata = {}
    stage = open()
  })

  function open(options: object = {}, timeoutMs = 60_000): Stage {
    const { issuer } = hostile
    return openStage([oidc({ name: "acme", issuer, clientId: CLIENT, clientSecret: SECRET, ...options })], {
      timeoutMs,
    })
  }

  async function unavailable(work: Promise<unknown>, secrets: readonly string[] = []): Promise<string> {
    const error = await work.then(
      (result) => assert.fail(`it was answered: ${JSON.stringify(result)}`),
      (error: unknown) => error,
    )
    assert.ok(error instanceof UnavailableError, String(error))
    assert.match(error.message, /^provider acme: /)
    assert.equal(error.cause, undefined)
    const told = `${error.message} ${error.stack} ${JSON.stringify(stage.logged)}`
    for (const secret of [SECRET, "canary-", "the-code", ...secrets]) assert.ok(!told.includes(secret), told)
    return error.message
  }

  /** A flow whose ID token will be right. */
  async function start() {
    const started = await begin(stage, "acme")
    hostile.answers.set("/token", (_request, response) =>
      json(response, 200, {
        access_token: "canary-access",
        token_type: "bearer",
        id_token: hostile.mint({ claims: hostile.claims(started.nonce, stage.now) }),
      }),
    )
    const { state, nonce, begun } = started
    return {
      finish: () => stage.oauth.finish("acme", callback(state), begun.cookie.value),
      secrets: [state, nonce, begun.cookie.value],
    }
  }

  for (const [title, answer] of BROKEN) {
    it(`whose metadata endpoint ${title} begins nothing, and is asked again the next time`, async () => {
      hostile.answers.set(METADATA, answer)
      await unavailable(stage.oauth.begin("acme", SIGN_IN))
      hostile.answers.clear()
      await begin(stage, "acme")
    })

    it(`whose token endpoint ${title} signs nobody in`, async () => {
      const { finish, secrets } = await start()
      hostile.answers.set("/token", answer)
      await unavailable(finish(), secrets)
    })

    it(`whose key endpoint ${title} signs nobody in`, async () => {
      const { finish, secrets } = await start()
      hostile.answers.set("/jwks", answer)
      if (title === LIST) assertRefused(await finish(), "oauth.identity")
      else await unavailable(finish(), secrets)
      hostile.answers.delete("/jwks")
    })
  }

  for (const [title, answer, code] of ERRORS) {
    it(`that refuses ${title}: ${code}`, async () => {
      const { finish, secrets } = await start()
      hostile.answers.set("/token", answer)
      if (code === "unavailable") await unavailable(finish(), secrets)
      else assertRefused(await finish(), code)
      // The operator hears of what only the operator can mend.
      const heard = /"error":/.test(JSON.stringify(stage.logged).replaceAll("\\", ""))
      assert.equal(heard, code === "unavailable" && title !== "us without JSON")
    })
  }

  for (const status of [301, 302, 303, 307, 308]) {
    it(`that redirects with ${status} is not followed, from no endpoint`, async () => {
      elsewhere.received.length = 0
      const redirect = plain(status, "text/html", "", { location: `${elsewhere.issuer}/token` })
      const { finish, secrets } = await start()
      for (const path of ["/token", "/jwks"]) {
        const honest = hostile.answers.get(path)
        hostile.answers.set(path, redirect)
        await unavailable(finish(), secrets)
        if (honest === undefined) hostile.answers.delete(path)
        else hostile.answers.set(path, honest)
      }
      stage = open()
      hostile.answers.set(METADATA, redirect)
      await unavailable(stage.oauth.begin("acme", SIGN_IN))
      assert.deepEqual(elsewhere.received, [])
    })
  }

  it("that stops in the middle of a sentence is given up", async () => {
    // Long enough for honest answers on a busy machine, short enough to wait for.
    stage = open({}, 4_000)
    const { finish, secrets } = await start()
    hostile.answers.set("/token", (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      response.write('{"access_token":')
    })
    assert.match(await unavailable(finish(), secrets), /\/token: no answer in time$/)
  })

  it("that is not there is named with its address", async () => {
    const { finish } = await start()
    hostile.answers.set("/token", cut)
    assert.match(await unavailable(finish()), /http:\/\/127\.0\.0\.1:\d+\/token: [A-Z_]+$/)
  })

  for (const [title, metadata] of [
    ["another issuer", { issuer: "https://evil.example" }],
    ["no issuer", { issuer: undefined }],
    ["a number as issuer", { issuer: 5 }],
    ["no authorization endpoint", { authorization_endpoint: undefined }],
    ["a script as authorization endpoint", { authorization_endpoint: "javascript:alert(1)" }],
    ["an authorization endpoint over http", { authorization_endpoint: "http://login.example.com/" }],
    ["no token endpoint", { token_endpoint: undefined }],
    ["a token endpoint over http", { token_endpoint: "http://login.example.com/token" }],
    ["a file as token endpoint", { token_endpoint: "file:///etc/passwd" }],
    ["no keys", { jwks_uri: undefined }],
    ["keys over http", { jwks_uri: "http://login.example.com/keys" }],
  ] as const) {
    it(`whose metadata name ${title} is not used`, async () => {
      hostile.metadata = metadata
      await unavailable(stage.oauth.begin("acme", SIGN_IN))
    })
  }

  it("whose metadata spell the issuer with a slash is told how", async () => {
    hostile.metadata = { issuer: `${hostile.issuer}/` }
    const told = await unavailable(stage.oauth.begin("acme", SIGN_IN))
    assert.ok(told.includes(JSON.stringify(`${hostile.issuer}/`)), told)
  })

  it("is asked for its metadata once an hour, however many come at once", async () => {
    const asked = () => hostile.received.filter(({ path }) => path === METADATA).length
    await Promise.all(Array.from({ length: 30 }, () => begin(stage, "acme")))
    assert.equal(asked(), 1)
    stage.now += 3_599_999
    await begin(stage, "acme")
    assert.equal(asked(), 1)
    stage.now += 1
    await Promise.all(Array.from({ length: 30 }, () => begin(stage, "acme")))
    assert.equal(asked(), 2)
  })

  for (const [title, methods, options, basic, post] of [
    ["says nothing about it", undefined, {}, true, false],
    ["knows only Basic", ["client_secret_basic"], {}, true, false],
    ["knows only the body", ["client_secret_post"], {}, false, true],
    ["knows both", ["client_secret_basic", "client_secret_post"], {}, false, true],
    ["gave no secret", ["none"], { clientSecret: undefined }, false, false],
  ] as const) {
    it(`that ${title} gets our credentials ${basic ? "by Basic" : post ? "in the body" : "by PKCE alone"}`, async () => {
      hostile.metadata = { token_endpoint_auth_methods_supported: methods }
      stage = open(options)
      const { finish } = await start()
      assertFinished(await finish())
      const request = hostile.received.find(({ path }) => path === "/token")
      const credentials = Buffer.from(`${CLIENT}:canary%2Dclient%2Dsecret`).toString("base64")
      assert.equal(request?.headers.authorization, basic ? `Basic ${credentials}` : undefined)
      assert.equal(request?.body.get("client_secret"), post ? SECRET : null)
      assert.equal(request?.body.get("client_id"), basic ? null : CLIENT)
      assert.equal(request?.body.get("code_verifier")?.length, 43)
    })
  }

  it("was broken in at least 40 ways", (t) => {
    const count = BROKEN.length * 3 + ERRORS.length + 5 * 3
    t.diagnostic(`${count} broken answers of providers`)
    assert.ok(count >= 40)
  })
})
