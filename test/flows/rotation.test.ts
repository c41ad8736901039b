/** Other root secrets while requests run: in three steps nobody is signed out, and what the removed secret made is nothing. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { generateSecret, KEY_LABELS, type KeyLabel } from "../../src/checklist/secret/index.ts"
import { oidc } from "../../src/index.ts"
import type { Store } from "../../src/store/store.ts"
import { SMALL, solved } from "../bot-check/solve.ts"
import { type Hostile, json, openHostile } from "../oauth/hostile-provider.ts"
import { ENGINE } from "./engine.ts"
import { type Browser, openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

const CLIENT = "a client of the tests"
const NOW = 1_800_000_000_000
const LOGINS = 6

type Step = "append" | "move" | "remove"
/** What was begun before a step is ended after it; `gone`: the secret it was made with is not in the list any more. */
type End = (after: Step | "gone") => Promise<void>

describe("root secrets change while requests run", () => {
  const [old, young] = [generateSecret(), generateSecret()]
  let secrets: readonly string[] = [old]
  /** What the source answers instead. */
  let answering: (() => unknown) | undefined
  let provider: Hostile
  let stage: Stage
  /** The same secrets, where everybody is asked. */
  let robots: Stage
  let store: Store
  const told: string[] = []
  let number = 0
  const unique = () => `person${number++}@example.com`

  before(async () => {
    provider = await openHostile(CLIENT)
    robots = await openStage({ secret: async () => secrets, botCheck: { when: "always", maxNumber: SMALL } })
    const common = { issuer: provider.issuer, clientId: CLIENT }
    stage = await openStage(
      {
        secret: async () => (answering === undefined ? secrets : (answering() as readonly string[])),
        rateLimit: {
          perAddress: "1000000/minute",
          login: { perAccount: `${LOGINS}/minute`, perAddress: "1000000/minute" },
          refresh: { perAddress: "1000000/minute" },
          mail: { perAddress: "1000000/minute" },
        },
        oauth: {
          providers: [
            oidc({ ...common, name: "acme", emailProof: "verified-claim", keepTokens: true }),
            oidc({ ...common, name: "other", title: "Other Inc." }),
          ],
        },
      },
      (opened) => {
        store = opened
        return {
          ...opened,
          beat: async ({ secretId }) => {
            told.push(secretId)
            return []
          },
          leave: async () => {},
        }
      },
    )
  })
  after(async () => {
    await stage.close()
    await robots.close()
    await provider.close()
  })

  async function beginAt(name: string, browser: Browser) {
    const answer = await browser.ask(`/auth/oauth/${name}`)
    const { searchParams } = new URL(String(answer.headers.location))
    const nonce = searchParams.get("nonce") ?? ""
    return async (claims: object) => {
      provider.answers.set("/token", (_request, response) =>
        json(response, 200, {
          access_token: "what the provider gave",
          token_type: "Bearer",
          id_token: provider.mint({ claims: { ...provider.claims(nonce, NOW), ...claims } }),
        }),
      )
      return browser.ask(`/auth/oauth/${name}/callback?code=c&state=${searchParams.get("state")}`)
    }
  }

  const statusOfMe = async (browser: Browser) => (await browser.ask("/auth/me")).status
  const wrong = (email: string) =>
    stage.browser().post("/auth/login", { email, password: "a wrong one of them" })
  /** Strangers who guess until nobody without a known device is let in. */
  async function exhaust(email: string): Promise<void> {
    for (let count = 0; count < LOGINS; count++) assert.equal((await wrong(email)).status, 401)
    assert.equal((await wrong(email)).status, 429)
  }

  const HOLDERS: Readonly<Record<KeyLabel, () => Promise<End>>> = {
    "access-signing": async () => {
      const browser = await signUp(stage, unique())
      return async (step) => assert.equal(await statusOfMe(browser), step === "gone" ? 401 : 200)
    },
    "refresh-mac": async () => {
      const browser = await signUp(stage, unique())
      return async (step) => {
        const answer = await browser.post("/auth/refresh", {})
        assert.equal(answer.status, step === "gone" ? 401 : 200)
        if (step === "gone") assert.equal(answer.json.code, "session.invalid")
        else assert.equal(await statusOfMe(browser), 200)
      }
    },
    // The answer to a refresh was lost: whoever asks again gets the same token.
    "refresh-next": async () => {
      const browser = await signUp(stage, unique())
      const copy = browser.copy()
      assert.equal((await browser.post("/auth/refresh", {})).status, 200)
      return async (step) => {
        const answer = await copy.post("/auth/refresh", {})
        assert.equal(answer.status, step === "gone" ? 401 : 200)
        if (step !== "gone") assert.equal(copy.cookie("refresh"), browser.cookie("refresh"))
      }
    },
    "email-code": async () => {
      const email = unique()
      const browser = stage.browser()
      await browser.post("/auth/email-link", { email })
      const code = await stage.codeFor(email)
      return async (step) => {
        const answer = await browser.post("/auth/email-link/complete", { code })
        assert.equal(answer.status === 200, step !== "gone", answer.text)
      }
    },
    "bot-check": async () => {
      const register = { json: { email: unique() } }
      const headers = solved(await robots.ask("/auth/register", register))
      return async (step) => {
        await robots.latch.renewSecrets()
        const answer = await robots.ask("/auth/register", { ...register, headers })
        assert.equal(answer.status, step === "gone" ? 403 : 202, answer.text)
        if (step === "gone") assert.equal(answer.json.code, "bot_check.invalid")
      }
    },
    "oauth-flow": async () => {
      const browser = stage.browser()
      const finish = await beginAt("acme", browser)
      return async (step) => {
        const page = await finish({ sub: unique(), email: unique() })
        assert.equal(page.status === 200, step !== "gone", page.text)
        assert.equal(await statusOfMe(browser), step === "gone" ? 401 : 200)
      }
    },
    "pending-link": async () => {
      const email = unique()
      await signUp(stage, email)
      const browser = stage.browser()
      const page = await (await beginAt("other", browser))({ sub: unique(), email })
      assert.match(page.text, /linking=other/)
      return async (step) => {
        assert.equal((await browser.post("/auth/login", { email, password: PASSWORD })).status, 200)
        const linked = await browser.post("/auth/account/identities/pending", {})
        if (step === "gone") assert.equal(linked.json.code, "identity.none_pending")
        else assert.deepEqual(linked.json, { provider: "other" })
      }
    },
    "provider-tokens": async () => {
      const browser = stage.browser()
      await (await beginAt("acme", browser))({ sub: unique(), email: unique() })
      const userId = String((await browser.ask("/auth/me")).json.userId)
      return async (step) => {
        const kept = await stage.latch.providerTokens({ userId, provider: "acme" })
        assert.equal(kept?.accessToken, step === "gone" ? undefined : "what the provider gave")
      }
    },
    "known-device": async () => {
      const email = unique()
      const owner = await signUp(stage, email)
      return async (step) => {
        await exhaust(email)
        const { status } = await owner.post("/auth/login", { email, password: PASSWORD })
        assert.equal(status, step === "gone" ? 429 : 200)
      }
    },
    // Buckets are named by the first secret: with another one they begin full.
    "limit-key": async () => {
      const email = unique()
      await exhaust(email)
      return async (step) => {
        const anew = step === "move" || step === "gone"
        assert.equal((await wrong(email)).status, anew ? 401 : 429)
      }
    },
    // The same for the same secrets in another order.
    "secret-id": async () => {
      const before = told.at(-1)
      assert.match(before ?? "", /^[\w-]{22}$/)
      return async (step) => {
        await until(() => (told.at(-1) !== before) === (step !== "move"))
      }
    },
  }

  async function beginAll(): Promise<ReadonlyMap<string, End>> {
    const ends = new Map<string, End>()
    for (const [label, begin] of Object.entries(HOLDERS)) ends.set(label, await begin())
    return ends
  }

  async function endAll(ends: ReadonlyMap<string, End>, after: Step | "gone"): Promise<void> {
    for (const [label, end] of ends) {
      await end(after).catch((error: unknown) => {
        throw new Error(`${label} after ${after}`, { cause: error })
      })
    }
  }

  /** People who go on all the while; their refusals are counted. */
  function traffic(browsers: readonly Browser[]): {
    readonly asked: () => number
    stop(): Promise<string[]>
  } {
    let going = true
    let asked = 0
    const refused: string[] = []
    const one = async (browser: Browser, at: number) => {
      while (going) {
        const path = at % 2 === 0 ? "/auth/me" : "/auth/refresh"
        const answer = path === "/auth/me" ? await browser.ask(path) : await browser.post(path, {})
        if (answer.status !== 200) refused.push(`${path} ${answer.status} ${answer.text}`)
        asked++
        at++
      }
    }
    const all = browsers.map((browser, index) => one(browser, index))
    return {
      asked: () => asked,
      async stop() {
        going = false
        await Promise.all(all)
        return refused
      },
    }
  }

  const line = () => stage.latch.checklist().find((row) => row.line.id === "secret")?.state
  const keysOf = async () =>
    (await stage.ask("/.well-known/jwks.json")).json.keys as { readonly kid: string }[]

  it("and every purpose is looked at", () => {
    assert.deepEqual(Object.keys(HOLDERS).sort(), [...KEY_LABELS].sort())
  })

  it("in three steps: nobody is signed out, no request fails, and then the removed secret is nothing", async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => signUp(stage, unique())))
    const stale = await beginAll()
    const kids = [await keysOf()]
    const steps: readonly (readonly [Step, readonly string[]])[] = [
      ["append", [old, young]],
      ["move", [young, old]],
      ["remove", [young]],
    ]
    for (const [step, list] of steps) {
      const held = await beginAll()
      const busy = traffic(people)
      await until(() => busy.asked() > 20)
      secrets = list
      await stage.latch.renewSecrets()
      const then = busy.asked()
      await until(() => busy.asked() > then + 40)
      await endAll(held, step)
      assert.deepEqual(await busy.stop(), [])
      kids.push(await keysOf())
      assert.equal(line()?.state, "holds")
      // As long as a token lives, in small: everybody rotates once, and the first secret signs.
      await stage.tick(20_000)
      for (const person of people) {
        const before = person.cookie("refresh")
        assert.equal((await person.post("/auth/refresh", {})).status, 200)
        assert.notEqual(person.cookie("refresh"), before)
      }
    }
    const [first, appended, moved, removed] = kids.map((keys) => keys.map(({ kid }) => kid))
    assert.deepEqual(appended, [first?.[0], removed?.[0]])
    assert.deepEqual(moved, [removed?.[0], first?.[0]])
    assert.equal(removed?.length, 1)
    for (const person of people) assert.equal(await statusOfMe(person), 200)

    await endAll(stale, "gone")
    assert.ok(stage.logged.some((text) => /another list is in use; whatever a removed secret/.test(text)))
    await until(() =>
      stage.logged.some((text) => /no instance has one any more while sessions of it could live/.test(text)),
    )
    const events = (await store.listEvents({ limit: 200 })).map(({ type }) => type)
    assert.ok(events.includes("secret.added") && events.includes("secret.removed"))
    assert.doesNotMatch(events.join(), /session\.(?:reuse|rollback|parent_late)/)
    for (const secret of [old, young]) assert.ok(!stage.logged.some((text) => text.includes(secret)))
  })

  it("at once, when a secret has leaked: everybody signs in again, nobody is told of theft", async () => {
    const person = await signUp(stage, unique())
    const email = unique()
    await signUp(stage, email)
    secrets = [generateSecret()]
    await stage.latch.renewSecrets()
    assert.equal(await statusOfMe(person), 401)
    assert.equal((await person.post("/auth/refresh", {})).json.code, "session.invalid")
    assert.equal((await person.post("/auth/login", { email, password: PASSWORD })).status, 200)
    const events = (await store.listEvents({ limit: 50 })).map(({ type }) => type)
    assert.doesNotMatch(events.join(), /session\.(?:reuse|rollback|parent_late)/)
  })

  const CANARY = "Canary7canary7Canary7canary7Canary7canary7"
  const REFUSED: readonly (readonly [what: string, answer: () => unknown, why: RegExp])[] = [
    ["nothing", () => undefined, /there is no secret \[secret\.missing\]/],
    ["an empty list", () => [], /\[secret\.missing\]/],
    ["a weak one", () => ["changeme"], /\[secret\.published\]/],
    ["one twice", () => [secrets[0], secrets[0]], /\[secret\.duplicate\]/],
    ["a good and a bad one", () => [secrets[0], CANARY], /\[secret\.(?:short|weak)\]/],
    ["another function", () => () => secrets, /\[option\.invalid\]/],
    [
      "an error that holds the secret",
      () => {
        throw new RangeError(`no good: ${CANARY}`)
      },
      /failed \(RangeError\)/,
    ],
  ]
  for (const [what, answer, why] of REFUSED) {
    it(`keeps the last good list when the source answers ${what}, and says so`, async () => {
      const person = await signUp(stage, unique())
      const good = secrets
      const before = stage.logged.length
      try {
        answering = answer
        await stage.latch.renewSecrets()
        await stage.latch.renewSecrets()
      } finally {
        answering = undefined
      }
      assert.equal(await statusOfMe(person), 200)
      assert.equal((await person.post("/auth/refresh", {})).status, 200)
      const now = line()
      assert.equal(now?.state, "fails")
      assert.match(now?.why ?? "", why)
      const logged = stage.logged.slice(before).join("\n")
      assert.match(logged, why)
      assert.equal(logged.match(/no renewal/g)?.length, ENGINE === "fleet" ? 3 : 1, "each tells it once")
      for (const secret of [...good, CANARY]) assert.ok(!(logged + now?.why).includes(secret))
      await stage.latch.renewSecrets()
      assert.equal(line()?.state, "holds")
    })
  }
})

async function until(holds: () => boolean): Promise<void> {
  const patience = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > patience) assert.fail(`it did not happen: ${holds}`)
    await delay(5)
  }
}
