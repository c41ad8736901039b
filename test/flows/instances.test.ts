/** Instances whose clocks disagree, on one PostgreSQL: nobody is signed out for it, and nothing that ended goes on. */
import assert from "node:assert/strict"
import { after, before, it } from "node:test"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import { withDatabase } from "../store/postgres-server.ts"
import { openStage, PASSWORD, type Stage } from "./stage.ts"

const EMAIL = "someone@example.com"
const ORIGIN = "http://localhost:3000"
/** Half of how far two of them are apart. */
const SKEW_MS = 15_000
/** The promise is 2 s; a busy machine may be late by itself. */
const PATIENCE_MS = 6_000
const MOST_BEHIND = 3

withDatabase("instances whose clocks are 30 s apart", (url) => {
  let stages: Stage[] = []

  before(async () => {
    const secret = generateSecret()
    stages = await Promise.all(
      [-SKEW_MS, SKEW_MS].map(async (skew) => {
        const store = await openPostgres({ url: url() })
        const options = {
          origin: ORIGIN,
          secret,
          clock: () => Date.now() + skew,
          session: { toleratedDelaySeconds: 0 },
        }
        return openStage(options, (unused) => {
          void unused.close()
          return store
        })
      }),
    )
  })
  after(() => Promise.all(stages.map((stage) => stage.close())))

  const at = (index: number): Stage => stages[index % 2] as Stage
  const ask = (index: number, path: string, cookie: string, method = "GET") =>
    at(index).ask(path, { method, headers: { host: "localhost:3000", "x-nightlatch": "1", cookie } })
  const cookiesOf = ({ setCookies }: { readonly setCookies: readonly string[] }) =>
    setCookies.map((line) => line.split(";")[0]).join("; ")

  async function signIn(index: number): Promise<string> {
    const json = { email: EMAIL, password: PASSWORD }
    return cookiesOf(await at(index).ask("/auth/login", { json, headers: { host: "localhost:3000" } }))
  }

  it("takes the tokens of both on both", async () => {
    const register = { json: { email: EMAIL }, headers: { host: "localhost:3000" } }
    assert.equal((await at(0).ask("/auth/register", register)).status, 202)
    // Whichever sends the mail.
    const token = await Promise.any([at(0).tokenFor(EMAIL), at(1).tokenFor(EMAIL)])
    const json = { token, password: PASSWORD }
    const made = await at(1).ask("/auth/register/complete", { json, headers: { host: "localhost:3000" } })
    assert.equal(made.status, 201)
    for (const index of [0, 1]) {
      const cookie = await signIn(index)
      for (const other of [0, 1]) assert.equal((await ask(other, "/auth/me", cookie)).status, 200)
    }
  })

  it("rotates in turn on both, and an old token ends the session on both", async () => {
    const first = await signIn(0)
    let cookie = first
    for (let turn = 1; turn <= 4; turn++) {
      const answer = await ask(turn, "/auth/refresh", cookie, "POST")
      assert.equal(answer.status, 200)
      cookie = cookiesOf(answer)
      assert.equal((await ask(turn + 1, "/auth/me", cookie)).status, 200)
    }
    assert.equal((await ask(1, "/auth/refresh", first, "POST")).status, 401)
    for (const index of [0, 1]) await untilRefused(index, cookie)
  })

  it("refuses on both what was ended on one", async () => {
    for (const index of [0, 1]) {
      const cookie = await signIn(index)
      assert.equal((await ask(index, "/auth/logout", cookie, "POST")).status, 204)
      for (const other of [0, 1]) await untilRefused(other, cookie)
    }
  })

  /** By each that may stand behind a stage: they take turns. */
  async function untilRefused(index: number, cookie: string): Promise<void> {
    const began = performance.now()
    let inARow = 0
    while (inARow < MOST_BEHIND && performance.now() - began < PATIENCE_MS) {
      const { status } = await ask(index, "/auth/me", cookie)
      inARow = status === 401 ? inARow + 1 : 0
      if (inARow === 0) await new Promise((later) => setTimeout(later, 25))
    }
    assert.equal(inARow, MOST_BEHIND)
  }
})
