/** The forms for people who are not signed in: a skin over the flows, so that every decision is the flow's. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Browser, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"
import { actionsOf, alertOf, press, titleOf } from "./form.ts"

describe("forms", () => {
  let stage: Stage
  let people = 0
  const email = () => `person${people++}@example.com`
  before(async () => {
    stage = await openStage()
  })
  after(() => stage.close())

  async function codeFor(address: string): Promise<{ code: string; token: string }> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const mail = stage.latch.inbox?.list().find(({ to, code }) => to === address && code !== undefined)
      if (mail !== undefined) return { code: mail.code ?? "", token: mail.link?.split("?token=")[1] ?? "" }
      await new Promise((later) => setTimeout(later, 5))
    }
    throw new Error(`no code for ${address}`)
  }

  it("register: ask, choose a password that is refused, choose another, signed in", async () => {
    const address = email()
    const browser = stage.browser()
    const asked = await press(browser, "/auth/form/register", { email: address })
    assert.deepEqual([asked.status, asked.headers.location], [303, "/auth/check-mail?for=register"])
    const token = await stage.tokenFor(address)
    const refused = await press(browser, "/auth/form/register-complete", {
      link: `${stage.base}/auth/register#token=${token}`,
      password: "violet",
    })
    assert.equal(refused.status, 422)
    assert.match(alertOf(refused) ?? "", /at least 15 characters/)
    assert.match(titleOf(refused), /^Error: /)
    assert.match(refused.text, new RegExp(`type="hidden" name="link" value="${token}"`))
    assert.doesNotMatch(refused.text, /violet/)
    const done = await press(browser, "/auth/form/register-complete", { link: token, password: PASSWORD })
    assert.deepEqual([done.status, done.headers.location], [303, "/auth/settings"])
    assert.equal((await browser.ask("/auth/me")).status, 200)
    const again = await press(stage.browser(), "/auth/form/register-complete", {
      link: token,
      password: PASSWORD,
    })
    assert.equal(again.status, 400)
    assert.match(again.text, /This link does not work any more/)
    assert.match(again.text, /href="\/auth\/register">Ask for a new one/)
  })

  it("a damaged link says so, whatever is damaged, and never by the name of a code", async () => {
    for (const link of [
      "",
      "abc",
      "https://x.example/",
      `${"a".repeat(42)}`,
      `${"a".repeat(44)}`,
      "<script>",
    ]) {
      for (const form of ["register-complete", "password-reset"]) {
        const answer = await press(stage.browser(), `/auth/form/${form}`, { link, password: PASSWORD })
        assert.match(answer.text, /This link does not work any more/, link)
        assert.doesNotMatch(answer.text, /body\.invalid|<script>/)
        assert.ok(answer.status >= 400 && answer.status < 500)
      }
    }
  })

  it("sign in: the address is kept, the password never, and return leads on", async () => {
    const address = email()
    await signUp(stage, address)
    const browser = stage.browser()
    const wrong = await press(browser, "/auth/form/sign-in?return=/orders", {
      email: address,
      password: "seven copper lanterns drift",
    })
    assert.equal(wrong.status, 401)
    assert.match(String(wrong.headers["www-authenticate"]), /^Bearer/)
    assert.equal(alertOf(wrong), "Address or password is wrong.")
    assert.match(wrong.text, new RegExp(`value="${address}"`))
    assert.doesNotMatch(wrong.text, /copper/)
    assert.ok(actionsOf(wrong).includes("/auth/form/sign-in?return=%2Forders"))
    const right = await press(browser, "/auth/form/sign-in?return=/orders?open%3D1", {
      email: address,
      password: PASSWORD,
      remember: "on",
    })
    assert.deepEqual([right.status, right.headers.location], [303, "/orders?open=1"])
    assert.ok(right.setCookies.some((line) => /refresh_token.*Max-Age=/.test(line)))
    assert.equal((await browser.ask("/auth/me")).status, 200)
    const forgotten = await press(stage.browser(), "/auth/form/sign-in", {
      email: address,
      password: PASSWORD,
    })
    for (const line of forgotten.setCookies.filter((each) => /refresh|access/.test(each)))
      assert.doesNotMatch(line, /max-age/i)
  })

  it("an unknown address is answered like a wrong password", async () => {
    const known = email()
    await signUp(stage, known)
    const answers = []
    for (const address of [known, email()]) {
      const answer = await press(stage.browser(), "/auth/form/sign-in", {
        email: address,
        password: "x".repeat(20),
      })
      answers.push({ status: answer.status, text: answer.text.replaceAll(address, "them") })
    }
    assert.deepEqual(answers[0], answers[1])
  })

  it("an open redirect is none: anything foreign leads to the account", async () => {
    const address = email()
    await signUp(stage, address)
    for (const target of [
      "//evil.example",
      "/\\evil.example",
      "https://evil.example",
      "/.//evil.example",
      "\t//evil.example",
    ]) {
      const path = `/auth/form/sign-in?${new URLSearchParams({ return: target })}`
      const answer = await press(stage.browser(), path, { email: address, password: PASSWORD })
      assert.equal(answer.headers.location, "/auth/settings", target)
      const page = await stage.ask(`/auth/sign-in?${new URLSearchParams({ return: target })}`)
      assert.doesNotMatch(page.text, /evil/)
    }
    const twice = await press(stage.browser(), "/auth/form/sign-in?return=/a&return=/b", {
      email: address,
      password: PASSWORD,
    })
    assert.equal(twice.headers.location, "/auth/settings")
  })

  it("forgot and reset: everybody the same, signed out everywhere, and then the sign-in page", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const [known, unknown] = [
      await press(stage.browser(), "/auth/form/password-forgot", { email: address }),
      await press(stage.browser(), "/auth/form/password-forgot", { email: email() }),
    ]
    assert.deepEqual([known.status, known.headers.location], [unknown.status, unknown.headers.location])
    const link = await stage.tokenFor(address, "reset")
    const done = await press(stage.browser(), "/auth/form/password-reset", {
      link,
      password: "seven copper lanterns drift",
    })
    assert.deepEqual(
      [done.status, done.headers.location, done.setCookies],
      [303, "/auth/sign-in?done=reset", []],
    )
    assert.equal((await browser.ask("/auth/me")).status, 401)
    assert.match((await stage.ask("/auth/sign-in?done=reset")).text, /Your password is changed/)
  })

  it("email link: the code signs in the browser that asked, wrong ones are counted by the flow", async () => {
    const address = email()
    const browser = stage.browser()
    const asked = await press(browser, "/auth/form/email-link?return=/orders", {
      email: address,
      remember: "on",
    })
    assert.equal(asked.headers.location, "/auth/check-mail?for=email-link&return=%2Forders")
    const page = await browser.ask(String(asked.headers.location))
    assert.match(page.text, new RegExp(`<b>${address}</b>`))
    assert.match(page.text, /autocomplete="one-time-code"[^>]*inputmode="numeric"/)
    const { code } = await codeFor(address)
    const form = actionsOf(page)[0] ?? ""
    const wrong = await press(browser, form, { code: code === "000000" ? "000001" : "000000" })
    assert.equal(wrong.status, 400)
    assert.match(alertOf(wrong) ?? "", /code is wrong/)
    assert.match(alertOf(await press(browser, form, { code: "" })) ?? "", /six digits/)
    const done = await press(browser, form, { code: ` ${code.slice(0, 3)} ${code.slice(3)}` })
    assert.deepEqual([done.status, done.headers.location], [303, "/orders"])
    assert.equal((await browser.ask("/auth/me")).status, 200)
  })

  it("email link: after three wrong codes it says that the code has ended, and where to ask again", async () => {
    const address = email()
    const browser = stage.browser()
    await press(browser, "/auth/form/email-link", { email: address })
    const { code } = await codeFor(address)
    const wrong = code === "000000" ? "000001" : "000000"
    let answer = await press(browser, "/auth/form/email-code", { code: wrong })
    for (let tries = 0; tries < 2; tries++)
      answer = await press(browser, "/auth/form/email-code", { code: wrong })
    assert.match(alertOf(answer) ?? "", /code does not work any more/)
    assert.match(answer.text, /href="\/auth\/sign-in"/)
    assert.match(
      alertOf(await press(browser, "/auth/form/email-code", { code })) ?? "",
      /code does not work any more/,
    )
    assert.equal((await browser.ask("/auth/me")).status, 401)
  })

  it("email link: opened elsewhere there is no button to sign in, and pressing it anyway signs in nobody", async () => {
    const address = email()
    const asker = stage.browser()
    await press(asker, "/auth/form/email-link", { email: address })
    const { token } = await codeFor(address)
    const stranger = stage.browser()
    const elsewhere = await stranger.ask(`/auth/email-link?token=${token}`)
    assert.equal(elsewhere.status, 200)
    assert.match(elsewhere.text, /This is another browser/)
    assert.match(elsewhere.text, /127\.0\.0\.0\/24/)
    assert.deepEqual(actionsOf(elsewhere), ["/auth/form/email-link-deny"])
    const pressed = await press(stranger, "/auth/form/email-link-open", { token })
    assert.equal(pressed.status, 400)
    assert.match(pressed.text, /This is another browser/)
    assert.deepEqual(pressed.setCookies, [])
    // And with a flow of its own.
    await press(stranger, "/auth/form/email-link", { email: email() })
    assert.deepEqual(actionsOf(await stranger.ask(`/auth/email-link?token=${token}`)), [
      "/auth/form/email-link-deny",
    ])
    const here = await asker.ask(`/auth/email-link?token=${token}`)
    assert.deepEqual(actionsOf(here), ["/auth/form/email-link-open"])
    const done = await press(asker, "/auth/form/email-link-open", { token })
    assert.deepEqual([done.status, done.headers.location], [303, "/auth/settings"])
    assert.match((await asker.ask(`/auth/email-link?token=${token}`)).text, /does not work any more/)
    assert.match((await press(asker, "/auth/form/email-link-open", { token })).text, /does not work any more/)
  })

  it("email link: I did not ask for this", async () => {
    const address = email()
    const asker = stage.browser()
    await press(asker, "/auth/form/email-link", { email: address })
    const { code, token } = await codeFor(address)
    const denied = await press(stage.browser(), "/auth/form/email-link-deny", { token })
    assert.deepEqual([denied.status, denied.headers.location], [303, "/auth/email-link?done=denied"])
    assert.match((await stage.ask("/auth/email-link?done=denied")).text, /nobody was signed in/)
    assert.match(
      alertOf(await press(asker, "/auth/form/email-code", { code })) ?? "",
      /does not work any more/,
    )
    for (const bad of ["", "x", "a".repeat(43)]) {
      const page = await stage.ask(`/auth/email-link?token=${bad}`)
      assert.equal(page.status, 410)
      assert.match(page.text, /href="\/auth\/sign-in">Ask for a new one/)
    }
  })

  const FOREIGN: readonly Readonly<Record<string, string>>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost:1" },
    { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site", origin: "http://localhost:1" },
  ]
  const EVERY: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["sign-in", { email: "victim@example.com", password: PASSWORD }],
    ["sign-out", {}],
    ["register", { email: "victim@example.com" }],
    ["email-link", { email: "victim@example.com" }],
    ["password-forgot", { email: "victim@example.com" }],
    ["sessions-end", {}],
    ["account-delete", {}],
    ["export", {}],
    ["email-change", { newEmail: "evil@example.com" }],
    ["password-change", { currentPassword: PASSWORD, newPassword: "seven copper lanterns drift" }],
  ]

  it("of another site change nothing and answer a page", async () => {
    const victim: Browser = await signUp(stage, "victim@example.com")
    const mails = () => stage.latch.inbox?.list().length
    const before = mails()
    for (const headers of FOREIGN) {
      for (const [form, fields] of EVERY) {
        const answer = await press(victim.copy(), `/auth/form/${form}`, fields, headers)
        assert.equal(answer.status, 403, `${form} ${JSON.stringify(headers)}`)
        assert.deepEqual(answer.setCookies, [])
        assert.match(String(answer.headers["content-type"]), /^text\/html/)
        assert.match(alertOf(answer) ?? "", /another site/)
      }
    }
    const account = await victim.ask("/auth/account")
    assert.deepEqual([account.json.email, account.json.deletionAt], ["victim@example.com", null])
    assert.equal(mails(), before)
  })

  it("are forms and nothing else: other types, encodings, doubled fields, too much", async () => {
    const body = "email=a%40example.com&password=x"
    const ask = (headers: Record<string, string>, text = body) =>
      stage.browser().ask("/auth/form/sign-in", { method: "POST", body: text, headers })
    for (const type of [
      "",
      "text/plain",
      "application/json",
      "multipart/form-data; boundary=x",
      "application/x-www-form-urlencoded; charset=latin1",
    ]) {
      const answer = await ask(type === "" ? {} : { "content-type": type })
      assert.equal(answer.status, 415, type)
      assert.match(alertOf(answer) ?? "", /form of the page/)
    }
    const form = { "content-type": "application/x-www-form-urlencoded" }
    assert.equal((await ask({ ...form, "content-encoding": "gzip" })).status, 415)
    assert.equal((await ask(form, `${body}&email=b%40example.com`)).status, 400)
    assert.equal((await ask(form, `email=${"a".repeat(70_000)}`)).status, 413)
    assert.equal(
      (await ask({ "content-type": "application/x-www-form-urlencoded;charset=UTF-8" })).status,
      401,
    )
  })

  it("opened by an address lead to their page, and keep the language", async () => {
    for (const [path, target] of [
      ["/auth/form/sign-in?return=/x&lang=de", "/auth/sign-in?lang=de&return=%2Fx"],
      ["/auth/form/register-complete", "/auth/register"],
      ["/auth/form/account-delete", "/auth/settings"],
      ["/auth/form/email-code", "/auth/check-mail?for=email-link"],
    ]) {
      const answer = await stage.ask(path ?? "")
      assert.deepEqual([answer.status, answer.headers.location], [303, target])
    }
  })

  it("what is typed comes back as text, never as markup", async () => {
    const evil = '"><script>alert(1)</script>@example.com'
    for (const [form, name] of [
      ["sign-in", "email"],
      ["register", "email"],
      ["password-forgot", "email"],
      ["email-link", "email"],
    ] as const) {
      const answer = await press(
        stage.browser(),
        `/auth/form/${form}?return=${encodeURIComponent('/"><script>')}`,
        { [name]: evil },
      )
      assert.equal(answer.status, 422)
      assert.match(answer.text, /&quot;&gt;&lt;script&gt;/)
      assert.doesNotMatch(answer.text, /<script>/)
    }
  })
})

describe("what the guard refuses on a page is a page", () => {
  it("a limit: the form and the flow share one", async (t) => {
    const stage = await openStage({
      rateLimit: { perAddress: "1000/minute", mail: { perAddress: "2/minute" } },
    })
    t.after(() => stage.close())
    const json = { email: "a@example.com" }
    assert.equal((await stage.browser().post("/auth/register", json)).status, 202)
    assert.equal((await press(stage.browser(), "/auth/form/register", json)).status, 303)
    const limited = await press(stage.browser(), "/auth/form/register", json)
    assert.equal(limited.status, 429)
    assert.ok(Number(limited.headers["retry-after"]) > 0)
    assert.match(alertOf(limited) ?? "", /Try again in \d+ seconds/)
    assert.match(limited.text, /href="\/auth\/register">Try again/)
    assert.equal((await stage.browser().post("/auth/register", json)).status, 429)
  })

  it("a cookie that came twice, and a store that fails", async (t) => {
    let broken = false
    const stage = await openStage({}, (store) => ({
      ...store,
      peekRefresh: (input) => (broken ? Promise.reject(new Error("planted")) : store.peekRefresh(input)),
    }))
    t.after(() => stage.close())
    const browser = await signUp(stage, "someone@example.com")
    const [name = "", value = ""] = [...browser.jar].find(([each]) => each.includes("refresh")) ?? []
    const cookie = `${name}=${value}; ${name}=x`
    const twice = await stage.ask("/auth/sign-in", { headers: { cookie } })
    assert.equal(twice.status, 400)
    assert.match(alertOf(twice) ?? "", /Delete the cookies/)
    assert.equal((await stage.ask("/auth/style.css", { headers: { cookie } })).status, 200)
    broken = true
    const failed = await browser.ask("/auth/settings", { headers: { "accept-language": "de" } })
    assert.equal(failed.status, 500)
    assert.match(alertOf(failed) ?? "", /Bei uns ist etwas schiefgegangen/)
    assert.match(failed.text, /Kennung: [\w-]{16}/)
  })
})
