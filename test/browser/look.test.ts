/** Every page, in every look: for axe, for a narrow window, for the policy of its content. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import type { Browser, Page } from "playwright-core"
import { openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"
import { judge, launch, SIZES, SKIP, until } from "./chromium.ts"

const ADDRESS = "someone-with-a-rather-long-name@mail.department.example.com"

describe("every page", SKIP, () => {
  let stage: Stage
  let browser: Browser
  before(async () => {
    stage = await openStage({ clock: Date.now })
    browser = await launch()
    await signUp(stage, ADDRESS)
  })
  after(async () => {
    await browser?.close()
    await stage?.close()
  })

  for (const [name, viewport, colorScheme] of SIZES) {
    it(`is readable and usable: ${name}`, async (t) => {
      const locale = name.startsWith("phone") ? "de-DE" : "en-GB"
      const context = await browser.newContext({ viewport, colorScheme, locale })
      t.after(() => context.close())
      const wrong: string[] = []
      const page = await context.newPage()
      page.on("pageerror", (error) => wrong.push(String(error)))
      page.on("console", (line) => {
        // A refusal has a status of its own, which the browser notes as well.
        if (line.type() === "error" && !/the server responded with a status of 4/.test(line.text()))
          wrong.push(line.text())
      })
      let judged = 0
      const look = async (what: string): Promise<void> => {
        await page.waitForLoadState()
        await judge(page, `${what}: ${page.url()}`)
        judged++
      }
      for (const path of [
        "sign-in",
        "sign-in?why=recent",
        "register",
        "reset",
        "check-mail",
        "email-link?token=x",
      ]) {
        await page.goto(`${stage.base}/auth/${path}`)
        await look(path)
      }
      await page.goto(`${stage.base}/auth/register#token=${"a".repeat(43)}`)
      await look("choose a password")
      await fill(page, { password: "violet kettle ninety moss" })
      await page.locator(".token button:not([type])").click()
      await look("a link that has ended")
      await page.goto(`${stage.base}/auth/diagnosis?from=https://app.example.com`)
      await page.locator("[data-tested]").waitFor({ state: "attached" })
      await look("diagnosis, wrong")
      await page.goto(`${stage.base}/auth/sign-in`)
      await fill(page, { email: ADDRESS, password: "not the right one, sadly" })
      await page.locator("form button:not(.second):not([type])").click()
      await page.getByRole("alert").waitFor()
      await look("sign-in, refused")
      await page.locator("button.second").click()
      await page.locator("#code").waitFor()
      await look("code")
      await until(() => stage.latch.inbox?.list()[0]?.link?.includes("email-link") === true)
      await page.goto(stage.latch.inbox?.list()[0]?.link ?? "")
      await look("email link here")
      const token = new URL(page.url()).searchParams.get("token")
      await context.clearCookies()
      await page.goto(`${stage.base}/auth/email-link?token=${token}`)
      await look("email link elsewhere")
      await page.locator("button.danger").click()
      await look("denied")
      await page.goto(`${stage.base}/auth/sign-in`)
      await fill(page, { email: ADDRESS, password: PASSWORD })
      await page.locator("form button:not(.second):not([type])").click()
      await page.waitForURL(`${stage.base}/auth/settings`)
      await look("account")
      for (const summary of await page.locator("summary").all()) await summary.click()
      await fill(page, { newEmail: "x@", currentPassword: "x", newPassword: "x" })
      await look("account, unfolded")
      await fill(page, { newEmail: `next.${ADDRESS}` })
      await page.locator("form:has(#newEmail) button").click()
      await page.locator("#oldCode").waitFor()
      await look("account, codes")
      await fill(page, { oldCode: "000000", newCode: "000000" })
      await page.locator("form:has(#oldCode) button").click()
      await page.getByRole("alert").waitFor()
      await look("account, refused")
      await page.goto(`${stage.base}/auth/diagnosis`)
      await page.locator("[data-tested]").waitFor({ state: "attached" })
      await look("diagnosis, well")
      assert.ok(judged >= 19, `${judged} looks`)
      assert.deepEqual(wrong, [])
      t.diagnostic(`${judged} looks`)
    })
  }

  it("can be used with the keyboard alone, and the first thing to type is in focus", async (t) => {
    const page = await browser.newPage()
    t.after(() => page.close())
    await page.goto(`${stage.base}/auth/sign-in`)
    const focused = () =>
      page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
    assert.equal(await focused(), "email")
    await page.keyboard.type(ADDRESS)
    await page.keyboard.press("Tab")
    assert.equal(await focused(), "password")
    await page.keyboard.type("wrong in every way")
    await page.keyboard.press("Enter")
    await page.getByRole("alert").waitFor()
    assert.equal(await focused(), "password", "after a refusal")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.waitForURL(`${stage.base}/auth/settings`)
    await page.keyboard.press("Tab")
    assert.match(String(await focused()), /Skip to the content/)
  })

  it("shows a password and hides it again, and sends it hidden", async (t) => {
    const page = await browser.newPage()
    t.after(() => page.close())
    await page.goto(`${stage.base}/auth/sign-in`)
    const field = page.locator("#password")
    await page.getByRole("button", { name: "Show the password" }).click()
    assert.equal(await field.getAttribute("type"), "text")
    await page.getByRole("button", { name: "Hide the password" }).click()
    assert.equal(await field.getAttribute("type"), "password")
  })
})

async function fill(page: Page, values: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, value] of Object.entries(values)) await page.locator(`#${id}:visible`).fill(value)
}
