/** Turnstile and hCaptcha against stand-ins that speak their siteverify: what is good, what is not, and what is no answer. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import {
  type Challenge,
  createBotChecks,
  readBotCheck,
  writeAnswer,
} from "../../src/checklist/bot-check/index.ts"
import { createSiteVerify } from "../../src/checklist/bot-check/site-verify.ts"
import { WIDGETS, type WidgetName } from "../../src/checklist/bot-check/widget.ts"
import { Faults } from "../../src/core/misuse.ts"
import { type Failure, openStandIn, SECRET_KEY, SITE_KEY, type StandIn, type Visit } from "./stand-in.ts"

const LIFETIMES = { turnstile: 300_000, hcaptcha: 120_000 } as const
const REASON = "people must be able to sign up while the provider is down"

for (const provider of ["turnstile", "hcaptcha"] as const) {
  describe(provider, () => {
    let now = 1_800_000_000_000
    let standIn: StandIn
    const logged: string[] = []
    const log = (fields: object, text: string) => void logged.push(`${text} ${JSON.stringify(fields)}`)

    before(async () => {
      standIn = await openStandIn(provider, LIFETIMES[provider], () => now)
    })
    after(() => standIn.close())

    function checks(more: { readonly open?: boolean; readonly secretKey?: string } = {}) {
      const faults = new Faults()
      const unsafe = more.open === true ? { botCheckOpenWhenDown: REASON } : {}
      const given = {
        ...standIn.options(provider),
        ...(more.secretKey === undefined ? {} : { secretKey: more.secretKey }),
      }
      const policy = readBotCheck(given, { loopback: true, unsafe }, faults)
      faults.throwIfAny()
      return createBotChecks({
        policy,
        keys: { list: [Buffer.alloc(32, 3)] },
        hostnames: new Set(["localhost", "app.example.com"]),
        clock: () => now,
        logger: { info: log, warn: log, error: log },
      })
    }

    function asked(challenge: Challenge) {
      assert.ok(challenge.provider !== "altcha")
      assert.deepEqual([challenge.provider, challenge.siteKey], [provider, SITE_KEY])
      return challenge
    }

    /** As the widget on our page gives it. */
    const tokenFor = ({ action, ticket }: { action: string; ticket: string }, more: Partial<Visit> = {}) =>
      standIn.token({ action, cdata: ticket, at: now, ...more })

    async function codeOf(
      bots: ReturnType<typeof checks>,
      ticket: string,
      token: unknown,
      route = "register",
    ): Promise<string> {
      const judged = await bots.judge(route, [writeAnswer({ ticket, token })])
      return judged.kind === "good" ? "good" : judged.refusal.code
    }

    it("takes a token once, for its ticket, and tells the provider no more than it needs", async () => {
      const bots = checks()
      const challenge = asked(bots.ask("register"))
      const token = tokenFor(challenge)
      const judged = await bots.judge("register", [writeAnswer({ ticket: challenge.ticket, token })])
      assert.ok(judged.kind === "good" && judged.lifetimeMs > 600_000 && judged.hash.length === 32)
      const wanted = {
        secret: SECRET_KEY,
        response: token,
        ...(provider === "hcaptcha" ? { sitekey: SITE_KEY } : {}),
      }
      assert.deepEqual(Object.fromEntries(standIn.asked.at(-1) ?? []), wanted)
      assert.equal(await codeOf(bots, challenge.ticket, token), "bot_check.used")
      assert.equal(await codeOf(bots, asked(bots.ask("register")).ticket, token), "bot_check.used")
    })

    it("redeems the ticket whatever the provider says of a second token", async () => {
      const bots = checks()
      const challenge = asked(bots.ask("register"))
      const hashes = await Promise.all(
        [0, 1].map(async () => {
          const answer = writeAnswer({ ticket: challenge.ticket, token: tokenFor(challenge) })
          const judged = await bots.judge("register", [answer])
          return judged.kind === "good" ? judged.hash.toString("hex") : assert.fail(judged.reason)
        }),
      )
      assert.equal(hashes[0], hashes[1])
    })

    it("takes one from a listed origin's page, and none from another site's", async () => {
      const bots = checks()
      for (const [hostname, code] of [
        ["app.example.com", "good"],
        ["evil.example", "bot_check.invalid"],
        ["localhost.evil.example", "bot_check.invalid"],
        ["", "bot_check.invalid"],
      ] as const) {
        const challenge = asked(bots.ask("register"))
        assert.equal(await codeOf(bots, challenge.ticket, tokenFor(challenge, { hostname })), code, hostname)
      }
    })

    it("takes none of another time: before the ticket, long ago, from the future", async () => {
      const bots = checks()
      const challenge = asked(bots.ask("register"))
      for (const at of [now - 61_000, now + 61_000]) {
        assert.equal(
          await codeOf(bots, challenge.ticket, tokenFor(challenge, { at })),
          "bot_check.invalid",
          `${at}`,
        )
      }
      const early = tokenFor(challenge)
      now += LIFETIMES[provider] + 1
      assert.equal(await codeOf(bots, challenge.ticket, early), "bot_check.used")
      assert.equal(await codeOf(bots, challenge.ticket, tokenFor(challenge)), "good")
      now += 600_000
      assert.equal(await codeOf(bots, challenge.ticket, tokenFor(challenge)), "bot_check.expired")
    })

    it("takes none for another route or with a ticket that is not ours", async () => {
      const bots = checks()
      const challenge = asked(bots.ask("register"))
      const questions = standIn.asked.length
      assert.equal(await codeOf(bots, challenge.ticket, tokenFor(challenge), "login"), "bot_check.invalid")
      assert.equal(await codeOf(bots, "A".repeat(80), tokenFor(challenge)), "bot_check.invalid")
      for (const token of ["a b", "x".repeat(6_001), "<script>", 5, null, ["x"], "", undefined])
        assert.equal(await codeOf(bots, challenge.ticket, token), "bot_check.invalid", String(token))
      assert.equal(standIn.asked.length, questions, "the provider was not asked")
      assert.equal(await codeOf(bots, challenge.ticket, "never-given"), "bot_check.invalid")
    })

    if (provider === "turnstile") {
      it("takes none whose action or data is another one's, although the provider says yes", async () => {
        const bots = checks()
        for (const more of [{ action: "login" }, { action: "" }, { cdata: "" }, { cdata: "A".repeat(80) }]) {
          const challenge = asked(bots.ask("register"))
          const token = tokenFor(challenge, more)
          assert.equal(await codeOf(bots, challenge.ticket, token), "bot_check.invalid", JSON.stringify(more))
        }
      })
    }

    const failures: readonly [Failure, RegExp][] = [
      ["breaks off", /cannot be reached/],
      ["500", /answers 500/],
      ["404", /answers 404/],
      ["garbage", /something else/],
      ["not JSON", /something else/],
      ["redirects", /redirect/],
      ["endless", /more than 16384 bytes/],
    ]
    for (const [failure, why] of failures) {
      it(`refuses while the provider ${failure}, and opens only for a written reason`, async (t) => {
        standIn.failure = failure
        t.after(() => {
          standIn.failure = undefined
        })
        const closed = checks()
        const challenge = asked(closed.ask("register"))
        const token = tokenFor(challenge)
        const judged = await closed.judge("register", [writeAnswer({ ticket: challenge.ticket, token })])
        assert.ok(judged.kind === "refusal" && judged.refusal.status === 503)
        assert.equal(judged.refusal.code, "bot_check.unavailable")
        assert.ok(judged.headers.some(([name]) => name === "retry-after"))
        assert.match(closed.describe().down ?? "", why)
        assert.equal(standIn.followed(), 0)
        const open = checks({ open: true })
        assert.equal(await codeOf(open, challenge.ticket, token), "good")
        // Nobody gets a token from a provider that is down.
        assert.equal(await codeOf(open, challenge.ticket, ""), "good")
        assert.equal(open.describe().unchecked, 2)
        assert.equal(
          await codeOf(open, "A".repeat(80), token),
          "bot_check.invalid",
          "a ticket is needed anyway",
        )
        standIn.failure = undefined
        assert.equal(
          await codeOf(closed, challenge.ticket, token),
          "good",
          "the same answer, when it is back",
        )
        assert.equal(closed.describe().down, undefined)
        assert.equal(await codeOf(open, challenge.ticket, ""), "bot_check.invalid")
      })
    }

    it("does not open for what visitors can bring about: too many at once, at the provider or here", async (t) => {
      standIn.failure = "429"
      t.after(() => {
        standIn.failure = undefined
      })
      const open = checks({ open: true })
      const { ticket } = asked(open.ask("register"))
      assert.equal(await codeOf(open, ticket, "some-token"), "bot_check.unavailable")
      assert.equal(open.describe().unchecked, 0)
    })

    it("refuses when it cannot be reached or the keys are wrong, and never says them", async () => {
      const wrong = checks({ secretKey: "2x0000000000000000000000000000000WRONG" })
      const challenge = asked(wrong.ask("register"))
      assert.equal(await codeOf(wrong, challenge.ticket, tokenFor(challenge)), "bot_check.unavailable")
      assert.equal(wrong.describe().down, "it says invalid-input-secret")
      assert.ok(logged.length > 0)
      for (const line of logged) assert.doesNotMatch(line, /SECRET|WRONG|xxxx/)
    })

    it("waits for so long and no longer, and asks no more than so many at once", async (t) => {
      standIn.failure = "hangs"
      t.after(() => {
        standIn.failure = undefined
      })
      const site = createSiteVerify({
        ...standIn.options(provider),
        widget: WIDGETS[provider],
        hostnames: new Set(),
        timeoutMs: 200,
      })
      const about = {
        route: "register",
        ticketText: "",
        ticket: { issuedAt: 0, expires: 0, id: Buffer.alloc(16) },
        now,
      }
      const verdicts = await Promise.all(Array.from({ length: 70 }, () => site.ask("token", about)))
      assert.equal(verdicts.filter(({ kind }) => kind === "down").length, 64)
      assert.equal(verdicts.filter(({ kind }) => kind === "busy").length, 6)
      const late = verdicts.find((verdict) => verdict.kind === "down")
      assert.equal(late?.kind === "down" && late.why, "it does not answer in time")
      await delay(10)
      standIn.failure = undefined
      assert.equal((await site.ask("token", about)).kind, "bad", "room again")
    })
  })
}

describe("what the pages may load", () => {
  it("is what the providers document, by host and https", () => {
    for (const name of ["turnstile", "hcaptcha"] satisfies WidgetName[]) {
      const { policy, script, verifyUrl } = WIDGETS[name]
      for (const source of Object.values(policy).flat())
        assert.match(source, /^https:\/\/(?:challenges\.cloudflare\.com|hcaptcha\.com|\*\.hcaptcha\.com)$/)
      const { host } = new URL(script)
      assert.ok(
        policy["script-src"]?.some((source) => host.endsWith(source.replace(/^https:\/\/(?:\*\.)?/, ""))),
      )
      assert.equal(new URL(verifyUrl).protocol, "https:")
    }
  })
})
