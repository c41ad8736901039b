/** Whoever asks about an address learns nothing: not from the answer, not from the work that is done for it. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import type { Store } from "../../src/store/store.ts"
import { type Answer, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"

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
  let store: Store | undefined

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
    stage = await openStage({ registration: "open" }, (opened) => {
      store = opened
      return record(opened)
    })
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

  it("a wrong password, an unknown address, an invitation and a disabled account cost one hash each", async () => {
    const invited = await store?.createAccount({
      id: "AAAAAAAAAAAAAAAAAAAAAA",
      email: "invited@example.com",
      passwordHash: null,
      roles: [],
      verified: false,
      events: [],
    })
    assert.equal(invited?.kind, "created")
    for (const name of ["known", "nobody", "invited", "disabled"]) {
      const before = stage.latch.facts().password.hashes
      const answer = await stage.ask("/auth/login", {
        json: { email: `${name}@example.com`, password: WRONG },
      })
      assert.equal(answer.status, 401, name)
      assert.equal(stage.latch.facts().password.hashes, before + 1, name)
    }
  })

  it("the right password of a disabled account is refused like a wrong one", async () => {
    const path = "/auth/login"
    const right = { json: { email: "disabled@example.com", password: PASSWORD } }
    assert.equal((await stage.ask(path, right)).status, 200, "before it is disabled")
    const account = await store?.findAccountByEmail("disabled@example.com")
    await store?.setDisabled({ accountId: account?.id ?? "", disabled: true, events: [] })
    const wrong = await stage.ask(path, { json: { email: "known@example.com", password: WRONG } })
    assert.equal(wrong.status, 401)
    assert.deepEqual(comparable(await stage.ask(path, right)), comparable(wrong))
  })
})
