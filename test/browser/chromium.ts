/** Chromium for the tests of pages: where it is, how it starts, and a judge of what it shows. */
import assert from "node:assert/strict"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { MAY_LOOK } from "../services.ts"

const first = (...names: readonly string[]): string | undefined =>
  names.map((name) => `/usr/bin/${name}`).find((path) => MAY_LOOK && existsSync(path))
export const CHROMIUM: string | undefined = first("chromium", "chromium-browser", "google-chrome")
/** The same engine without tabs and menus, which are half of the work. */
const SHELL: string | undefined = first("chromium-headless-shell") ?? CHROMIUM

/** For `describe`: skipped where there is no Chromium, unless services are required. */
export const SKIP: { skip: string | false } = {
  skip: SHELL === undefined && process.env.REQUIRE_SERVICES !== "1" ? "no Chromium" : false,
}

export const SIZES = [
  ["desktop, light", { width: 1280, height: 900 }, "light"],
  ["phone, light", { width: 360, height: 740 }, "light"],
  ["phone, dark", { width: 360, height: 740 }, "dark"],
  ["desktop, dark", { width: 1280, height: 900 }, "dark"],
] as const

const AXE = readFileSync(
  fileURLToPath(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url)),
  "utf8",
)

export function launch(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: SHELL ?? "chromium",
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      ...more,
    ],
  })
}

/** Nothing for axe to find, and nothing wider than the window. */
export async function judge(page: Page, what: string = page.url()): Promise<void> {
  await page.evaluate(AXE)
  const violations = await page.evaluate(
    "axe.run().then((result) => result.violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ target }) => target).join(' | ')))",
  )
  assert.deepEqual(violations, [], what)
  const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
  assert.ok(Number(overflow) <= 0, `${what}: ${overflow} px too wide`)
  const cut = await page.evaluate(
    "[...document.querySelectorAll('pre')].filter((block) => block.scrollWidth > block.clientWidth).length",
  )
  assert.equal(cut, 0, `${what}: commands are cut at the edge`)
}

/** Waits for a condition, at most half a minute. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const patience = performance.now() + 30_000
  while (!(await what())) {
    if (performance.now() > patience) throw new Error("waited for 30 s")
    await new Promise((later) => setTimeout(later, 50))
  }
}
