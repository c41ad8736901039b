/**
 * The browser helper where it lives: two real tabs and a session whose access token lives for 4 seconds. The long run makes 60
 * refreshes in each browser, the normal one 10. The page's program is README's.
 */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import type { RequestListener } from "node:http"
import { before, describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { emitClient } from "../client/emit.ts"
import { openStage, PASSWORD, signUp } from "../flows/stage.ts"
import { CHROMIUM } from "./chromium.ts"
import { FIREFOX, launchFirefox, type Tabs } from "./firefox.ts"

const REFRESHES = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 60 : 10
const README = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8")
const PROGRAM = /^```js\n([\s\S]*?createClient[\s\S]*?)^```$/m.exec(README)?.[1] ?? ""

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="/icon">
<form><input name="email"><input name="password" type="password"><button>Sign in</button></form>
<script type="module" src="/page.js"></script>`
// Reads and changes by turns, so that both kinds of request meet an ended token.
const WORK = `
globalThis.client = client
const told = (globalThis.told = { answers: {}, heard: [], asked: 0, working: false })
const count = (what) => { told.answers[what] = (told.answers[what] ?? 0) + 1 }
client.onChange((signedIn) => told.heard.push(signedIn))
globalThis.work = async () => {
  for (told.working = true; told.working; told.asked++) {
    try {
      const body = told.asked % 2 ? JSON.stringify({ order: told.asked }) : undefined
      const answer = await client.fetch("/orders", body === undefined ? {} : { method: "POST", body })
      count((await answer.text()) === (body ?? "tea") ? answer.status : "another body, " + answer.status)
    } catch (error) {
      count(error.code + " " + error.message)
    }
    await new Promise((later) => setTimeout(later, 250))
  }
  told.working = undefined
}
`

interface Told {
  readonly answers: Readonly<Record<string, number>>
  readonly heard: readonly boolean[]
  readonly asked: number
  /** Undefined when the work has ended. */
  readonly working?: boolean
}

async function launchChromium(): Promise<Tabs> {
  const flags = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
  const browser = await chromium.launch({
    executablePath: CHROMIUM ?? "chromium",
    args: ["--no-sandbox", "--disable-component-update", ...flags.split(" ")],
  })
  const context = await browser.newContext()
  return {
    async open() {
      const page = await context.newPage()
      return {
        async goto(url) {
          await page.goto(url)
        },
        evaluate: (expression) => page.evaluate(expression),
      }
    },
    close: () => browser.close(),
  }
}

async function until(seconds: number, what: () => Promise<boolean> | boolean): Promise<void> {
  const patience = performance.now() + seconds * 1000
  while (!(await what())) {
    if (performance.now() > patience) throw new Error(`waited for ${seconds} s`)
    await new Promise((later) => setTimeout(later, 100))
  }
}

const needed = process.env.REQUIRE_SERVICES === "1"
const BROWSERS: readonly [name: string, launch: () => Promise<Tabs>, skip: string | false][] = [
  ["Chromium", launchChromium, CHROMIUM === undefined && !needed && "no Chromium"],
  ["Firefox", launchFirefox, FIREFOX === undefined && !needed && "no Firefox"],
]

describe("the browser helper in real tabs", { concurrency: true }, () => {
  const files = new Map<string, readonly [type: string, body: string]>([["/", ["text/html", PAGE]]])

  before(async () => {
    for (const [path, text] of await emitClient()) files.set(`/${path}`, ["text/javascript", text])
    const program = PROGRAM.replace('"nightlatch/client"', '"/client/index.js"')
    assert.match(program, /"\/client\/index\.js"/)
    files.set("/page.js", ["text/javascript", program + WORK])
    files.set("/icon", ["image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>'])
  })

  const application: RequestListener = (request, response) => {
    const [type, body] = files.get(request.url ?? "") ?? ["text/plain", "tea"]
    response.setHeader("content-type", type)
    if (request.method === "POST") request.pipe(response)
    else response.end(body)
  }

  for (const [name, launch, skip] of BROWSERS) {
    it(`solves what a refused sign-in asks for, and so does the register page: ${name}`, {
      skip,
    }, async (t) => {
      const stage = await openStage(
        {
          clock: Date.now,
          publicRoutes: ["GET /", "GET /page.js", "GET /client/*", "GET /icon"],
          header: {
            contentSecurityPolicy:
              "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
          },
          botCheck: {
            free: { mail: { perNetwork: "1/day" }, signIn: { perAccount: "1/day", perNetwork: "1/day" } },
          },
        },
        undefined,
        application,
      )
      t.after(() => stage.close())
      const credentials = { email: "someone@example.com", password: PASSWORD }
      await signUp(stage, credentials.email)
      await stage.ask("/auth/login", { json: { ...credentials, password: "not the right one, sadly" } })
      const browser = await launch()
      t.after(() => browser.close())
      const tab = await browser.open()
      await tab.goto(`${stage.base}/`)
      await until(60, async () => (await tab.evaluate("typeof work")) === "function")
      const done = await tab.evaluate(`import("/client/altcha.js").then(async ({ solve }) => {
        const credentials = ${JSON.stringify(credentials)}
        const error = await client.login(credentials).catch((error) => error)
        await client.login({ ...credentials, botCheck: await solve(error.botCheck) })
        const late = await solve(error.botCheck, { signal: AbortSignal.abort(new Error("stopped")) }).catch((stopped) => stopped)
        return [error.code, error.status, late.message, (await client.me()).userId.length]
      })`)
      assert.deepEqual(done, ["bot_check.required", 403, "stopped", 22])

      await tab.goto(`${stage.base}/auth/register`)
      await tab.evaluate(`void (() => { const email = document.querySelector("#email")
        email.value = "next@example.com"; email.form.requestSubmit() })()`)
      await until(60, () => stage.latch.facts().botCheck.passed === 2)
      assert.match(await stage.tokenFor("next@example.com"), /^[\w-]{43}$/)
    })

    it(`${REFRESHES} refreshes, signed in throughout, then signed out everywhere: ${name}`, {
      skip,
    }, async (t) => {
      const verdicts: string[] = []
      const stage = await openStage(
        {
          clock: Date.now,
          token: { accessLifetimeSeconds: 4 },
          session: { toleratedDelaySeconds: 0.3 },
          publicRoutes: ["GET /", "GET /page.js", "GET /client/*", "GET /icon"],
          header: {
            contentSecurityPolicy:
              "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
          },
          rateLimit: { perAddress: "100000/minute", perUser: "100000/minute" },
        },
        (store) => ({
          ...store,
          async presentRefresh(input) {
            const result = await store.presentRefresh(input)
            verdicts.push(result.verdict)
            return result
          },
        }),
        application,
      )
      t.after(() => stage.close())
      await signUp(stage, "someone@example.com")
      const browser = await launch()
      t.after(() => browser.close())
      const [first, second] = [await browser.open(), await browser.open()]
      const tabs = [first, second]
      for (const tab of tabs) {
        await tab.goto(`${stage.base}/`)
        await until(60, async () => (await tab.evaluate("typeof work")) === "function")
      }

      await first.evaluate(`(() => { const [email, password] = document.querySelectorAll("input")
        email.value = "someone@example.com"; password.value = ${JSON.stringify(PASSWORD)}
        document.querySelector("form").requestSubmit() })()`)
      for (const tab of tabs)
        await until(30, async () => (await tab.evaluate("document.title")) === "Signed in")
      await until(30, async () => String(await first.evaluate("document.body.textContent")).includes("tea"))

      for (const tab of tabs) await tab.evaluate("void work()")
      await until(60 + REFRESHES * 10, () => verdicts.length >= REFRESHES)
      for (const tab of tabs) {
        await tab.evaluate("void (told.working = false)")
        await until(60, async () => ((await tab.evaluate("told")) as Told).working === undefined)
      }
      const told = (await Promise.all(tabs.map((tab) => tab.evaluate("told")))) as Told[]
      for (const { answers, heard, asked } of told) {
        assert.deepEqual(answers, { 200: asked })
        assert.deepEqual(heard, [true])
      }
      // A second refresh of the same ended token would be a coalesced one.
      assert.deepEqual([...new Set(verdicts)], ["rotated"])
      t.diagnostic(
        `${name}: ${verdicts.length} refreshes, ${told.map(({ asked }) => asked).join(" and ")} requests`,
      )

      await second.evaluate("client.logout()")
      await until(30, async () => (await first.evaluate("document.title")) === "Signed out")
      for (const tab of tabs) {
        assert.equal(
          await tab.evaluate('client.me().then((me) => me === undefined ? "nobody" : me)'),
          "nobody",
        )
        assert.equal(await tab.evaluate('client.fetch("/orders").then(({ status }) => status)'), 401)
        assert.deepEqual(((await tab.evaluate("told")) as Told).heard, [true, false])
      }
    })
  }
})
