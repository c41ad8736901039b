/**
 * Every token that any flow makes, presented to every endpoint with every method and by every transport. On PostgreSQL that is
 * minutes, and on three instances, which all hear of each change before the next request, many: there a part of the wrong cells
 * is tried, others each time, and all in the long run.
 */
import assert from "node:assert/strict"
import { createHash, randomInt } from "node:crypto"
import { after, before, describe, it } from "node:test"
import { ENGINE } from "../flows/engine.ts"
import { type Browser, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
/** Of 256. */
const TRIED = LONG ? 256 : { sqlite: 256, postgres: 16, fleet: 4 }[ENGINE]
const SEED = Number(process.env.NIGHTLATCH_TEST_SEED ?? randomInt(2 ** 31))
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const
/** Stands for an id in a path. */
const SOME_ID = "AAAAAAAAAAAAAAAAAAAAAA"
/** Both answer 204 whatever they are given. */
const ALWAYS_204 = ["/auth/logout", "/auth/email-link/deny"]
const CARRIERS = [
  "access cookie",
  "refresh cookie",
  "device cookie",
  "bearer",
  "body token",
  "body refreshToken",
  "flow cookie and token",
  "flow cookie and code",
  "query token",
] as const
type Carrier = (typeof CARRIERS)[number]
type Cell = readonly [token: string, carrier: Carrier, method: string, endpoint: string]

/** Which token does something where: everything else has to be refused or to answer as if nothing had been sent. */
const RIGHT: readonly Cell[] = [
  ...(["access", "bearer access"].flatMap((token) =>
    (["access cookie", "bearer"] as const).flatMap((carrier) => [
      [token, carrier, "GET", "/auth/me"] as const,
      [token, carrier, "GET", "/auth/account"] as const,
      [token, carrier, "GET", "/auth/account/events"] as const,
      [token, carrier, "GET", "/auth/account/export"] as const,
      [token, carrier, "GET", "/auth/account/identities"] as const,
      [token, carrier, "GET", "/auth/sessions"] as const,
      [token, carrier, "DELETE", "/auth/sessions"] as const,
      [token, carrier, "GET", "/orders"] as const,
      ...METHODS.filter((method) => method !== "GET").map(
        (method) => [token, carrier, method, "/orders"] as const,
      ),
    ]),
  ) as [string, Carrier, string, string][]),
  ["refresh", "refresh cookie", "POST", "/auth/refresh"],
  ["bearer refresh", "body refreshToken", "POST", "/auth/refresh"],
  ["register token", "body token", "POST", "/auth/register/complete"],
  ["reset token", "body token", "POST", "/auth/password/reset"],
  ["link token", "flow cookie and token", "POST", "/auth/email-link/complete"],
  ["link code", "flow cookie and code", "POST", "/auth/email-link/complete"],
  // Pages look: the one tells who asked for the link, the other shows the account to its own browser. Neither gives anything.
  ["link token", "query token", "GET", "/auth/email-link"],
  ["refresh", "refresh cookie", "GET", "/auth/settings"],
  // Each of several processes has an inbox and a key of its own.
  ...(ENGINE === "fleet" ? [] : (["bearer", "query token"] as const)).map(
    (carrier): Cell => ["inbox key", carrier, "GET", "/auth/dev/inbox"],
  ),
]

function isChosen(cell: string): boolean {
  return TRIED === 256 || (createHash("sha256").update(`${SEED} ${cell}`).digest()[0] ?? 0) < TRIED
}

describe("every token at every endpoint", () => {
  let stage: Stage
  let names: { access: string; refresh: string; device: string }

  before(async () => {
    stage = await openStage({ bearer: true, hosts: [] })
    const browser = await signUp(stage, "names@example.com")
    const named = (part: string) => [...browser.jar.keys()].find((name) => name.includes(part)) ?? ""
    names = { access: named("access"), refresh: named("refresh"), device: named("device") }
  })
  after(() => stage.close())

  let people = 0
  /** Of the browser that asked for the link; beside it every token is tried. */
  let flowCookie = ""

  /** Fresh ones for each cell, since a right cell uses some of them up. */
  async function make(): Promise<Map<string, string>> {
    const email = `cell${people++}@example.com`
    const browser: Browser = await signUp(stage, email)
    const program = (
      await stage.ask("/auth/login", { json: { email, password: PASSWORD, transport: "bearer" } })
    ).json
    const newcomer = `new${people}@example.com`
    await stage.ask("/auth/register", { json: { email: newcomer } })
    await stage.ask("/auth/password/forgot", { json: { email } })
    const register = await stage.tokenFor(newcomer)
    const reset = await stage.tokenFor(email, "reset")
    const asking = await browser.post("/auth/email-link", { email })
    flowCookie = asking.setCookies[0]?.split(";")[0] ?? ""
    return new Map([
      ["access", browser.cookie("access") ?? ""],
      ["refresh", browser.cookie("refresh") ?? ""],
      ["device", browser.cookie("device") ?? ""],
      ["bearer access", String(program.accessToken)],
      ["bearer refresh", String(program.refreshToken)],
      ["register token", register],
      ["reset token", reset],
      ["link token", await stage.tokenFor(email, "email-link")],
      ["link code", await stage.codeFor(email)],
      ...(ENGINE === "fleet" ? [] : [["inbox key", stage.latch.developmentKey ?? ""] as const]),
    ])
  }

  function present(carrier: Carrier, method: string, path: string, token: string) {
    const cookie = (name: string) => ({ method, headers: { cookie: `${name}=${token}`, origin: stage.base } })
    switch (carrier) {
      case "access cookie":
        return stage.ask(path, cookie(names.access))
      case "refresh cookie":
        return stage.ask(path, cookie(names.refresh))
      case "device cookie":
        return stage.ask(path, cookie(names.device))
      case "bearer":
        return stage.ask(path, { method, headers: { authorization: `Bearer ${token}` } })
      case "body token":
        return stage.ask(path, { method, json: { token, password: "seven copper lanterns drift" } })
      case "body refreshToken":
        return stage.ask(path, { method, json: { refreshToken: token } })
      case "flow cookie and token":
        return stage.ask(path, {
          method,
          json: { token },
          headers: { cookie: flowCookie, origin: stage.base },
        })
      case "flow cookie and code":
        return stage.ask(path, {
          method,
          json: { code: token },
          headers: { cookie: flowCookie, origin: stage.base },
        })
      case "query token":
        return stage.ask(`${path}?token=${token}&code=${token}&key=${token}`, { method })
    }
  }

  it("does something in the right cells and nowhere else", async (t) => {
    const right = new Set(RIGHT.map((cell) => cell.join(" | ")))
    const seen = new Set<string>()
    let cells = 0
    let tokens = await make()
    const paths = stage.latch.routes.map(({ path }) => path.replace(/:\w+/, SOME_ID))
    for (const endpoint of [...new Set(paths), "/orders"]) {
      for (const method of METHODS) {
        const nothing = (
          await stage.ask(endpoint, { method, headers: { "content-type": "application/json" } })
        ).status
        for (const carrier of CARRIERS) {
          for (const name of tokens.keys()) {
            const cell = [name, carrier, method, endpoint].join(" | ")
            if (!right.has(cell) && !isChosen(cell)) continue
            cells++
            const answer = await present(carrier, method, endpoint, tokens.get(name) ?? "")
            assert.ok(answer.status < 500, `${cell}: ${answer.status}`)
            // /orders has no application behind the guard: 404 means that the guard let it through.
            const passed = answer.status < 400 || (endpoint === "/orders" && answer.status === 404)
            if (right.has(cell)) {
              assert.ok(passed, `${cell}: ${answer.status} ${answer.text}`)
              seen.add(cell)
              // Reading uses nothing up.
              if (method !== "GET") tokens = await make()
            } else if (ALWAYS_204.includes(endpoint)) {
              // Always 204, and what it named has ended.
              assert.ok(answer.status === 204 || answer.status >= 400, cell)
              if (answer.status === 204) tokens = await make()
            } else if (passed) {
              // Public answers are the same with any token, or with none.
              assert.equal(answer.status, nothing, cell)
              const given = answer.setCookies.filter((line) => !line.includes("nightlatch_probe"))
              assert.deepEqual(given, [], cell)
            }
          }
        }
      }
    }
    t.diagnostic(`${cells} cells, ${seen.size} of them right; seed ${SEED}`)
    assert.equal(seen.size, right.size)
    assert.ok(cells > 20_000 * (TRIED / 256))
  })

  it("the old tokens of an ended session are nothing anywhere", async () => {
    const browser = await signUp(stage, "ended@example.com")
    const tokens = [browser.cookie("access") ?? "", browser.cookie("refresh") ?? ""]
    await browser.copy().post("/auth/logout", {})
    for (const endpoint of ["/auth/me", "/auth/account", "/auth/sessions", "/orders"]) {
      for (const carrier of CARRIERS) {
        for (const token of tokens) assert.ok((await present(carrier, "GET", endpoint, token)).status >= 400)
      }
    }
  })
})
