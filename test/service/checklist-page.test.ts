import assert from "node:assert/strict"
import { test } from "node:test"
import { state as database } from "../../src/checklist/database/index.ts"
import type { Facts, LineState } from "../../src/core/facts.ts"
import { LINES } from "../../src/core/lines.ts"
import { type ChecklistView, checklistPage, countStates, gatePage } from "../../src/service/checklist-page.ts"
import { CHECKLIST_STYLE } from "../../src/service/checklist-style.ts"
import { quote, trySteps } from "../../src/service/try-it.ts"

const HOLDS: LineState = { state: "holds", why: "It is so." }

function view(change: (id: string) => LineState | undefined, unsafe = {}): ChecklistView {
  return {
    origin: "http://localhost:3000",
    version: "0.1.0",
    rows: LINES.map((line) => ({ line, state: change(line.id) ?? HOLDS })),
    unsafe,
    facts: [["Database", "data/nightlatch.db"]],
    steps: trySteps({
      origin: "http://localhost:3000",
      basePath: "/auth",
      inboxKeyFile: "/home/ada/it's here/inbox-key",
      toleratedDelaySeconds: 0.3,
      commandLine: "npx nightlatch",
    }),
    jwksPath: "/.well-known/jwks.json",
    readAt: 0,
  }
}

test("every line of the checklist is on the page once, with its promise, state and source", () => {
  const page = checklistPage(view(() => undefined))
  for (const line of LINES) {
    assert.equal(page.split(`id="${line.id}"`).length, 2, line.id)
    assert.equal(page.split(`href="#${line.id}"`).length, 2, line.id)
    assert.ok(page.includes(line.source), line.id)
  }
  assert.match(page, /<b>18<\/b> of 18 lines hold/)
  assert.match(page, /Nothing that is built fails\./)
})

test("a failing line is named first, with the one change that mends it", () => {
  const page = checklistPage(
    view((id) =>
      id === "database"
        ? { state: "fails", why: "Others can read the file.", fix: "chmod 600 nightlatch.db" }
        : undefined,
    ),
  )
  assert.match(page, /<b>17<\/b> of 18 lines hold/)
  assert.match(page, /<strong><a href="#database">The database<\/a> fails\.<\/strong>/)
  assert.match(page, /To mend it<\/b>chmod 600 nightlatch\.db/)
})

test("a line that is weakened by what was found, and by nobody's wish, is not called intended", () => {
  const facts = { database: { engine: "postgres", reach: "loopback", trusting: true } } as unknown as Facts
  const page = checklistPage(view((id) => (id === "database" ? database(facts) : undefined)))
  assert.match(page, /The database<\/a> is weakened; why stands beside it\./)
  assert.match(page, /The server asks for no password/)
  assert.doesNotMatch(page, /weakened on purpose/)
})

test("a weakened line shows its written reason", () => {
  const reason = "the gateway is slow on Sundays"
  const page = checklistPage(
    view(
      (id) =>
        id === "session"
          ? { state: "weakened", why: `Accepted until expiry: ${reason}`, fix: "Remove it." }
          : undefined,
      { acceptRevokedUntilExpiry: reason },
    ),
  )
  assert.match(page, /<p class="reason">“the gateway is slow on Sundays”<\/p>/)
  assert.match(page, /<b>17<\/b> of 18 lines hold/)
})

test("a line that is partly built says what holds and what does not exist yet", () => {
  const partial = { state: "partial", why: "So far.", missing: "the <rest> of it." } as const
  const page = checklistPage(view((id) => (id === "csrf" || id === "event" ? partial : undefined)))
  assert.match(page, /<b>16<\/b> of 18 lines hold/)
  assert.match(page, /Partly built/)
  assert.match(page, /<p class="missing"><b>Not built yet:<\/b>the &lt;rest&gt; of it\.<\/p>/)
  assert.match(page, /CSRF<\/a> and <a href="#event">Security events<\/a> hold as far as they are built\./)
})

test("what comes from options is escaped everywhere", () => {
  const hostile = "<img src=x onerror=alert(1)>\"'&"
  const page = checklistPage({
    ...view(() => ({ state: "weakened", why: hostile, fix: hostile }), { a: hostile }),
    origin: hostile,
    version: hostile,
    facts: [[hostile, hostile]],
  })
  assert.ok(!page.includes("<img"))
  const gate = gatePage({ origin: hostile, wrong: hostile, tokenConfigured: true })
  assert.ok(!gate.includes("<img"))
})

test("the page needs no script, no inline style and no other host", () => {
  const page =
    checklistPage(view(() => undefined)) + gatePage({ origin: "o", wrong: "no", tokenConfigured: true })
  assert.doesNotMatch(page, /<script|<style| style=| on[a-z]+=|https?:\/\/(?!localhost:3000)/i)
  assert.doesNotMatch(CHECKLIST_STYLE, /url\(|@import|@font-face/)
})

test("counts add up", () => {
  const counts = countStates(view((id) => (id === "oauth" ? { state: "partial", why: "" } : undefined)).rows)
  assert.deepEqual(counts, { holds: 17, weakened: 0, fails: 0, partial: 1 })
})

const QUOTED = [
  ["/plain/path", "/plain/path"],
  ["/with space", "'/with space'"],
  ["/it's", "'/it'\\''s'"],
  ["$(rm -rf /)", "'$(rm -rf /)'"],
  ["", "''"],
] as const

for (const [text, expected] of QUOTED) {
  test(`a shell reads ${JSON.stringify(text)} literally`, () => assert.equal(quote(text), expected))
}
