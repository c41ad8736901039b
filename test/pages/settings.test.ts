/** The account page: what it shows to whom, and its forms. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Browser, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"
import { actionsOf, alertOf, press } from "./form.ts"

const OTHER = "seven copper lanterns drift"
const FIREFOX = { "user-agent": "Mozilla/5.0 (Android 16; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0" }

describe("the account page", () => {
  let stage: Stage
  let people = 0
  const email = () => `person${people++}@example.com`
  before(async () => {
    stage = await openStage()
  })
  after(() => stage.close())

  async function codes(old: string, changed: string): Promise<{ oldCode: string; newCode: string }> {
    const find = (address: string) =>
      stage.latch.inbox
        ?.list()
        .find(({ to, code, link }) => to === address && code !== undefined && link === undefined)?.code
    for (let attempt = 0; attempt < 200; attempt++) {
      const [oldCode, newCode] = [find(old), find(changed)]
      if (oldCode !== undefined && newCode !== undefined) return { oldCode, newCode }
      await new Promise((later) => setTimeout(later, 5))
    }
    throw new Error("no codes")
  }

  async function second(address: string): Promise<Browser> {
    const browser = stage.browser()
    const answer = await browser.ask("/auth/login", {
      json: { email: address, password: PASSWORD },
      headers: FIREFOX,
    })
    assert.equal(answer.status, 200)
    return browser
  }

  it("shows a stranger nothing: to the sign-in page, and back", async () => {
    const answer = await stage.ask("/auth/settings")
    assert.deepEqual(
      [answer.status, answer.headers.location, answer.text],
      [303, "/auth/sign-in?why=ended&return=%2Fauth%2Fsettings", ""],
    )
    assert.match(
      (await stage.ask(String(answer.headers.location))).text,
      /You are not signed in, or your session has ended/,
    )
  })

  it("asks once more on what another site opened, and only once", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }
    const bounce = await stage.ask("/auth/settings", { headers })
    assert.equal(bounce.status, 200)
    assert.match(bounce.text, /http-equiv="refresh" content="0; url=\/auth\/settings\?again=1"/)
    assert.match(bounce.text, /<a class="button" href="\/auth\/settings\?again=1">Continue/)
    const again = await stage.ask("/auth/settings?again=1", { headers })
    assert.equal(again.status, 303)
  })

  it("recognises the session by its refresh cookie, and issues and writes nothing", async () => {
    const browser = await signUp(stage, email())
    for (const name of [...browser.jar.keys()]) if (!name.includes("refresh")) browser.jar.delete(name)
    const before = browser.cookie("refresh")
    for (let look = 0; look < 3; look++) {
      const page = await browser.ask("/auth/settings")
      assert.deepEqual([page.status, page.setCookies], [200, []])
      assert.equal(page.headers["cache-control"], "no-store")
      await stage.tick(60_000)
    }
    assert.equal(browser.cookie("refresh"), before)
    const accountId = (await stage.store.findAccountByEmail(`person${people - 1}@example.com`))?.id ?? ""
    const [session] = await stage.store.listSessions(accountId)
    assert.deepEqual([session?.generation, session?.rotatedAt], [1, null])
  })

  it("is nothing for an access token alone, a damaged cookie or an ended session", async () => {
    const browser = await signUp(stage, email())
    const copy = browser.copy()
    for (const name of [...copy.jar.keys()]) if (!name.includes("access")) copy.jar.delete(name)
    assert.equal((await copy.ask("/auth/settings")).status, 303)
    const damaged = browser.copy()
    for (const [name, value] of damaged.jar)
      if (name.includes("refresh")) damaged.jar.set(name, value.slice(0, -2))
    assert.equal((await damaged.ask("/auth/settings")).status, 303)
    const ended = browser.copy()
    await browser.post("/auth/logout")
    assert.equal((await ended.ask("/auth/settings")).status, 303)
    const answer = await press(ended, "/auth/form/export")
    assert.deepEqual(
      [answer.status, answer.headers.location],
      [303, "/auth/sign-in?why=ended&return=%2Fauth%2Fsettings"],
    )
  })

  it("lists sessions in words; ends one, ends all others, never somebody else's", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const phone = await second(address)
    const third = await second(address)
    const page = await browser.ask("/auth/settings")
    assert.match(page.text, /Firefox on Android/)
    assert.match(page.text, /This browser/)
    const [id = ""] = [...page.text.matchAll(/name="id" value="([\w-]{22})"/g)].map(
      ([, value]) => value ?? "",
    )
    const stranger = await signUp(stage, email())
    const foreign = await press(stranger, "/auth/form/session-end", { id })
    assert.equal(foreign.status, 404)
    assert.match(alertOf(foreign) ?? "", /ended already/)
    const done = await press(browser, "/auth/form/session-end", { id })
    assert.deepEqual([done.status, done.headers.location], [303, "/auth/settings?done=session"])
    const still = await Promise.all([phone, third].map(async (each) => (await each.ask("/auth/me")).status))
    assert.deepEqual(still.sort(), [200, 401])
    assert.equal(
      (await press(browser, "/auth/form/sessions-end")).headers.location,
      "/auth/settings?done=sessions",
    )
    for (const each of [phone, third]) {
      assert.equal((await each.ask("/auth/me")).status, 401)
      assert.equal((await each.ask("/auth/settings")).status, 303)
    }
    const now = await browser.ask("/auth/settings?done=sessions")
    assert.match(now.text, /role="status">All other sessions have ended/)
    assert.match(now.text, /All other sessions ended/)
    assert.doesNotMatch(now.text, /name="id"/)
  })

  it("changes the password: wrong ones keep the fold open, the right one ends the others", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const other = await second(address)
    const wrong = await press(browser, "/auth/form/password-change", {
      currentPassword: OTHER,
      newPassword: OTHER,
    })
    assert.equal(wrong.status, 403)
    assert.match(alertOf(wrong) ?? "", /current password is wrong/)
    assert.match(wrong.text, /<details open><summary>Change the password/)
    assert.doesNotMatch(wrong.text, /copper/)
    const empty = await press(browser, "/auth/form/password-change", { currentPassword: PASSWORD })
    assert.match(alertOf(empty) ?? "", /the current and the new/)
    const done = await press(browser, "/auth/form/password-change", {
      currentPassword: PASSWORD,
      newPassword: OTHER,
    })
    assert.deepEqual([done.status, done.headers.location], [303, "/auth/settings?done=password"])
    assert.equal((await browser.ask("/auth/settings")).status, 200)
    assert.equal((await other.ask("/auth/settings")).status, 303)
  })

  it("changes the address by two codes", async () => {
    const [address, next] = [email(), email()]
    const browser = await signUp(stage, address)
    const bad = await press(browser, "/auth/form/email-change", { newEmail: "a, b@example.com" })
    assert.deepEqual([bad.status, alertOf(bad)], [422, "This does not look like one mail address."])
    assert.match(bad.text, /value="a, b@example.com"/)
    assert.match(
      alertOf(await press(browser, "/auth/form/email-change", { newEmail: address })) ?? "",
      /already/,
    )
    assert.equal(
      (await press(browser, "/auth/form/email-change", { newEmail: next })).headers.location,
      "/auth/settings?done=address-asked",
    )
    const page = await browser.ask("/auth/settings")
    assert.ok(actionsOf(page).includes("/auth/form/email-change-complete"))
    const typed = await codes(address, next)
    const wrong = await press(browser, "/auth/form/email-change-complete", {
      ...typed,
      newCode: typed.oldCode,
    })
    if (typed.oldCode !== typed.newCode) assert.match(alertOf(wrong) ?? "", /One of the codes is wrong/)
    const done = await press(browser, "/auth/form/email-change-complete", typed)
    assert.deepEqual([done.status, done.headers.location], [303, "/auth/settings?done=address"])
    assert.match((await browser.ask("/auth/settings")).text, new RegExp(next))
  })

  it("downloads the own data as a file", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const headers = {
      "sec-fetch-dest": "document",
      "sec-fetch-mode": "navigate",
      "sec-fetch-site": "same-origin",
    }
    const answer = await press(browser, "/auth/form/export", {}, headers)
    assert.equal(answer.status, 200)
    assert.match(String(answer.headers["content-disposition"]), /^attachment/)
    assert.equal((answer.json.account as { email: string }).email, address)
    assert.match((await browser.ask("/auth/settings")).text, /Data downloaded/)
  })

  it("waits before it deletes, and keeps the account when asked", async () => {
    const browser = await signUp(stage, email())
    assert.match((await browser.ask("/auth/settings")).text, /deleted after 7 days/)
    assert.equal(
      (await press(browser, "/auth/form/account-delete")).headers.location,
      "/auth/settings?done=delete",
    )
    const waiting = await browser.ask("/auth/settings")
    assert.match(waiting.text, /will be deleted on <time/)
    assert.ok(actionsOf(waiting).includes("/auth/form/account-keep"))
    assert.equal(
      (await press(browser, "/auth/form/account-keep")).headers.location,
      "/auth/settings?done=keep",
    )
    assert.equal((await browser.ask("/auth/account")).json.deletionAt, null)
  })

  it("asks for a new sign-in before what is risky: in words on the page, and of the form too", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    await stage.tick(11 * 60_000)
    const page = await browser.ask("/auth/settings")
    assert.match(page.text, /more than ten minutes ago/)
    assert.ok(!actionsOf(page).includes("/auth/form/account-delete"))
    const again = "/auth/sign-in?why=recent&return=%2Fauth%2Fsettings"
    assert.match(page.text, new RegExp(`href="${again.replaceAll("&", "&amp;").replace("?", "\\?")}"`))
    for (const [form, fields] of [
      ["account-delete", {}],
      ["email-change", { newEmail: "next@example.com" }],
    ] as const) {
      const answer = await press(browser, `/auth/form/${form}`, fields)
      assert.deepEqual([answer.status, answer.headers.location], [303, again])
    }
    const signIn = await browser.ask(again)
    assert.match(signIn.text, /worth a second look/)
    assert.match(signIn.text, new RegExp(`value="${address}"`))
    const done = await press(browser, actionsOf(signIn)[0] ?? "", { email: address, password: PASSWORD })
    assert.equal(done.headers.location, "/auth/settings")
    assert.equal(
      (await press(browser, "/auth/form/account-delete")).headers.location,
      "/auth/settings?done=delete",
    )
  })

  it("signs out: cookies and storage go, and the page is closed", async () => {
    const browser = await signUp(stage, email())
    const copy = browser.copy()
    const answer = await press(browser, "/auth/form/sign-out")
    assert.deepEqual([answer.status, answer.headers.location], [303, "/auth/sign-in?done=out"])
    assert.equal(answer.headers["clear-site-data"], '"cache", "storage"')
    assert.equal(browser.cookie("refresh"), undefined)
    assert.equal((await copy.ask("/auth/settings")).status, 303)
    assert.match((await stage.ask("/auth/sign-in?done=out")).text, /You are signed out/)
  })

  it("mails a link to choose a first password", async () => {
    const address = email()
    const { cookie, userId } = await stage.latch.testing.signIn({ email: address })
    const ask: Pick<Browser, "ask"> = {
      ask: (path, given = {}) =>
        stage.ask(path, { ...given, headers: { cookie, origin: stage.base, ...given.headers } }),
    }
    assert.match((await ask.ask("/auth/settings")).text, /Not set\./)
    assert.equal(
      (await press(ask, "/auth/form/password-set")).headers.location,
      "/auth/settings?done=password-asked",
    )
    assert.match(await stage.tokenFor(address, "reset"), /^[\w-]{43}$/)
    const identity = {
      id: "AAAAAAAAAAAAAAAAAAAAAA",
      issuer: "https://idp.example",
      subject: "1",
      provider: "idp",
    }
    const about = {
      accountId: userId,
      events: [],
      identity: { ...identity, email: "x@idp.example", tokens: null },
    }
    const mail = {
      purpose: "identity-linked",
      email: address,
      accountId: userId,
      decoy: false,
      language: "en",
    } as const
    await stage.store.linkIdentity({ ...about, mail })
    const page = await ask.ask("/auth/settings")
    assert.match(page.text, /x@idp\.example/)
    assert.match(page.text, /Remove idp/)
  })

  it("is German for who asks for it, events and times too", async () => {
    const browser = await signUp(stage, email())
    const page = await browser.ask("/auth/settings", { headers: { "accept-language": "de-AT,de;q=0.9" } })
    assert.match(page.text, /<html lang="de"/)
    assert.match(page.text, /Konto angelegt/)
    assert.match(page.text, /\d{2}\.\d{2}\.2027/)
    const chosen = await browser.ask("/auth/settings?lang=de")
    assert.ok(actionsOf(chosen).every((action) => action.endsWith("?lang=de")))
    assert.deepEqual(chosen.setCookies, [])
  })
})
