/** A database file that is locked by somebody else, and a disk that is full: 503 in time, never a pass, and well again afterwards. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, describe, it } from "node:test"
import { type Answer, openStage, PASSWORD, signUp } from "../flows/stage.ts"

const folder = mkdtempSync(join(tmpdir(), "nightlatch-disk-"))
after(() => rmSync(folder, { recursive: true, force: true }))

function assertClosed(answer: Answer, what: string): void {
  assert.equal(answer.status, 503, `${what}: ${answer.text}`)
  assert.ok(Number(answer.headers["retry-after"]) >= 1, what)
  assert.equal(answer.json.code, "service.unavailable", what)
  assert.deepEqual(answer.setCookies, [], what)
}

describe("a file that another program has locked", () => {
  it("closes what writes, goes on with what does not, and nobody is signed out by it", async (t) => {
    const path = join(folder, "locked", "nightlatch.db")
    const stage = await openStage({ database: path })
    const lock = new DatabaseSync(path)
    try {
      const browser = await signUp(stage, "person@example.com")
      const leaver = await signUp(stage, "leaver@example.com")
      await stage.tick(20_000)
      lock.exec("BEGIN IMMEDIATE")
      const began = performance.now()
      let looked = 0
      let slowest = 0
      const writes = Promise.all([
        browser.post("/auth/refresh"),
        leaver.post("/auth/logout"),
        stage.ask("/auth/login", { json: { email: "person@example.com", password: PASSWORD } }),
        stage.ask("/auth/register", { json: { email: "new@example.com" } }),
        stage.ask("/auth/password/forgot", { json: { email: "person@example.com" } }),
        stage.ask("/auth/email-link", { json: { email: "person@example.com" } }),
      ])
      let waiting = true
      const reader = browser.copy()
      const watching = (async () => {
        while (waiting) {
          const asked = performance.now()
          assert.equal((await reader.ask("/auth/me")).status, 200)
          slowest = Math.max(slowest, performance.now() - asked)
          looked++
          // Below the limit of a user.
          await new Promise((later) => setTimeout(later, 10))
        }
      })()
      const answers = await writes
      const tookMs = performance.now() - began
      waiting = false
      await watching
      for (const [index, answer] of answers.entries()) assertClosed(answer, `write ${index}`)
      t.diagnostic(
        `closed after ${tookMs.toFixed(0)} ms; ${looked} reads meanwhile, ${slowest.toFixed(0)} ms at most`,
      )
      // A loop that stood still for as long as the lock would have answered one.
      assert.ok(looked > 5, `${looked} reads`)
      lock.exec("ROLLBACK")

      const again = await browser.post("/auth/refresh")
      assert.equal(again.status, 200, "the same refresh token is as good as before")
      assert.equal((await leaver.ask("/auth/me")).status, 200, "a sign-out that failed has signed nobody out")
      assert.equal((await leaver.post("/auth/logout")).status, 204)
      assert.equal((await leaver.ask("/auth/me")).status, 401)
    } finally {
      if (lock.isTransaction) lock.exec("ROLLBACK")
      lock.close()
      await stage.close()
    }
  })
})

describe("a full disk", () => {
  it("closes what writes, goes on with what does not, and works again when there is room", async (t) => {
    const mount = join(folder, "full")
    mkdirSync(mount)
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", mount]).status !== 0) {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", "a small disk could not be mounted")
      return t.skip("mounting a small disk needs root")
    }
    try {
      chmodSync(mount, 0o700)
      const stage = await openStage({ database: join(mount, "nightlatch.db") })
      try {
        const browser = await signUp(stage, "person@example.com")
        await stage.tick(20_000)
        // Small files last, so that not a page is left.
        for (const [index, size] of [1 << 20, 1 << 16, 1 << 12].entries()) {
          for (let count = 0; ; count++) {
            try {
              writeFileSync(join(mount, `filler-${index}-${count}`), Buffer.alloc(size))
            } catch {
              break
            }
          }
        }
        const answers: Answer[] = []
        // The log of the database has some room of its own.
        for (let count = 0; count < 2_000 && answers.at(-1)?.status !== 503; count++)
          answers.push(await stage.ask("/auth/register", { json: { email: `new${count}@example.com` } }))
        assertClosed(answers.at(-1) as Answer, "register")
        assert.ok(answers.slice(0, -1).every(({ status }) => status === 202))
        assertClosed(await browser.post("/auth/refresh"), "refresh")
        assertClosed(
          await stage.ask("/auth/login", { json: { email: "person@example.com", password: PASSWORD } }),
          "login",
        )
        assert.equal((await browser.ask("/auth/me")).status, 200)
        assert.equal((await browser.ask("/auth/account")).status, 200)

        for (const size of [0, 1, 2]) spawnSync("sh", ["-c", `rm -f ${mount}/filler-${size}-*`])
        assert.equal((await browser.post("/auth/refresh")).status, 200)
        const login = { email: "person@example.com", password: PASSWORD }
        assert.equal((await stage.ask("/auth/login", { json: login })).status, 200)
        assert.equal(await stage.latch.ready(), true)
        t.diagnostic(`${answers.length - 1} registrations fitted in`)
      } finally {
        await stage.close()
      }
    } finally {
      spawnSync("umount", [mount])
    }
    return undefined
  })
})
