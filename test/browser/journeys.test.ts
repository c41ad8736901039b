/** The whole ways of a person through the pages, in Chromium, with scripts and without. */
import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, before, describe, it } from "node:test"
import type { Browser, BrowserContext, Page } from "playwright-core"
import { openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"
import { launch, SKIP, until } from "./chromium.ts"

const OTHER = "seven copper lanterns drift"

describe("journeys", SKIP, () => {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-journeys-"))
  const database = join(folder, "data", "nightlatch.db")
  let stage: Stage
  let browser: Browser
  let people = 0
  const email = () => `person${people++}@example.com`
  const contexts: BrowserContext[] = []

  before(async () => {
    stage = await openStage({ clock: Date.now, database })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await stage?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function open(options: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
    const context = await browser.newContext({ locale: "en-GB", ...options })
    contexts.push(context)
    return context.newPage()
  }

  const go = (page: Page, path: string) => page.goto(`${stage.base}/auth/${path}`)
  const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click()
  const at = (page: Page, path: string) => page.waitForURL(`${stage.base}/auth/${path}`)
  const password = (page: Page) => page.getByLabel("Password", { exact: true })

  async function mail(address: string, words: RegExp): Promise<{ link: string; code: string }> {
    const find = () =>
      stage.latch.inbox?.list().find(({ to, subject }) => to === address && words.test(subject))
    await until(() => find() !== undefined)
    return { link: find()?.link ?? "", code: find()?.code ?? "" }
  }

  /** An account made behind the pages. */
  async function member(): Promise<string> {
    const address = email()
    await signUp(stage, address)
    return address
  }

  async function signIn(page: Page, address: string, secret: string = PASSWORD): Promise<void> {
    await go(page, "sign-in")
    await page.getByLabel("Mail address").fill(address)
    await password(page).fill(secret)
    await press(page, "Sign in")
    await at(page, "settings")
  }

  function rows(table: "session" | "account"): number {
    const raw = new DatabaseSync(database, { readOnly: true })
    const count = raw.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
    raw.close()
    return Number(count)
  }

  for (const javaScriptEnabled of [true, false]) {
    describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
      /** The link of a mail: opened, or where nothing reads its fragment, pasted. */
      async function follow(page: Page, link: string): Promise<void> {
        await page.goto(link)
        if (!javaScriptEnabled) await page.getByLabel("Link from the mail").fill(link)
        else assert.ok(!page.url().includes("token"))
      }

      it("register, choose a password, see the account, sign out, forget, reset, sign in", async () => {
        const page = await open({ javaScriptEnabled })
        const address = email()
        await go(page, "sign-in")
        await page.getByRole("link", { name: "Create an account" }).click()
        await page.getByLabel("Mail address").fill(address)
        await press(page, "Send me the link")
        await at(page, "check-mail?for=register")
        await follow(page, (await mail(address, /Finish/)).link)
        if (javaScriptEnabled) await page.reload()
        await page.getByLabel("New password").fill("passwordpassword")
        await press(page, "Create the account")
        await page.getByRole("alert").getByText("guessed early").waitFor()
        await page.getByLabel("New password").fill(PASSWORD)
        await press(page, "Create the account")
        await at(page, "settings")
        await page.getByText(address).first().waitFor()
        await page.getByText("This browser").waitFor()
        await press(page, "Sign out")
        await at(page, "sign-in?done=out")
        await page.getByRole("link", { name: "Forgot the password?" }).click()
        await page.getByLabel("Mail address").fill(address)
        await press(page, "Send me the link")
        await follow(page, (await mail(address, /Reset/)).link)
        await page.getByLabel("New password").fill(OTHER)
        await press(page, "Save the password")
        await at(page, "sign-in?done=reset")
        await page.getByLabel("Mail address").fill(address)
        await password(page).fill("not that one, I am afraid")
        await press(page, "Sign in")
        await page.getByRole("alert").getByText("Address or password is wrong.").waitFor()
        assert.equal(await page.getByLabel("Mail address").inputValue(), address)
        assert.equal(await password(page).inputValue(), "")
        await password(page).fill(OTHER)
        await press(page, "Sign in")
        await at(page, "settings")
      })

      it("sign in by the link, in the browser that asked, and by the code", async () => {
        const address = email()
        const page = await open({ javaScriptEnabled })
        await go(page, "sign-in")
        await page.getByLabel("Mail address").fill(address)
        await press(page, "Mail me a link instead")
        await page.getByText(address).waitFor()
        const byLink = await mail(address, /is your code/)
        const tab = await page.context().newPage()
        await tab.goto(byLink.link)
        await tab.reload()
        await tab.getByText("You asked for this link in this browser").waitFor()
        await press(tab, "Sign in")
        await at(tab, "settings")
        const second = email()
        const other = await open({ javaScriptEnabled })
        await go(other, "sign-in")
        await other.getByLabel("Mail address").fill(second)
        await press(other, "Mail me a link instead")
        const { code } = await mail(second, /is your code/)
        await other.getByLabel("Six-digit code").fill(`${code.slice(0, 3)} ${code.slice(3)}`)
        await press(other, "Sign in")
        await at(other, "settings")
        await other.getByText(second).first().waitFor()
      })

      it("an attacker asks, the victim opens, presses and types everything: no session exists anywhere", async () => {
        const victim = email()
        const [sessions, accounts] = [rows("session"), rows("account")]
        const attacker = await open({ javaScriptEnabled })
        await go(attacker, "sign-in")
        await attacker.getByLabel("Mail address").fill(victim)
        await press(attacker, "Mail me a link instead")
        const { link, code } = await mail(victim, /is your code/)
        const page = await open({ javaScriptEnabled })
        await page.goto(link)
        await page.getByText("This is another browser").waitFor()
        assert.deepEqual(await page.getByRole("button").allInnerTexts(), ["I did not ask for this"])
        // With a page of her own, the code of the attacker's flow.
        await go(page, "sign-in")
        await page.getByLabel("Mail address").fill(email())
        await press(page, "Mail me a link instead")
        for (let tries = 0; tries < 2; tries++) {
          await page.getByLabel("Six-digit code").fill(code)
          await press(page, "Sign in")
          await page.getByRole("alert").waitFor()
        }
        await page.goto(link)
        await press(page, "I did not ask for this")
        await page.getByText("nobody was signed in").waitFor()
        await attacker.getByLabel("Six-digit code").fill(code)
        await press(attacker, "Sign in")
        await attacker.getByText("This code does not work any more").waitFor()
        assert.deepEqual([rows("session"), rows("account")], [sessions, accounts])
        for (const each of [page, attacker]) {
          const cookies = await each.context().cookies()
          assert.ok(!cookies.some(({ name }) => /access|refresh/.test(name)))
        }
      })

      it("change the address, the password, and the mind about deleting", async () => {
        const [address, next] = [await member(), email()]
        const page = await open({ javaScriptEnabled })
        await signIn(page, address)
        await page.getByText("Change the address").click()
        await page.getByLabel("New mail address").fill(next)
        await press(page, "Send me the codes")
        await page.getByLabel("Code from the old address").fill((await mail(address, /allows a change/)).code)
        await page.getByLabel("Code from the new address").fill((await mail(next, /proves your new/)).code)
        await press(page, "Save the address")
        await page.getByText("Your address is changed.").waitFor()
        await page.getByText(next).first().waitFor()
        await page.getByText("Change the password").click()
        await page.getByLabel("Current password").fill("a wrong one, and long")
        await page.getByLabel("New password").fill(OTHER)
        await press(page, "Save the password")
        await page.getByRole("alert").getByText("current password is wrong").waitFor()
        await page.getByLabel("Current password").fill(PASSWORD)
        await page.getByLabel("New password").fill(OTHER)
        await press(page, "Save the password")
        await page.getByText("Your password is changed").waitFor()
        const download = page.waitForEvent("download")
        await press(page, "Download my data")
        assert.equal((await download).suggestedFilename(), "account.json")
        await page.getByText("Delete …").click()
        await press(page, "Delete my account")
        await page.getByText("Your account will be deleted on").waitFor()
        await press(page, "Keep my account")
        await page.getByText("The account stays.").waitFor()
      })

      it("end a session: the other browser is signed out at once, and its page shows nothing", async () => {
        const address = await member()
        const [page, other] = [await open({ javaScriptEnabled }), await open({ javaScriptEnabled })]
        await signIn(other, address)
        await signIn(page, address)
        const me = () => other.request.get(`${stage.base}/auth/me`)
        assert.equal((await me()).status(), 200)
        await page
          .getByRole("button", { name: /^End the session/ })
          .first()
          .click()
        await page.getByText("The session has ended.").waitFor()
        await page.getByRole("button", { name: /^End all other/ }).click()
        await page.getByText("All other sessions have ended.").waitFor()
        // The next request is refused already, so two seconds are kept on any machine.
        assert.equal((await me()).status(), 401)
        await other.reload()
        await other.getByText("your session has ended").waitFor()
        assert.ok(!(await other.content()).includes(address))
      })
    })
  }

  it("the back button after signing out shows nothing private", async () => {
    const address = await member()
    for (const javaScriptEnabled of [true, false]) {
      const page = await open({ javaScriptEnabled })
      await signIn(page, address)
      await page.getByText(address).first().waitFor()
      await press(page, "Sign out")
      await at(page, "sign-in?done=out")
      for (let back = 0; back < 3; back++) {
        await page.goBack().catch(() => null)
        await page.waitForLoadState()
        await until(async () => !(await page.content().catch(() => address)).includes(address))
      }
    }
  })

  it("a page out of the memory of the back button loads anew", async () => {
    const page = await open()
    await go(page, "sign-in")
    let loads = 0
    page.on("request", (request) => {
      if (request.isNavigationRequest()) loads++
    })
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await until(() => loads > 0)
  })

  it("a link from another site to the account finds the session", async (t) => {
    const address = await member()
    const page = await open()
    await signIn(page, address)
    const site = createServer((_request, response) =>
      response
        .setHeader("content-type", "text/html")
        .end(`<!doctype html><title>x</title><a href="${stage.base}/auth/settings">there</a>`),
    ).listen(0, "127.0.0.1")
    t.after(() => site.close())
    await new Promise((ready) => site.once("listening", ready))
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
    await page.getByRole("link").click()
    await at(page, "settings?again=1")
    await page.getByText(address).first().waitFor()
  })

  it("another site's form is refused with a page, and nothing has changed", async (t) => {
    const address = await member()
    const page = await open()
    await signIn(page, address)
    const forms = ["sign-out", "sessions-end", "account-delete", "export"]
    const body = forms
      .map(
        (form) =>
          `<form method="post" action="${stage.base}/auth/form/${form}"><button>${form}</button></form>`,
      )
      .join("")
    const site = createServer((_request, response) =>
      response.setHeader("content-type", "text/html").end(`<!doctype html><title>x</title>${body}`),
    ).listen(0, "127.0.0.1")
    t.after(() => site.close())
    await new Promise((ready) => site.once("listening", ready))
    for (const host of ["localhost", "127.0.0.1"]) {
      for (const form of forms) {
        await page.goto(`http://${host}:${(site.address() as AddressInfo).port}/`)
        await press(page, form)
        await page.getByRole("alert").getByText("came from another site").waitFor()
      }
    }
    await go(page, "settings")
    await page.getByText(address).first().waitFor()
    assert.equal(await page.getByText("will be deleted").count(), 0)
  })

  it("a scanner that runs scripts and follows links leaves the link as it was", async () => {
    const address = email()
    const page = await open()
    await go(page, "sign-in")
    await page.getByLabel("Mail address").fill(address)
    await press(page, "Mail me a link instead")
    const { link } = await mail(address, /is your code/)
    const scanner = await open()
    await scanner.goto(link, { waitUntil: "networkidle" })
    const links = (await scanner.evaluate("[...document.links].map(({ href }) => href)")) as string[]
    assert.ok(links.length > 0)
    for (const href of links) await scanner.goto(href)
    await page.goto(link)
    await press(page, "Sign in")
    await at(page, "settings")
  })
})
