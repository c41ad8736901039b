/** What only a signed-in user may do, asked with the right body and a real id: by an access token, and by every other one. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Answer, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"

interface Person {
  readonly email: string
  /** Of another session of the same account. */
  readonly otherSession: string
}

/** Each route for users: what it is given, and what it answers then. A new one needs its line here. */
const ENDPOINTS: Readonly<
  Record<
    string,
    { readonly path?: (who: Person) => string; readonly json?: object; readonly answers: unknown }
  >
> = {
  "GET /auth/me": { answers: 200 },
  "GET /auth/account": { answers: 200 },
  "GET /auth/account/events": { answers: 200 },
  "GET /auth/account/export": { answers: 200 },
  "GET /auth/account/identities": { answers: 200 },
  "GET /auth/sessions": { answers: 200 },
  "POST /auth/account/email": { json: { newEmail: "next@example.com" }, answers: 202 },
  "POST /auth/account/email/complete": {
    json: { oldCode: "123456", newCode: "654321" },
    answers: "email.codes_wrong",
  },
  "POST /auth/account/delete": { json: {}, answers: 202 },
  "POST /auth/account/keep": { json: {}, answers: 204 },
  "POST /auth/account/identities/pending": { json: {}, answers: "identity.none_pending" },
  "DELETE /auth/account/identities/:id": {
    path: () => `/auth/account/identities/${"A".repeat(22)}`,
    answers: "identity.unknown",
  },
  "POST /auth/password/change": {
    json: { currentPassword: PASSWORD, newPassword: "seven copper lanterns drift" },
    answers: 200,
  },
  "DELETE /auth/sessions/:id": { path: ({ otherSession }) => `/auth/sessions/${otherSession}`, answers: 204 },
  "DELETE /auth/sessions": { answers: 204 },
}

describe("routes for users", () => {
  let stage: Stage
  let people = 0

  before(async () => {
    stage = await openStage({ bearer: true })
  })
  after(() => stage.close())

  /** Every way to present every token of a new person, and whether it is one that signs in. */
  async function prepare(): Promise<{
    who: Person
    ways: readonly (readonly [name: string, headers: Record<string, string>, signsIn: boolean])[]
  }> {
    const email = `person${people++}@example.com`
    const browser = await signUp(stage, email)
    const other = stage.browser()
    await other.post("/auth/login", { email, password: PASSWORD })
    const otherSession = String((await other.ask("/auth/me")).json.sessionId)
    const program = { email, password: PASSWORD, transport: "bearer" }
    const { accessToken, refreshToken } = (await stage.ask("/auth/login", { json: program })).json
    const named = (part: string) => [...browser.jar.keys()].find((name) => name.includes(part)) ?? ""
    const tokens = {
      access: browser.cookie("access"),
      "bearer access": accessToken,
      refresh: browser.cookie("refresh"),
      "bearer refresh": refreshToken,
      device: browser.cookie("device"),
      "inbox key": stage.latch.developmentKey,
      none: "",
    }
    const ways = Object.entries(tokens).flatMap(([name, token]) =>
      ["access", "refresh", "device", "bearer"].map((carrier) => {
        const headers: Record<string, string> =
          carrier === "bearer"
            ? { authorization: `Bearer ${token}` }
            : { cookie: `${named(carrier)}=${token}`, origin: stage.base }
        const signsIn = name.includes("access") && (carrier === "access" || carrier === "bearer")
        return [`${name} by ${carrier}`, headers, signsIn] as const
      }),
    )
    return { who: { email, otherSession }, ways: [...ways, ["nothing", {}, false]] }
  }

  it("are the ones listed here", () => {
    const routes = stage.latch.routes.filter(({ access }) => access === "user")
    assert.deepEqual(
      routes.map(({ method, path }) => `${method} ${path}`).sort(),
      Object.keys(ENDPOINTS).sort(),
    )
  })

  for (const [endpoint, { path, json, answers }] of Object.entries(ENDPOINTS)) {
    it(`${endpoint} does what it should for an access token, and nothing for any other`, async () => {
      const [method = "", plain = ""] = endpoint.split(" ")
      const ask = async (who: Person, headers: Record<string, string>): Promise<Answer> => {
        const given = { method, headers, ...(json === undefined ? {} : { json }) }
        const answer = await stage.ask(path?.(who) ?? plain, given)
        if (answer.status !== 429) return answer
        await stage.tick(61_000)
        return stage.ask(path?.(who) ?? plain, given)
      }
      const { who, ways } = await prepare()
      for (const [name, headers, signsIn] of ways) {
        if (signsIn) continue
        const answer = await ask(who, headers)
        const code = String(answer.json.code)
        assert.equal(answer.status, 401, `${name}: ${code}`)
        assert.deepEqual(answer.setCookies, [], name)
      }
      const right = ways.filter(([, , signsIn]) => signsIn).map(([name]) => name)
      assert.equal(right.length, 4)
      for (const wanted of right) {
        const { who, ways } = await prepare()
        const [, headers = {}] = ways.find(([name]) => name === wanted) ?? []
        const answer = await ask(who, headers)
        assert.equal(
          typeof answers === "number" ? answer.status : answer.json.code,
          answers,
          `${wanted} ${answer.text}`,
        )
      }
    })
  }
})
