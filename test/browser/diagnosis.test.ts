/** "Why am I not signed in?" in a real browser with one thing wrong at a time. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, request as httpRequest, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { after, before, describe, it, type TestContext } from "node:test"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"
import { launch, SKIP } from "./chromium.ts"

const ADDRESS = "someone@example.com"

describe("the diagnosis in a browser", SKIP, () => {
  let stage: Stage
  let browser: Browser
  before(async () => {
    stage = await openStage({ clock: Date.now, cors: { origins: ["http://localhost:5173"] } })
    browser = await launch()
    await signUp(stage, ADDRESS)
  })
  after(async () => {
    await browser?.close()
    await stage?.close()
  })

  async function open(signedIn: boolean, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ locale: "en-GB", ...options })
    const page = await context.newPage()
    if (!signedIn) return page
    await page.goto(`${stage.base}/auth/sign-in`)
    await page.getByLabel("Mail address").fill(ADDRESS)
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD)
    await page.getByRole("button", { name: "Sign in", exact: true }).click()
    await page.waitForURL(`${stage.base}/auth/settings`)
    return page
  }

  async function look(page: Page, query = ""): Promise<string> {
    await page.goto(`${stage.base}/auth/diagnosis${query}`)
    await page.locator("[data-tested]").waitFor({ state: "attached" })
    const bad = await page.evaluate(
      "[...document.querySelectorAll('li.bad')].map(({ dataset }) => dataset.check)",
    )
    const text = (await page.locator("#verdict").innerText()).replace(/\s+/g, " ")
    return `${JSON.stringify(bad)} ${text}`
  }

  it("all is well, with every probe tested and none left behind", async () => {
    const page = await open(true)
    assert.match(await look(page), /All is well here/)
    assert.equal(await page.locator("li.unknown").count(), 0)
    const names = (await page.context().cookies()).map(({ name }) => name)
    assert.ok(names.length >= 3 && !names.some((name) => name.includes("probe")), names.join())
    assert.match(await look(page, "?from=http://localhost:5173"), /All is well here/)
  })

  it("cookies that never come back: allow cookies", async () => {
    const page = await open(false)
    await page.context().route("**/diagnosis/probe", async (route) => {
      const answer = await route.fetch()
      const headers = Object.fromEntries(
        Object.entries(answer.headers()).filter(([name]) => name !== "set-cookie"),
      )
      await page.context().clearCookies()
      await route.fulfill({ status: answer.status(), headers, body: await answer.body() })
    })
    assert.match(await look(page), /sent back no cookie of this service\. Allow cookies for localhost:\d+/)
  })

  it("some kinds of cookies that do not come back are named", async () => {
    const page = await open(true)
    await page.context().route("**/diagnosis/probe", async (route) => {
      if (route.request().method() === "GET") {
        const all = await page.context().cookies()
        const strict = all.find(({ name }) => name.includes("probe_strict"))
        if (strict !== undefined) await page.context().clearCookies({ name: strict.name })
      }
      await route.continue()
    })
    const told = await look(page)
    assert.match(told, /Some kinds of cookies did not come back: Strict\. Use https/)
  })

  it("a clock that is wrong", async () => {
    const page = await open(true)
    await page.addInitScript("const now = Date.now; Date.now = () => now() + 7200000")
    const told = await look(page)
    assert.match(told, /differ by 7[12]\d\d seconds\. Set the clock of this device/)
    assert.match(told, /^\["clock"\]/)
  })

  it("a session that was ended from another place", async () => {
    const page = await open(true)
    const other = stage.browser()
    await other.post("/auth/login", { email: ADDRESS, password: PASSWORD })
    await other.ask("/auth/sessions", { method: "DELETE" })
    const told = await look(page)
    assert.match(told, /The session has ended.*Sign in again\./)
    assert.match(told, /^\["session"\]/)
  })

  it("a cookie that comes twice", async (t) => {
    const page = await open(true)
    const refresh = (await page.context().cookies()).find(({ name }) => name.includes("refresh"))
    // A neighbour on another port: cookies ignore ports, and a partitioned one does not replace ours.
    const neighbour = await serve(t, (_request, response) =>
      response
        .setHeader("set-cookie", `${refresh?.name}=x; Path=/; Secure; HttpOnly; SameSite=None; Partitioned`)
        .end("planted"),
    )
    await page.goto(`http://localhost:${neighbour}/`)
    assert.match(await look(page), /came twice.*Delete the cookies of this site/)
  })

  it("an application that is not listed comes before the session that it could not start", async () => {
    const page = await open(false)
    const told = await look(page, "?from=http://localhost:8080")
    assert.match(told, /^\["from","session"\].*http:\/\/localhost:8080 is not listed/)
  })

  it("another address than the configured one, hidden by a proxy that changes Host", async (t) => {
    const { host, port } = new URL(stage.base)
    const proxy = await serve(t, ({ url, method, headers }, response) => {
      const on = httpRequest(
        { port, host: "127.0.0.1", path: url, method, headers: { ...headers, host } },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(response)
        },
      )
      on.on("error", () => response.destroy())
      on.end()
    })
    const page = await open(false)
    await page.goto(`http://127.0.0.1:${proxy}/auth/diagnosis`)
    await page.locator("[data-tested]").waitFor({ state: "attached" })
    assert.match(
      await page.locator("#verdict").innerText(),
      new RegExp(`opened as http://127\\.0\\.0\\.1:${proxy}, but[\\s\\S]*Open ${stage.base} instead`),
    )
    // What the guard itself refuses never becomes a page of ours.
    const refused = await page.goto(`http://127.0.0.1:${port}/auth/diagnosis`)
    assert.equal(refused?.status(), 421)
  })

  it("without scripts the request alone is judged, and the page says so", async () => {
    const page = await open(true, { javaScriptEnabled: false })
    await page.goto(`${stage.base}/auth/diagnosis`)
    await page.getByText("Without scripts only the request itself").waitFor()
    await page.getByText("The session is alive.").waitFor()
    assert.ok((await page.locator("li.unknown").count()) >= 4)
  })
})

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}
