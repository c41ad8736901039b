import assert from "node:assert/strict"
import { once } from "node:events"
import { globSync, readFileSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { describe, it, type TestContext } from "node:test"
import type { Facts } from "../../core/facts.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { formPostTarget, state } from "./index.ts"
import type { ProviderPolicy } from "./policy.ts"
import { createTransport } from "./transport.ts"

describe("a posted form", () => {
  const callbackUri = "https://api.example.com/auth/oauth/apple/callback"
  const formPost = { path: "/auth/oauth/apple/form-post", foreignOrigin: "https://appleid.apple.com" }
  const apple = { callbackUri, formPost } as ProviderPolicy

  for (const [title, body, target] of [
    ["a code", "code=a&state=b", "?code=a&state=b"],
    ["a code with its issuer", "code=a&state=b&iss=https%3A%2F%2Fx", "?code=a&state=b&iss=https%3A%2F%2Fx"],
    ["an error", "error=access_denied&state=b&error_description=x", "?state=b&error=access_denied"],
    ["a code, a name and an ID token", "code=a&state=b&user=%7B%7D&id_token=x", "?code=a&state=b"],
    ["a state that breaks out", "code=a&state=b%26x%3D1%23", "?code=a&state=b%26x%3D1%23"],
    ["a line break", "code=a&state=b%0D%0ASet-Cookie:x", "?code=a&state=b%0D%0ASet-Cookie%3Ax"],
    ["no state", "code=a", undefined],
    ["no code", "state=b", undefined],
    ["a code and an error", "code=a&error=x&state=b", undefined],
    ["two codes", "code=a&code=b&state=b", undefined],
    ["two states", "code=a&state=b&state=b", undefined],
    ["nothing", "", undefined],
    ["too much", `code=${"a".repeat(5_000)}&state=b`, undefined],
  ] as const) {
    it(`with ${title} leads ${target === undefined ? "nowhere" : "to the callback"}`, () => {
      const expected = target === undefined ? undefined : `${callbackUri}${target}`
      assert.equal(formPostTarget(apple, new URLSearchParams(body)), expected)
    })
  }

  it("of a provider that answers by redirect leads nowhere", () => {
    const google = { callbackUri, formPost: undefined } as ProviderPolicy
    assert.equal(formPostTarget(google, new URLSearchParams("code=a&state=b")), undefined)
  })
})

describe("the way to a provider", () => {
  async function serve(t: TestContext, listener: RequestListener): Promise<string> {
    const server = createServer(listener)
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    t.after(async () => {
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const transport = (timeoutMs: number, insecure = true) =>
    createTransport({ provider: "acme", fetch, insecure, timeoutMs })
  const refuses = (work: Promise<unknown>, why: RegExp) =>
    assert.rejects(work, (error: unknown) => error instanceof UnavailableError && why.test(error.message))

  for (const [title, listener] of [
    ["says nothing", () => {}],
    ["stops after the head", (_request, response) => void response.writeHead(200).flushHeaders()],
    ["stops in the middle", (_request, response) => void response.writeHead(200).write("{")],
    [
      "goes on forever, a little at a time",
      (_request, response) => {
        const timer = setInterval(() => response.write(" "), 10)
        response.on("close", () => clearInterval(timer))
      },
    ],
  ] as readonly (readonly [string, RequestListener])[]) {
    it(`ends in time when the provider ${title}`, async (t) => {
      const base = await serve(t, listener)
      await refuses(
        transport(100)(`${base}/x?canary=1`, {}),
        /^provider acme: http:\/\/[\d.:]+\/x: no answer in time$/,
      )
    })
  }

  it("has room for 256 KiB and not for a byte more", async (t) => {
    const base = await serve(t, (request, response) =>
      response.end("x".repeat(Number(request.url?.slice(1)))),
    )
    const ask = transport(60_000)
    assert.equal((await (await ask(`${base}/262144`, {})).text()).length, 262_144)
    await refuses(ask(`${base}/262145`, {}), /more than 262144 bytes/)
  })

  it("carries 64 requests at once, and the next ones when those have ended", async (t) => {
    const waiting: (() => void)[] = []
    let held = true
    const base = await serve(t, (_request, response) => {
      if (held) waiting.push(() => void response.end())
      else response.end()
    })
    const ask = transport(60_000)
    const first = Array.from({ length: 64 }, () => ask(base, {}))
    await refuses(ask(base, {}), /too many requests at once/)
    while (waiting.length < 64) await new Promise((later) => setTimeout(later, 5))
    held = false
    for (const answer of waiting) answer()
    await Promise.all(first)
    assert.equal((await ask(base, {})).status, 200)
  })

  it("asks by https, or on this machine where that is allowed", async () => {
    const asked: string[] = []
    const answer = async (url: unknown) => {
      asked.push(String(url))
      return new Response("{}")
    }
    const make = (insecure: boolean) =>
      createTransport({ provider: "acme", fetch: answer as typeof fetch, insecure, timeoutMs: 1_000 })
    await make(false)("https://login.example.com/a", {})
    await make(true)("http://127.0.0.1/b", {})
    await make(true)("https://login.example.com/c", {})
    for (const [insecure, url] of [
      [false, "http://127.0.0.1/d"],
      [false, "http://login.example.com/e"],
      [true, "http://login.example.com/f"],
      [true, "http://127.0.0.1.evil.example/g"],
      [true, "file:///etc/passwd"],
      [true, "data:application/json,{}"],
    ] as const) {
      await refuses(make(insecure)(url, {}), /not an https address/)
    }
    assert.deepEqual(asked, [
      "https://login.example.com/a",
      "http://127.0.0.1/b",
      "https://login.example.com/c",
    ])
  })

  it("keeps nothing of an answer's head but what decides something", async (t) => {
    const base = await serve(t, (_request, response) => {
      response.writeHead(200, {
        "content-type": "application/json",
        "set-cookie": "a=b",
        link: "<x>",
        "x-y": "z",
      })
      response.end("{}")
    })
    const { headers } = await transport(60_000)(base, {})
    assert.deepEqual([...headers.keys()], ["content-type"])
  })
})

describe("the line of the checklist", () => {
  const facts = (providers: readonly string[], secure: boolean, loopback = false) =>
    ({ oauth: { providers, secure }, loopback }) as unknown as Facts
  for (const [title, given, expected, why] of [
    ["no provider", facts([], true), "holds", /No provider is configured/],
    ["two providers", facts(["google", "acme"], true), "holds", /^google, acme: state, PKCE and nonce/],
    ["one over http on this machine", facts(["acme"], false, true), "holds", /plain http on this machine/],
    ["one over http elsewhere", facts(["acme"], false), "fails", /changed on the way/],
  ] as const) {
    it(`with ${title}: ${expected}`, () => {
      const line = state(given)
      assert.equal(line.state, expected)
      assert.match(line.why, why)
      assert.equal(line.fix === undefined, expected === "holds")
    })
  }
})

it("the library is loaded when it is needed, and not with the room", (t) => {
  const files = globSync("*.ts", { cwd: import.meta.dirname }).filter((path) => !path.endsWith(".test.ts"))
  const imports = files.flatMap((path) =>
    [...readFileSync(join(import.meta.dirname, path), "utf8").matchAll(/^.*"oauth4webapi".*$/gm)].map(
      ([line]) => line,
    ),
  )
  t.diagnostic(`${files.length} files, ${imports.length} mentions of the library`)
  assert.ok(files.length > 10 && imports.length >= 3)
  for (const line of imports) assert.match(line, /^import type |typeof import\("|=> import\("/)
})
