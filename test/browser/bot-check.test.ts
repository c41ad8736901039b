/** The bot check in Chromium: a proof of work that is really done, and widgets whose scripts come from their providers' hosts. */
import assert from "node:assert/strict"
import { after, before, describe, it, type TestContext } from "node:test"
import type { Browser, Page, Route } from "playwright-core"
import type { NightlatchOptions } from "../../src/index.ts"
import { openStandIn, SITE_KEY } from "../bot-check/stand-in.ts"
import { openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"
import { judge, launch, SIZES, SKIP, until } from "./chromium.ts"

const PHONE = { viewport: { width: 360, height: 740 }, locale: "en-GB" } as const

describe("the bot check", SKIP, () => {
  let browser: Browser
  before(async () => {
    browser = await launch()
  })
  after(() => browser?.close())

  async function open(t: TestContext, botCheck: NightlatchOptions["botCheck"]): Promise<Stage> {
    const stage = await openStage({ clock: Date.now, botCheck: botCheck ?? {} })
    t.after(() => stage.close())
    return stage
  }

  /** A page that notes what its policy forbids and what goes wrong in it. */
  async function tab(
    t: TestContext,
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<{ page: Page; wrong: string[] }> {
    const context = await browser.newContext(options)
    t.after(() => context.close())
    const page = await context.newPage()
    const wrong: string[] = []
    page.on("pageerror", (error) => wrong.push(String(error)))
    page.on("console", (line) => {
      if (
        line.type() === "error" &&
        !/the server responded with a status of [45]|ERR_FAILED/.test(line.text())
      )
        wrong.push(line.text())
    })
    return { page, wrong }
  }

  const status = (page: Page) => page.locator(".bot-check [role=status]")

  it("is solved on a phone's register page by the browser itself, and the mail is on its way", async (t) => {
    const stage = await open(t, { free: { mail: { perNetwork: "1/day" } } })
    await stage.ask("/auth/register", { json: { email: "first@example.com" } })
    const { page, wrong } = await tab(t, PHONE)
    await page.goto(`${stage.base}/auth/register`)
    await page.getByLabel("Mail address").fill("ada@example.com")
    const began = performance.now()
    await page.getByRole("button", { name: "Send me the link" }).click()
    await page.waitForURL(/check-mail/)
    t.diagnostic(`asked, solved and sent in ${Math.round(performance.now() - began)} ms`)
    assert.equal(stage.latch.facts().botCheck.passed, 1)
    assert.match(await stage.tokenFor("ada@example.com"), /^[\w-]{43}$/)
    assert.deepEqual(wrong, [])
  })

  for (const [name, viewport, colorScheme] of SIZES) {
    it(`is readable and usable: ${name}`, async (t) => {
      const stage = await open(t, { free: { mail: { perNetwork: "1/day" } }, maxNumber: 10_000 })
      await stage.ask("/auth/register", { json: { email: "first@example.com" } })
      const locale = name.startsWith("phone") ? "de-DE" : "en-GB"
      const { page, wrong } = await tab(t, { viewport, colorScheme, locale })
      const held: Route[] = []
      await page.route(/\/auth\/altcha\.js/, (route) => void held.push(route))
      for (const [path, button] of [
        ["register", "button:not([type])"],
        ["reset", "button:not([type])"],
        ["sign-in", "button[formaction]"],
      ] as const) {
        await page.goto(`${stage.base}/auth/${path}`)
        await page.locator("#email").fill("ada@example.com")
        await page.locator(`form:has(#email) ${button}`).click()
        await page.locator("h1", { hasText: /One moment|Einen Moment/ }).waitFor()
        await until(() => held.length > 0)
        assert.match((await status(page).textContent()) ?? "", /computing|rechnet/)
        await judge(page, `${path}, computing`)
        await held.pop()?.abort()
        await page.locator(".bot-check button").waitFor()
        await judge(page, `${path}, failed`)
        // The keyboard is enough: the button that has appeared is reached and tries again.
        await page.locator(".bot-check button").focus()
        await page.keyboard.press("Enter")
        await until(() => held.length > 0)
        await held.pop()?.continue()
        await until(async () => /Done|Fertig/.test((await status(page).textContent()) ?? ""))
        await page.locator("form button:not([type])").click()
        await page.waitForURL(/check-mail/)
      }
      assert.deepEqual(wrong, [])
    })
  }

  it("is worked on while one types on the sign-in page, and a button that is pressed too early waits", async (t) => {
    const stage = await open(t, { maxNumber: 10_000, free: { signIn: { perNetwork: "1/day" } } })
    const email = "ada@example.com"
    await signUp(stage, email)
    await stage.ask("/auth/login", { json: { email, password: "not the right one, sadly" } })
    const { page, wrong } = await tab(t, PHONE)
    const held: Route[] = []
    await page.route(/\/auth\/altcha\.js/, (route) => void held.push(route))
    await page.goto(`${stage.base}/auth/sign-in`)
    await page.locator("#email").fill(email)
    await page.locator("#password").fill(PASSWORD)
    await until(() => held.length > 0)
    await judge(page, "sign-in, computing")
    await page.keyboard.press("Enter")
    await new Promise((later) => setTimeout(later, 200))
    assert.equal(page.url(), `${stage.base}/auth/sign-in`)
    await held.pop()?.continue()
    await page.waitForURL(/settings/)
    assert.equal(stage.latch.facts().botCheck.passed, 1)
    assert.deepEqual(wrong, [])
  })

  it("says without scripts what is missing", async (t) => {
    const stage = await open(t, { when: "always" })
    const { page } = await tab(t, { ...PHONE, javaScriptEnabled: false })
    await page.goto(`${stage.base}/auth/register`)
    await page.getByLabel("Mail address").fill("ada@example.com")
    await page.getByRole("button", { name: "Send me the link" }).click()
    await page.getByText("This check needs JavaScript.").waitFor()
    await page.getByRole("button", { name: "Continue" }).click()
    await page.getByText("This check needs JavaScript.").waitFor()
  })

  for (const provider of ["turnstile", "hcaptcha"] as const) {
    const [host, global, field] =
      provider === "turnstile"
        ? ["https://challenges.cloudflare.com/", "turnstile", "cf-turnstile-response"]
        : ["https://js.hcaptcha.com/", "hcaptcha", "h-captcha-response"]

    it(`shows ${provider}'s widget under its policy, and says so when it does not come`, async (t) => {
      const standIn = await openStandIn(provider, 300_000, Date.now)
      t.after(() => standIn.close())
      const stage = await open(t, { ...standIn.options(provider), when: "always" })
      const { page, wrong } = await tab(t, PHONE)
      let reachable = false
      await page.route(`${host}**`, (route) => {
        if (!reachable) return route.abort()
        // As the provider's script does with render=explicit: calls back, shows a frame of its own host, adds the field.
        if (/\.js/.test(route.request().url())) {
          return route.fulfill({
            contentType: "text/javascript",
            body: `{
              const asked = new URL(document.currentScript.src).searchParams
              window.${global} = {
                render(room, parameters) {
                  const frame = document.createElement("iframe")
                  frame.src = "${host}frame"
                  frame.title = "check"
                  frame.width = 300
                  frame.height = 65
                  const field = document.createElement("input")
                  field.type = "hidden"
                  field.name = "${field}"
                  room.append(frame, field)
                  window.rendered = { ...parameters, asked: asked.get("render") }
                  window.complete = (token) => {
                    field.value = token
                    parameters.callback(token)
                  }
                },
              }
              setTimeout(window[asked.get("onload")])
            }`,
          })
        }
        return route.fulfill({
          contentType: "text/html",
          body: "<!doctype html><html lang=en><title>x</title>ok",
        })
      })
      await page.goto(`${stage.base}/auth/register`)
      await page.getByLabel("Mail address").fill("ada@example.com")
      await page.getByRole("button", { name: "Send me the link" }).click()
      await page.getByText("The check did not work in this browser.").waitFor()
      await judge(page, `${provider}, not reachable`)
      reachable = true
      await page.getByRole("button", { name: "Try again" }).click()
      await until(async () => (await page.evaluate("typeof rendered")) === "object")
      assert.match((await status(page).textContent()) ?? "", /Complete this check/)
      await judge(page, `${provider}, here`)
      const rendered = (await page.evaluate("JSON.parse(JSON.stringify(rendered))")) as Record<string, string>
      const { sitekey, asked, action = "register", cData = "", ...looks } = rendered
      assert.deepEqual([sitekey, asked, action], [SITE_KEY, "explicit", "register"])
      assert.deepEqual(
        looks,
        provider === "turnstile" ? { language: "en", size: "flexible" } : { hl: "en", size: "normal" },
      )
      const token = standIn.token({ action, cdata: cData, at: Date.now() })
      await page.evaluate(`complete(${JSON.stringify(token)})`)
      assert.match((await status(page).textContent()) ?? "", /no robot is at work/)
      await page.getByRole("button", { name: "Continue" }).click()
      await page.waitForURL(/check-mail/)
      assert.match(await stage.tokenFor("ada@example.com"), /^[\w-]{43}$/)
      assert.deepEqual(wrong, [])
    })
  }
})
