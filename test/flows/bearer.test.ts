/** Tokens in the body: for programs alone, and as mortal as those in cookies. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Answer, type Browser, openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

describe("bearer sessions", () => {
  const email = "program@example.com"
  let stage: Stage
  let browser: Browser

  before(async () => {
    stage = await openStage({ bearer: true })
    browser = await signUp(stage, email)
  })
  after(() => stage.close())

  const signIn = (headers: Record<string, string> = {}): Promise<Answer> =>
    stage.ask("/auth/login", { json: { email, password: PASSWORD, transport: "bearer" }, headers })
  const refresh = (refreshToken: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    stage.ask("/auth/refresh", { json: { refreshToken }, headers })
  const logout = (json: object): Promise<Answer> => stage.ask("/auth/logout", { json })

  for (const path of ["/auth/login", "/auth/register/complete"]) {
    it(`are not begun at ${path} by what looks like a browser`, async () => {
      const marks: Record<string, string>[] = [
        { origin: stage.base },
        ...["site", "mode", "dest", "user", "storage-access"].map((name) => ({
          [`sec-fetch-${name}`]: "same-origin",
        })),
        ...["access", "refresh", "device"].map((part) => {
          const [name, value] = [...browser.jar].find(([each]) => each.includes(part)) ?? []
          return { cookie: `${name}=${value}` }
        }),
      ]
      for (const headers of marks) {
        const json =
          path === "/auth/login"
            ? { email, password: PASSWORD, transport: "bearer" }
            : { token: "A".repeat(43), password: PASSWORD, transport: "bearer" }
        const answer = await stage.ask(path, { json, headers })
        assert.deepEqual([answer.status, answer.json.code], [403, "bearer.browser"], JSON.stringify(headers))
        assert.doesNotMatch(answer.text, /eyJ|nlr1_/)
      }
    })
  }

  it("are refreshed by programs, and not by what has an Origin", async () => {
    const { refreshToken } = (await signIn()).json
    const refused = await refresh(refreshToken, { origin: stage.base })
    assert.deepEqual([refused.status, refused.json.code], [401, "session.invalid"])
    assert.equal((await refresh(refreshToken)).status, 200)
  })

  it("end by their refresh token in the body, of any generation", async () => {
    for (const generation of [1, 2]) {
      const { accessToken, refreshToken: first } = (await signIn()).json
      const { refreshToken: second } = (await refresh(first)).json
      assert.equal((await logout({ refreshToken: generation === 1 ? first : second })).status, 204)
      assert.equal((await refresh(second)).json.code, "session.ended")
      const me = await stage.ask("/auth/me", { headers: { authorization: `Bearer ${accessToken}` } })
      assert.equal(me.status, 401)
    }
  })

  it("are not said to have ended when the body could not be read", async () => {
    const { refreshToken } = (await signIn()).json
    for (const json of [{ refreshToken, more: 1 }, { refresh_token: refreshToken }, [refreshToken]])
      assert.equal((await logout(json)).status, 422)
    assert.equal((await refresh(refreshToken)).status, 200)
  })

  it("do not end by the token of a cookie, nor cookie sessions by a body", async () => {
    const cookie = browser.cookie("refresh") ?? ""
    assert.equal((await logout({ refreshToken: cookie })).status, 204)
    assert.equal((await browser.post("/auth/refresh")).status, 200)
    const { refreshToken } = (await signIn()).json
    const copy = browser.copy()
    assert.equal((await copy.post("/auth/logout", { refreshToken })).status, 204)
    assert.equal((await browser.ask("/auth/me")).status, 401)
    assert.equal((await refresh(refreshToken)).status, 200)
  })
})
