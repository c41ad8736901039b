/** What the pages say when a form is asked for the bot check, without a browser: fields, policies, words, a way on. */
import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import type { Challenge } from "../../src/checklist/bot-check/index.ts"
import type { NightlatchOptions } from "../../src/index.ts"
import { SMALL, solutionOf } from "../bot-check/solve.ts"
import { openStandIn, SITE_KEY } from "../bot-check/stand-in.ts"
import { type Answer, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"
import { alertOf, press, titleOf } from "./form.ts"

async function open(t: TestContext, botCheck: NightlatchOptions["botCheck"]): Promise<Stage> {
  const stage = await openStage({ botCheck: botCheck ?? {} })
  t.after(() => stage.close())
  return stage
}

interface Told {
  readonly challenge?: Record<string, unknown>
  readonly widget?: { readonly script: string; readonly parameters: Readonly<Record<string, string>> }
  readonly worker?: string
  readonly go: boolean
}

const plain = (text: string) =>
  text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
const toldBy = ({ text }: Answer): Told => {
  const [, data] = /data-bot-check="([^"]*)"/.exec(text) ?? []
  assert.ok(data !== undefined, "the page asks for nothing")
  return JSON.parse(plain(data)) as Told
}
const policyOf = ({ headers }: Answer) => String(headers["content-security-policy"])
const hidden = ({ text }: Answer) =>
  Object.fromEntries(
    [...text.matchAll(/<input type="hidden" name="([^"]*)"(?: value="([^"]*)")?>/g)].map(
      ([, name, value]) => [name ?? "", plain(value ?? "")],
    ),
  )
const solve = (told: Told) =>
  solutionOf({ provider: "altcha", expiresAt: "", challenge: told.challenge } as unknown as Challenge)

describe("a form that sends a mail", () => {
  it("becomes a page that goes on by itself, with what was typed and no password", async (t) => {
    const stage = await open(t, { when: "always", maxNumber: SMALL })
    const browser = stage.browser()
    const asked = await press(browser, "/auth/form/register?lang=de", { email: "ada@example.com" })
    assert.equal(asked.status, 403)
    assert.match(titleOf(asked), /^Einen Moment bitte/)
    assert.equal(alertOf(asked), undefined)
    const told = toldBy(asked)
    assert.deepEqual([told.go, told.widget], [true, undefined])
    assert.match(told.worker ?? "", /^\/auth\/altcha\.js\?v=/)
    assert.deepEqual(hidden(asked), { email: "ada@example.com", "bot-check-answer-register": "" })
    assert.match(asked.text, /action="\/auth\/form\/register\?lang=de"/)
    assert.match(asked.text, /<p class="plain">Diese Prüfung braucht JavaScript/)
    assert.match(asked.text, /<script src="\/auth\/bot-check\.js\?v=[\w-]+" defer>/)
    assert.doesNotMatch(policyOf(asked), /https:|worker-src|frame-src|unsafe/)
    const fields = { ...hidden(asked), "bot-check-answer-register": solve(told) }
    const done = await press(browser, "/auth/form/register", fields)
    assert.deepEqual([done.status, done.headers.location], [303, "/auth/check-mail?for=register"])
    const again = await press(browser, "/auth/form/register", fields)
    assert.deepEqual([again.status, toldBy(again).go], [403, false])
    assert.match(titleOf(again), /^Error: One moment/)
    assert.equal(alertOf(again), "This check was used already. Try again.")
    assert.deepEqual(Object.keys(hidden(again)).sort(), ["bot-check-answer-register", "email"])
  })

  it("is every one of them, those of the account page as well", async (t) => {
    const stage = await open(t, { maxNumber: SMALL, free: { mail: { perNetwork: "1/day", inAll: "1/day" } } })
    const browser = await signUp(stage, "ada@example.com")
    for (const [form, flow, fields] of [
      ["register", "register", { email: "new@example.com" }],
      ["password-forgot", "password-forgot", { email: "other@example.com" }],
      [
        "email-link",
        "email-link",
        { email: "other@example.com", password: "typed beside it", remember: "on" },
      ],
      ["email-change", "email-change", { newEmail: "next@example.com" }],
    ] as const) {
      const asked = await press(browser, `/auth/form/${form}`, fields)
      assert.equal(asked.status, 403, form)
      assert.doesNotMatch(asked.text, /typed beside it/)
      const kept = hidden(asked)
      const done = await press(browser, `/auth/form/${form}`, {
        ...kept,
        [`bot-check-answer-${flow}`]: solve(toldBy(asked)),
      })
      assert.equal(done.status, 303, `${form} ${done.text}`)
    }
  })

  it("is not answered by a header, nor by another form's field", async (t) => {
    const stage = await open(t, { when: "always", maxNumber: SMALL })
    const browser = stage.browser()
    const email = "ada@example.com"
    const solution = solve(toldBy(await press(browser, "/auth/form/register", { email })))
    const header = await press(
      browser,
      "/auth/form/register",
      { email },
      { "x-nightlatch-bot-check": solution },
    )
    assert.equal(toldBy(header).go, true, "asked as if nothing had come")
    const other = await press(browser, "/auth/form/register", { email, "bot-check-answer-login": solution })
    assert.equal(toldBy(other).go, true)
  })
})

