/** PostgreSQL whose disk is full: what writes is closed, what does not goes on, nothing is half done, and all is well once there is room. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import pg from "pg"
import { openPostgres } from "../../src/store/postgres/index.ts"
import { type Answer, openStage, PASSWORD, signUp } from "../flows/stage.ts"
import { canMakeCluster, makeCluster } from "../store/postgres-cluster.ts"

const folder = mkdtempSync(join(tmpdir(), "nightlatch-full-"))
after(() => rmSync(folder, { recursive: true, force: true }))
const EMAIL = "person@example.com"

function assertClosed(answer: Answer, what: string): void {
  assert.equal(answer.status, 503, `${what}: ${answer.text}`)
  assert.equal(answer.json.code, "service.unavailable", what)
  assert.deepEqual(answer.setCookies, [], what)
}

it("a PostgreSQL with a full disk", async (t) => {
  if (!canMakeCluster()) {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there are no binaries of PostgreSQL")
    return t.skip("no PostgreSQL binaries")
  }
  const mount = join(folder, "disk")
  mkdirSync(mount)
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=128m", "tmpfs", mount]).status !== 0) {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "a small disk could not be mounted")
    return t.skip("mounting a small disk needs root")
  }
  chmodSync(folder, 0o755)
  chmodSync(mount, 0o777)
  const cluster = await makeCluster({}, ["max_wal_size=48MB", "min_wal_size=32MB", "autovacuum=off"], mount)
  try {
    assert.ok(cluster !== undefined)
    await cluster.start()
    const url = `postgres://postgres@127.0.0.1:${cluster.port}/postgres`
    const store = await openPostgres({ url })
    const stage = await openStage({ clock: Date.now, session: { toleratedDelaySeconds: 0 } }, (unused) => {
      void unused.close()
      return store
    })
    try {
      const browser = await signUp(stage, EMAIL)
      const reader = browser.copy()
      const fill = (): void => {
        for (const [index, size] of [1 << 20, 1 << 16, 1 << 12].entries())
          for (let count = 0; ; count++) {
            try {
              writeFileSync(join(mount, `filler-${index}-${count}`), Buffer.alloc(size))
            } catch {
              break
            }
          }
      }
      fill()
      // A log of 16 MB is there already, and some pages have room: rotations go on until neither is left.
      const admin = new pg.Client({ connectionString: url })
      admin.on("error", () => {})
      await admin.connect()
      await admin
        .query("CREATE TABLE big AS SELECT repeat('x', 1000) AS text FROM generate_series(1, 40000)")
        .catch(() => {})
      fill()
      let last: Answer | undefined
      let rotated = 0
      for (let count = 0; count < 400; count++) {
        await admin.query("SELECT pg_switch_wal()").catch(() => {})
        const answer = await browser.post("/auth/refresh")
        last = answer
        if (answer.status !== 200) break
        rotated++
        const asked = await stage.ask("/auth/register", { json: { email: `new${count}@example.com` } })
        assert.ok([202, 503].includes(asked.status), `register: ${asked.status} ${asked.text}`)
      }
      await admin.end().catch(() => {})
      assertClosed(last as Answer, "refresh")
      assertClosed(await stage.ask("/auth/login", { json: { email: EMAIL, password: PASSWORD } }), "sign in")
      assertClosed(await reader.copy().post("/auth/logout"), "sign out")
      assert.ok([200, 503].includes((await reader.ask("/auth/me")).status))
      t.diagnostic(`${rotated} rotations fitted in`)

      // Room again. A server that gave itself up is started by whoever looks after it.
      spawnSync("sh", ["-c", `rm -f ${mount}/filler-*`])
      let again: Answer | undefined
      const patience = performance.now() + 60_000
      while (performance.now() < patience) {
        again = await browser.post("/auth/refresh")
        if (again.status === 200) break
        assertClosed(again, "while the server comes back")
        if (performance.now() + 50_000 > patience) await cluster.start().catch(() => {})
        await delay(250)
      }
      assert.equal(again?.status, 200, "the same refresh token is as good as before")
      // The feed of revocations, without which nothing is accepted, asks each second.
      let me = await browser.ask("/auth/me")
      for (let look = 0; me.status === 503 && look < 40; look++) {
        await delay(250)
        me = await browser.ask("/auth/me")
      }
      assert.equal(me.status, 200)
      const login = await stage.ask("/auth/login", { json: { email: EMAIL, password: PASSWORD } })
      assert.equal(login.status, 200, login.text)
      // What was answered with 503 has left nothing behind.
      const check = new pg.Client({ connectionString: url })
      await check.connect()
      const { rows } = await check.query("SELECT count(*)::int AS sessions FROM nightlatch.session")
      assert.equal(rows[0]?.sessions, 2, "of the registration and of the last sign-in")
      await check.end()
    } finally {
      await stage.close()
    }
  } finally {
    await cluster?.remove()
    spawnSync("umount", [mount])
  }
  return undefined
})
