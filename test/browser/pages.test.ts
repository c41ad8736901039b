/** What people see and what their browsers really do, in Chromium. Skipped where there is none, unless REQUIRE_SERVICES is set. */
import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import type { Browser, BrowserContext, Locator, Page } from "playwright-core"
import { freePort, killAll, openFolder, type Running, serve } from "../service/process.ts"
import { judge, launch, SIZES, SKIP, until } from "./chromium.ts"

const PASSWORD = "violet kettle ninety moss"
after(killAll)

describe("pages", SKIP, () => {
  const folder = openFolder()
  let service: Running
  let browser: Browser
  let origin = ""
  const contexts: BrowserContext[] = []

  before(async () => {
    const port = await freePort()
    origin = `http://localhost:${port}`
    // Browsers beside it keep a small machine busy; shedding has tests of its own.
    const patient = { overload: { loopDelayMs: 5_000 } }
    writeFileSync(join(folder.path, "nightlatch.config.json"), JSON.stringify(patient))
    service = await serve(folder.path, ["--tolerated-delay", "1"], { PORT: String(port) })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await service?.stop("SIGTERM")
    folder.remove()
  })

  /** A page that notes what goes wrong in it. */
  async function open(
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<{ page: Page; wrong: string[] }> {
    const context = await browser.newContext(options)
    contexts.push(context)
    const page = await context.newPage()
    const wrong: string[] = []
    page.on("pageerror", (error) => wrong.push(String(error)))
    page.on("console", (line) => {
      if (line.type() === "error") wrong.push(line.text())
    })
    return { page, wrong }
  }

  const inboxLink = () => {
    const key = readFileSync(join(folder.path, "data", "inbox-key"), "utf8").trim()
    return `${origin}/auth/dev/inbox?key=${key}`
  }

  for (const [name, viewport, colorScheme] of SIZES) {
    it(`are readable and usable: ${name}`, async () => {
      for (const path of ["/", "inbox"]) {
        const { page, wrong } = await open({ viewport, colorScheme })
        const answer = await page.goto(path === "inbox" ? inboxLink() : origin + path)
        assert.equal(answer?.status(), 200, path)
        await judge(page)
        assert.deepEqual(wrong, [], path)
        await page.context().close()
      }
    })
  }

  it("register by mail, sign in, and reset, with no secret left in an address", async () => {
    const { page, wrong } = await open()
    await page.goto(`${origin}/auth/register`)
    await page.getByLabel("Mail address").fill("someone@example.com")
    await page.getByRole("button", { name: "Send me the link" }).click()
    await page.getByText("a mail is on its way").waitFor()
    const inbox = await page.context().newPage()
    await inbox.goto(inboxLink())
    assert.equal(inbox.url(), `${origin}/auth/dev/inbox`)
    const link = inbox.getByRole("link", { name: "Open the link" }).first()
    await arrives(inbox, link)
    await link.click()
    const field = inbox.getByLabel("New password")
    await field.waitFor()
    assert.equal(inbox.url(), `${origin}/auth/register`)
    await inbox.reload()
    await field.fill("passwordpassword")
    await inbox.getByRole("button", { name: "Create the account" }).click()
    await inbox.getByText(/guessed/).waitFor()
    await field.fill(PASSWORD)
    await inbox.getByRole("button", { name: "Create the account" }).click()
    await inbox.waitForURL(`${origin}/auth/settings`)
    const me = await status(inbox, "/auth/me")
    assert.equal(me, 200)
    const cookies = await inbox.context().cookies()
    assert.ok(cookies.filter(({ name }) => name.startsWith("__Host-")).length >= 3)
    for (const cookie of cookies) assert.ok(cookie.httpOnly && cookie.sameSite === "Strict", cookie.name)
    assert.equal(await inbox.evaluate("document.cookie"), "")

    await page.goto(`${origin}/auth/reset`)
    await page.getByLabel("Mail address").fill("someone@example.com")
    await page.getByRole("button", { name: "Send me the link" }).click()
    await page.getByText("a mail is on its way").waitFor()
    await inbox.goto(`${origin}/auth/dev/inbox`)
    await arrives(inbox, inbox.getByRole("heading", { name: /Reset your password/ }))
    await inbox.getByRole("link", { name: "Open the link" }).first().click()
    await inbox.getByLabel("New password").fill("seven copper lanterns drift")
    await inbox.getByRole("button", { name: "Save the password" }).click()
    await inbox.getByText("password is changed").waitFor()
    await until(async () => (await status(inbox, "/auth/me")) === 401)
    // Refusals by status are part of the story; what a policy blocks is not.
    assert.deepEqual(
      wrong.filter((line) => /Content.Security|Refused to/i.test(line)),
      [],
    )
  })

  it("many tabs refresh at once and stay signed in", async () => {
    const { page } = await open()
    await page.goto(`${origin}/auth/register`)
    const answer = await post(page, "/auth/login", {
      email: "someone@example.com",
      password: "seven copper lanterns drift",
    })
    assert.equal(answer, 200)
    const tabs = [page]
    for (let tab = 0; tab < 4; tab++) {
      const next = await page.context().newPage()
      await next.goto(`${origin}/auth/register`)
      tabs.push(next)
    }
    for (let round = 0; round < 3; round++) {
      // As old as a token has to be to rotate; five tabs on a busy machine need the two seconds of grace.
      await new Promise((later) => setTimeout(later, 4_100))
      const statuses = await Promise.all(
        tabs.flatMap((tab) => [post(tab, "/auth/refresh"), post(tab, "/auth/refresh")]),
      )
      assert.deepEqual([...new Set(statuses)], [200])
    }
    assert.equal(await status(page, "/auth/me"), 200)
  })

  it("another site's page signs nobody in or out, and reads nothing", async (t) => {
    const { page } = await open()
    await page.goto(`${origin}/auth/register`)
    await post(page, "/auth/login", { email: "someone@example.com", password: "seven copper lanterns drift" })
    assert.equal(await status(page, "/auth/me"), 200)
    const evil = createServer((_request, response) =>
      response.setHeader("content-type", "text/html").end("<!doctype html><title>evil</title><body>"),
    ).listen(0, "127.0.0.1")
    t.after(() => evil.close())
    await new Promise((ready) => evil.once("listening", ready))
    const tab = await page.context().newPage()
    // The same site by name but another port, and another site.
    for (const host of ["localhost", "127.0.0.1"]) {
      await tab.goto(`http://${host}:${(evil.address() as AddressInfo).port}/`)
      for (const mode of ["cors", "no-cors"]) {
        for (const [method, path] of [
          ["POST", "/auth/logout"],
          ["DELETE", "/auth/sessions"],
          ["POST", "/auth/refresh"],
          ["GET", "/auth/me"],
        ]) {
          const read = await tab.evaluate(
            `fetch("${origin}${path}", { method: "${method}", mode: "${mode}", credentials: "include" })
              .then(async (answer) => answer.type + " " + answer.status + " " + (await answer.text()), () => "blocked")`,
          )
          assert.match(String(read), /^(?:blocked|opaque 0 )$/, `${host} ${mode} ${method} ${path}`)
        }
      }
      const arrived = tab.waitForURL(`${origin}/**`)
      await tab.evaluate(
        `{ const form = document.createElement("form"); form.method = "post"; form.action = "${origin}/auth/logout";
           form.enctype = "text/plain"; document.body.append(form); form.submit() }`,
      )
      await arrived
      assert.match(await tab.content(), /cors\.foreign_origin/)
      await tab.goto(`http://${host}:${(evil.address() as AddressInfo).port}/`)
      await tab.evaluate(
        `new Promise((done) => { const frame = document.createElement("iframe"); frame.src = "${origin}/";
           frame.onload = frame.onerror = () => done(); document.body.append(frame) })`,
      )
      const framed = tab.frames().find((frame) => frame.url().startsWith(origin))
      assert.equal(framed, undefined)
    }
    assert.equal(await status(page, "/auth/me"), 200)
  })

  it("the operator's page asks for the token in a form and keeps it out of the address", async () => {
    const token = "nl_secret_h5Lk2PzQw8XcV1bN6mT9rY3uJ0dF7gSaE4iOoKpRtZM"
    const own = openFolder()
    const port = await freePort()
    const closed = await serve(own.path, [], {
      PORT: String(port),
      NIGHTLATCH_OPERATOR_TOKEN: token,
      NIGHTLATCH_SMTP_URL: "smtp://127.0.0.1:1",
      NIGHTLATCH_MAIL_FROM: "accounts@example.com",
      NIGHTLATCH_ORIGIN: `http://localhost:${port}`,
    })
    const { page } = await open()
    await page.goto(`http://localhost:${port}/`)
    await judge(page)
    await page.getByLabel("Operator token").fill("wrong".repeat(8))
    await page.getByRole("button").click()
    await page.getByText("That is not the operator token.").waitFor()
    await page.getByLabel("Operator token").fill(token)
    await page.getByRole("button").click()
    await page.getByRole("heading", { level: 1 }).waitFor()
    await page.getByText("In the browser").first().waitFor()
    assert.ok(!page.url().includes(token))
    await judge(page)
    await closed.stop("SIGTERM")
    own.remove()
  })
})

/** Reloads until it is there: mails come after the answer. */
function arrives(page: Page, what: Locator): Promise<void> {
  return until(async () => {
    if ((await what.count()) > 0) return true
    await page.reload()
    return false
  })
}

function status(page: Page, path: string): Promise<number> {
  return page.evaluate(`fetch("${path}").then(({ status }) => status)`)
}

function post(page: Page, path: string, json?: object): Promise<number> {
  const body =
    json === undefined
      ? ""
      : `, headers: { "content-type": "application/json" }, body: ${JSON.stringify(JSON.stringify(json))}`
  return page.evaluate(`fetch("${path}", { method: "POST"${body} }).then(({ status }) => status)`)
}
