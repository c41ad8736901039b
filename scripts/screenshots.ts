/**
 * Pictures of every page: desktop, phone and dark, into `docs/screenshots`. The port and the clock are fixed, so that a
 * picture changes only when its page does.
 */
import { once } from "node:events"
import { existsSync, mkdirSync, rmSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { guard } from "../src/adapters/node.ts"
import { generateSecret } from "../src/checklist/secret/index.ts"
import { type Latch, nightlatch } from "../src/index.ts"

const PORT = 3917
const ORIGIN = `http://localhost:${PORT}`
const FOLDER = "docs/screenshots"
const EMAIL = "reader@example.com"
const PASSWORD = "violet kettle ninety moss"
const NOW = Date.UTC(2027, 0, 15, 8, 30)

const LOOKS = [
  ["desktop", { width: 1280, height: 860 }, "light"],
  ["phone", { width: 390, height: 844 }, "light"],
  ["dark", { width: 390, height: 844 }, "dark"],
] as const

const paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
const executablePath = paths.find((path) => existsSync(path))
if (executablePath === undefined) throw new Error("Chromium is not installed here.")

let now = NOW
let listener: RequestListener = (_request, response) => void response.writeHead(503).end()
const server = createServer((request, response) => listener(request, response)).listen(PORT, "127.0.0.1")
await once(server, "listening")
const latch: Latch = await nightlatch({
  origin: ORIGIN,
  secret: generateSecret(),
  database: ":memory:",
  clock: () => now,
  cors: { origins: ["http://localhost:5173"] },
  rateLimit: { perAddress: "100000/minute", mail: { perAddress: "100000/minute" } },
  pages: { name: "Field Library" },
})
listener = guard(latch)
const browser: Browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"],
})
rmSync(FOLDER, { recursive: true, force: true })
mkdirSync(FOLDER, { recursive: true })
let taken = 0

async function look(name: string, page: Page): Promise<void> {
  for (const [size, viewport, colorScheme] of LOOKS) {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme })
    await page.evaluate("document.activeElement instanceof HTMLElement && document.activeElement.blur()")
    await page.screenshot({ path: `${FOLDER}/${name}-${size}.png`, fullPage: true, animations: "disabled" })
    taken++
  }
}

function open(locale = "en-GB"): Promise<BrowserContext> {
  return browser.newContext({ locale, timezoneId: "UTC" })
}

async function mailTo(
  email: string,
  what: string,
): Promise<{ readonly link?: string; readonly code?: string }> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const mail = latch.inbox?.list().find(({ to, subject }) => to === email && subject.includes(what))
    if (mail !== undefined)
      return { ...(mail.link && { link: mail.link }), ...(mail.code && { code: mail.code }) }
    await new Promise((later) => setTimeout(later, 20))
  }
  throw new Error(`no mail "${what}" for ${email}`)
}

const press = (page: Page, name: string | RegExp) => page.getByRole("button", { name }).first().click()

async function takeAll(): Promise<void> {
  const context = await open()
  const page = await context.newPage()
  await page.clock.setFixedTime(NOW)
  await page.goto(`${ORIGIN}/auth/register`)
  await look("register", page)
  await page.getByLabel("Mail address").fill(EMAIL)
  await press(page, "Send me the link")
  await look("check-mail", page)
  await page.goto((await mailTo(EMAIL, "Finish")).link ?? "")
  await look("choose-password", page)
  await page.getByLabel("New password").fill("passwordpassword")
  await press(page, "Create the account")
  await look("choose-password-refused", page)
  await page.getByLabel("New password").fill(PASSWORD)
  await press(page, "Create the account")
  await page.waitForURL(`${ORIGIN}/auth/settings`)
  const phone = await browser.newContext({
    userAgent: "Mozilla/5.0 (Android 16; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0",
  })
  const other = await phone.newPage()
  await other.goto(`${ORIGIN}/auth/sign-in`)
  await other.getByLabel("Mail address").fill(EMAIL)
  await other.getByLabel("Password", { exact: true }).fill("not the right one at all")
  await press(other, "Sign in")
  await look("sign-in-refused", other)
  now += 3 * 60_000
  await other.getByLabel("Password", { exact: true }).fill(PASSWORD)
  await press(other, "Sign in")
  await other.waitForURL(`${ORIGIN}/auth/settings`)
  await page.goto(`${ORIGIN}/auth/settings`)
  await look("settings", page)
  await page.getByText("Change the address").click()
  await page.getByLabel("New mail address").fill("reader@library.example")
  await press(page, "Send me the codes")
  await page.getByText("Delete …").click()
  await page.getByRole("button", { name: "Delete my account" }).click()
  await look("settings-waiting", page)
  await page.clock.setFixedTime(now)
  await page.goto(`${ORIGIN}/auth/diagnosis`)
  await page.locator("[data-tested]").waitFor({ state: "attached" })
  await look("diagnosis", page)
  await page.goto(`${ORIGIN}/auth/settings`)
  await press(page, "Sign out")
  await look("sign-in-after-sign-out", page)
  await page.goto(`${ORIGIN}/auth/diagnosis?from=http://localhost:8080`)
  await page.locator("[data-tested]").waitFor({ state: "attached" })
  await look("diagnosis-wrong", page)
  await page.goto(`${ORIGIN}/auth/sign-in`)
  await look("sign-in", page)
  await page.getByLabel("Mail address").fill(EMAIL)
  await press(page, "Mail me a link instead")
  await look("check-mail-code", page)
  const { link = "" } = await mailTo(EMAIL, "is your code")
  await page.goto(link)
  await look("email-link", page)
  await other.goto(link)
  await look("email-link-elsewhere", other)
  await press(other, "I did not ask for this")
  await look("email-link-denied", other)
  await page.goto(link)
  await look("link-ended", page)
  await page.goto(`${ORIGIN}/auth/reset`)
  await look("reset", page)
  // What is free is used up, and the worker never comes, so that the page stays.
  for (let count = 0; count < 20; count++)
    await page.request.post(`${ORIGIN}/auth/register`, { data: { email: `robot${count}@example.com` } })
  await page.route(/\/altcha\.js/, () => {})
  await page.goto(`${ORIGIN}/auth/register`)
  await page.getByLabel("Mail address").fill("visitor@example.com")
  await press(page, "Send me the link")
  await page.getByText("Your browser is computing").waitFor()
  await look("bot-check", page)
  const german = await (await open("de-DE")).newPage()
  await german.goto(`${ORIGIN}/auth/sign-in`)
  await look("german-sign-in", german)
  const plain = await browser.newContext({ javaScriptEnabled: false, locale: "en-GB" })
  const noScript = await plain.newPage()
  await noScript.goto(`${ORIGIN}/auth/register`)
  for (const [size, viewport, colorScheme] of LOOKS) {
    await noScript.setViewportSize(viewport)
    await noScript.emulateMedia({ colorScheme })
    await noScript.screenshot({ path: `${FOLDER}/register-without-scripts-${size}.png`, fullPage: true })
    taken++
  }
}

try {
  await takeAll()
  console.log(`${taken} pictures in ${FOLDER}`)
} finally {
  await browser.close()
  server.close()
  server.closeAllConnections()
  await latch.close()
}