describe("the sign-in page", () => {
  it("is told beforehand, takes the answer with the password, and never gives a password back", async (t) => {
    const stage = await open(t, { when: "always", maxNumber: SMALL })
    const email = "ada@example.com"
    const asked = await stage.ask("/auth/register", { json: { email } })
    const { botCheck } = asked.json as { botCheck: Challenge }
    const headers = { "x-nightlatch-bot-check": solutionOf(botCheck) }
    await stage.ask("/auth/register", { json: { email }, headers })
    const token = await stage.tokenFor(email)
    await stage.ask("/auth/register/complete", { json: { token, password: PASSWORD } })
    const browser = stage.browser()
    const page = await browser.ask("/auth/sign-in")
    assert.equal(page.status, 200)
    assert.equal(toldBy(page).go, false)
    const fields = { email, password: PASSWORD, "bot-check-answer-login": solve(toldBy(page)) }
    const without = await press(browser, "/auth/form/sign-in", { email, password: PASSWORD })
    assert.equal(without.status, 403)
    assert.match(alertOf(without) ?? "", /Type your password once more/)
    assert.equal(toldBy(without).go, false)
    assert.doesNotMatch(without.text, new RegExp(PASSWORD))
    const wrong = await press(browser, "/auth/form/sign-in", {
      ...fields,
      password: "not the right one, sadly",
    })
    assert.equal(wrong.status, 401)
    const next = { ...fields, "bot-check-answer-login": solve(toldBy(wrong)) }
    assert.equal((await press(browser, "/auth/form/sign-in", next)).status, 303)
  })

  it("asks for nothing while sign-ins are free", async (t) => {
    const stage = await open(t, {})
    const page = await stage.ask("/auth/sign-in")
    assert.doesNotMatch(page.text, /bot-check|altcha/)
  })
})

for (const [provider, origins, directives, field] of [
  ["turnstile", "https://challenges.cloudflare.com", ["script-src", "frame-src"], "cf-turnstile-response"],
  [
    "hcaptcha",
    "https://hcaptcha.com https://*.hcaptcha.com",
    ["script-src", "frame-src", "style-src", "connect-src"],
    "h-captcha-response",
  ],
] as const) {
  describe(`a page with ${provider}`, () => {
    it("loads from its documented origins and from no other, and no other page does", async (t) => {
      const standIn = await openStandIn(provider, 300_000, Date.now)
      t.after(() => standIn.close())
      const stage = await openStage({
        botCheck: { ...standIn.options(provider), when: "always" },
        clock: Date.now,
      })
      t.after(() => stage.close())
      const browser = stage.browser()
      for (const path of ["register", "reset", "check-mail"])
        assert.doesNotMatch(policyOf(await browser.ask(`/auth/${path}`)), /https:/, path)
      const asked = await press(browser, "/auth/form/register", { email: "ada@example.com" })
      const policy = new Map(
        policyOf(asked)
          .split("; ")
          .map((each) => [each.split(" ")[0] ?? "", each]),
      )
      for (const directive of directives)
        assert.ok(policy.get(directive)?.endsWith(origins), policy.get(directive))
      for (const [name, sources] of policy)
        if (!(directives as readonly string[]).includes(name)) assert.doesNotMatch(sources, /https:/, name)
      const { widget: shown } = toldBy(asked)
      assert.equal(shown?.parameters.sitekey, SITE_KEY)
      if (provider === "turnstile") {
        assert.equal(shown?.parameters.action, "register")
        assert.equal(shown?.parameters.cData, hidden(asked)["bot-check-ticket-register"])
      }
      const kept = hidden(asked)
      const cdata = kept["bot-check-ticket-register"] ?? ""
      const token = standIn.token({ action: "register", cdata, at: Date.now() })
      // hCaptcha's script writes the field under a second name as well.
      const widget = { [field]: token, ...(provider === "hcaptcha" ? { "g-recaptcha-response": token } : {}) }
      const none = await press(browser, "/auth/form/register", kept)
      assert.deepEqual([none.status, none.text.includes(token)], [403, false])
      const done = await press(browser, "/auth/form/register", { ...kept, ...widget })
      assert.deepEqual([done.status, done.headers.location], [303, "/auth/check-mail?for=register"])
    })
  })
}
