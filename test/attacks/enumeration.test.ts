/** Whoever asks about an address learns nothing: not from the answer, not from the work that is done for it. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import type { Store } from "../../src/store/store.ts"
import { SMALL, solved } from "../bot-check/solve.ts"
import { ENGINE } from "../flows/engine.ts"
import { type Answer, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"

/** What looks into one process is not played on several. */
function itInOne(name: string, body: () => Promise<void>): void {
  if (ENGINE !== "fleet") it(name, body)
}

const WRONG = "seven copper lanterns drift"

/** What differs from request to request: ids, times and the counters of limits. */
function comparable(answer: Answer): object {
  const headers = Object.fromEntries(
    Object.entries(answer.headers).filter(([name]) => !/^(?:date|ratelimit|content-length)$/.test(name)),
  )
  const text = answer.text.replace(/urn:nightlatch:instance:[\w-]+/, "instance")
  const cookies = answer.setCookies.map((line) => line.replace(/=[\w-]{64};/, "=flow;"))
  return {
    status: answer.status,
    headers: { ...headers, "set-cookie": cookies },
    text,
    length: answer.headers["content-length"],
  }
}

describe("known and unknown", () => {
  let stage: Stage
  let verbs: string[] = []

  before(async () => {
    const record = (store: Store): Store =>
      new Proxy(store, {
        get(target, name: keyof Store) {
          const verb = target[name] as (...values: unknown[]) => unknown
          return (...values: unknown[]) => {
            // The sender and the feed have their own time.
            if (
              !/^(?:claimMail|issueToken|issueFlow|listDueDeletions|countForeignHashes|listEvents|finishMail|retryMail|readRevocations|purge|describe|close)$/.test(
                name,
              )
            )
              verbs.push(name)
            return verb.apply(target, values)
          }
        },
      })
    stage = await openStage({ registration: "open" }, record)
    await signUp(stage, "known@example.com")
    await signUp(stage, "disabled@example.com")
  })
  after(() => stage.close())

  const cases: readonly [string, object, object][] = [
    [
      "/auth/login",
      { email: "known@example.com", password: WRONG },
      { email: "nobody@example.com", password: WRONG },
    ],
    ["/auth/register", { email: "known@example.com" }, { email: "newcomer@example.com" }],
    ["/auth/password/forgot", { email: "known@example.com" }, { email: "stranger@example.com" }],
    ["/auth/email-link", { email: "known@example.com" }, { email: "visitor@example.com" }],
  ]
  for (const [path, known, unknown] of cases) {
    it(`${path}: same answer, same verbs of the store in the same order`, async () => {
      const answers: object[] = []
      const recorded: string[][] = []
      for (const json of [known, unknown]) {
        verbs = []
        answers.push(comparable(await stage.ask(path, { json })))
        recorded.push([...verbs])
      }
      assert.deepEqual(answers[0], answers[1])
      assert.deepEqual(recorded[0], recorded[1])
      assert.ok((recorded[0]?.length ?? 0) >= 2)
    })
  }

  // Hashes are counted in one process.
  itInOne(
    "a wrong password, an unknown address, an invitation and a disabled account cost one hash each",
    async () => {
      const invited = await stage.store.createAccount({
        id: "AAAAAAAAAAAAAAAAAAAAAA",
        email: "invited@example.com",
        passwordHash: null,
        roles: [],
        verified: false,
        events: [],
      })
      assert.equal(invited.kind, "created")
      for (const name of ["known", "nobody", "invited", "disabled"]) {
        const before = stage.latch.facts().password.hashes
        const answer = await stage.ask("/auth/login", {
          json: { email: `${name}@example.com`, password: WRONG },
        })
        assert.equal(answer.status, 401, name)
        assert.equal(stage.latch.facts().password.hashes, before + 1, name)
      }
    },
  )

  it("the right password of a disabled account is refused like a wrong one", async () => {
    const path = "/auth/login"
    const right = { json: { email: "disabled@example.com", password: PASSWORD } }
    assert.equal((await stage.ask(path, right)).status, 200, "before it is disabled")
    const account = await stage.store.findAccountByEmail("disabled@example.com")
    await stage.store.setDisabled({ accountId: account?.id ?? "", disabled: true, events: [] })
    const wrong = await stage.ask(path, { json: { email: "known@example.com", password: WRONG } })
    assert.equal(wrong.status, 401)
    assert.deepEqual(comparable(await stage.ask(path, right)), comparable(wrong))
  })

  it("the bot check does the same for both, with nothing, with a known browser of another account, with a solution", async (t) => {
    const recorded: string[] = []
    const own = await openStage(
      {
        botCheck: {
          maxNumber: SMALL,
          free: {
            mail: { perNetwork: "3/day" },
            signIn: { perAccount: "1/day", perNetwork: "1000/day" },
          },
        },
      },
      (opened) => ({
        ...opened,
        findAccountByEmail(email) {
          recorded.push("findAccountByEmail")
          return opened.findAccountByEmail(email)
        },
        redeemState(input) {
          recorded.push("redeemState")
          return opened.redeemState(input)
        },
        countFailure(input) {
          recorded.push("countFailure")
          return opened.countFailure(input)
        },
      }),
    )
    t.after(() => own.close())
    await signUp(own, "known@example.com")
    const other = await signUp(own, "other@example.com")
    const device = [...other.jar].find(([name]) => name.includes("device"))?.join("=") ?? ""
    const seen = new Map<string, unknown[]>()
    for (const email of ["known@example.com", "nobody@example.com"]) {
      // What the network has free is full again.
      await own.tick(3 * 86_400_000)
      const rows: unknown[] = []
      const note = async (path: string, json: object, headers: Record<string, string>) => {
        recorded.length = 0
        const answer = await own.ask(path, { json, headers: { origin: own.base, ...headers } })
        const members = Object.keys(answer.json).sort()
        rows.push([
          path,
          answer.status,
          answer.json.code,
          members,
          Object.keys(answer.headers),
          [...recorded],
        ])
        return answer
      }
      for (const headers of [{}, { cookie: device }]) {
        const login = { email, password: WRONG }
        await note("/auth/login", login, headers)
        const asked = await note("/auth/login", login, headers)
        await note("/auth/login", login, { ...headers, ...solved(asked) })
        await note("/auth/login", login, { ...headers, ...solved(asked) })
        for (const path of ["/auth/password/forgot", "/auth/register", "/auth/email-link"]) {
          await note(path, { email }, headers)
          const due = await note(path, { email }, headers)
          if (due.status === 403) await note(path, { email }, { ...headers, ...solved(due) })
        }
      }
      seen.set(email, rows)
    }
    assert.deepEqual(seen.get("known@example.com"), seen.get("nobody@example.com"))
    assert.ok(seen.get("known@example.com")?.some((row) => JSON.stringify(row).includes("bot_check.used")))
  })
})
