/** Connections that die, hang, wait for a lock or have old plans: errors in time, no connection lost, nobody crashes. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { createServer, Socket } from "node:net"
import { after, before, describe, it } from "node:test"
import { inspect } from "node:util"
import pg from "pg"
import { toBase64url } from "../../src/core/bytes.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { Store } from "../../src/store/store.ts"
import { ask, withDatabase } from "./postgres-server.ts"

const HOUR = 3_600_000
const OURS = "application_name = 'nightlatch' AND datname = current_database()"

const newId = (): string => toBase64url(randomBytes(16))
const pause = (milliseconds: number) => new Promise((later) => setTimeout(later, milliseconds))

async function until(what: () => Promise<boolean> | boolean, milliseconds = 20_000): Promise<void> {
  const patience = performance.now() + milliseconds
  while (!(await what())) {
    if (performance.now() > patience) throw new Error("it did not come to that")
    await pause(20)
  }
}

async function signUp(store: Store): Promise<string> {
  const id = newId()
  const about = { passwordHash: "hash", roles: [], verified: true, events: [] }
  await store.createAccount({ id, email: `${id.toLowerCase()}@example.com`, ...about })
  return id
}

function signIn(store: Store, accountId: string) {
  const random = () => randomBytes(32)
  const about = { transport: "cookie", persistent: true, methods: [], client: "", addressPrefix: "" } as const
  const session = { id: newId(), hash: random(), salt: random(), idleMs: HOUR, absoluteMs: HOUR, ...about }
  return store.startSession({ accountId, verifiedHash: "hash", session, events: [] })
}

/** Passes everything on until it is told to keep what the connections of that moment say. */
async function startWire(target: { host: string; port: number }) {
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    const upstream = new Socket().connect(target)
    const pair = [client, upstream] as const
    pairs.add(pair)
    for (const socket of pair)
      socket.on("error", () => {}).on("close", () => pair.map((each) => each.destroy()))
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
  const address = server.address()
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    freeze() {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream)
        upstream.unpipe(client)
      }
    },
    close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      return new Promise((closed) => server.close(closed))
    },
  }
}

withDatabase("postgres: connections", (url) => {
  let store: Store
  before(async () => {
    store = await openPostgres({ url: url() })
  })
  after(() => store.close())

  const atOnce = (count: number, on: Store = store) =>
    Promise.allSettled(Array.from({ length: count }, () => on.ping()))

  describe("that die", () => {
    it("are replaced, idle or busy, and end no process", async () => {
      await atOnce(20)
      for (let round = 0; round < 5; round++) {
        const busy = atOnce(20)
        await ask(url(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS}`)
        for (const result of await busy)
          if (result.status === "rejected") assert.ok(result.reason instanceof UnavailableError)
      }
      await until(async () => (await atOnce(20)).every(({ status }) => status === "fulfilled"))
    })
  })

  describe("that hang", () => {
    it("fail in time and are given up; the next verbs have new ones", async () => {
      const { hostname, port } = new URL(url())
      const wire = await startWire({ host: hostname, port: Number(port) })
      const through = new URL(url())
      through.port = String(wire.port)
      const hanging = await openPostgres({ url: `${through.href}?pool_size=3` })
      try {
        await atOnce(6, hanging)
        wire.freeze()
        const began = performance.now()
        const results = await atOnce(3, hanging)
        assert.ok(results.every(({ status }) => status === "rejected"))
        assert.ok(performance.now() - began < 15_000)
        await until(async () => (await atOnce(3, hanging)).every(({ status }) => status === "fulfilled"))
      } finally {
        await hanging.close()
        await wire.close()
      }
    })
  })

  describe("that wait for a lock", () => {
    it("are ended on the server as well, so that what was told as failed is not carried out later", async () => {
      const accountId = await signUp(store)
      const holder = new pg.Client({ connectionString: url() })
      await holder.connect()
      await holder.query("BEGIN")
      await holder.query("SELECT FROM nightlatch.account WHERE id = $1 FOR UPDATE", [
        Buffer.from(accountId, "base64url"),
      ])
      await assert.rejects(signIn(store, accountId), UnavailableError)
      const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE ${OURS} AND wait_event_type = 'Lock'`
      await until(async () => (await ask(url(), waiting))[0]?.n === 0)
      await holder.query("COMMIT")
      await holder.end()
      await pause(200)
      assert.deepEqual(await store.listSessions(accountId), [])
      assert.equal((await signIn(store, accountId)).kind, "started")
    })
  })

  describe("whose plans a migration has outdated", () => {
    it("are replaced without anybody noticing", async () => {
      const accountId = await signUp(store)
      const read = () =>
        Promise.all(
          Array.from({ length: 30 }, () =>
            Promise.all([store.findAccount(accountId), signIn(store, accountId)]),
          ),
        )
      for (const column of ["one", "two"]) {
        await read()
        await ask(url(), `ALTER TABLE nightlatch.account ADD COLUMN ${column} text`)
        for (const [account, started] of await read()) {
          assert.equal(account?.id, accountId)
          assert.equal(started.kind, "started")
        }
      }
      for (const column of ["one", "two"])
        await ask(url(), `ALTER TABLE nightlatch.account DROP COLUMN ${column}`)
    })
  })

  describe("for hearing of revocations", () => {
    it("wake others at once, and again after they were cut", async () => {
      const other = await openPostgres({ url: url() })
      const accountId = await signUp(store)
      let woken = 0
      const stop = store.watchRevocations?.(() => {
        woken++
      })
      const revoke = async () => {
        const before = woken
        await other.setRoles({ accountId, roles: [String(before)], events: [] })
        await until(() => woken > before)
      }
      try {
        await until(() => woken > 0)
        for (let time = 0; time < 3; time++) await revoke()
        const before = woken
        await ask(
          url(),
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS} AND query LIKE 'LISTEN%'`,
        )
        // It asks at once what it may have missed meanwhile.
        await until(() => woken > before)
        await revoke()
      } finally {
        await stop?.()
        await other.close()
      }
    })
  })

  it("let nobody miss a revocation that commits long after it took its time", async () => {
    const accountId = await signUp(store)
    const started = await signIn(store, accountId)
    assert.ok(started.kind === "started")
    const slow = new pg.Client({ connectionString: url() })
    await slow.connect()
    await slow.query("BEGIN")
    await slow.query(
      `UPDATE nightlatch.session SET revoked_at = nightlatch.now_ms(), reason = 'user', revoked_xid = pg_current_xact_id()
       WHERE id = $1`,
      [Buffer.from(started.session.id, "base64url")],
    )
    let page = await store.readRevocations({ withinMs: HOUR })
    const since = performance.now()
    while (performance.now() - since < 5_500) {
      // Others begin and commit, so that the numbers move on.
      await signIn(store, accountId)
      page = await store.readRevocations({ cursor: page.cursor, withinMs: HOUR })
      assert.ok(!page.sessions.some(({ sessionId }) => sessionId === started.session.id))
      await pause(500)
    }
    await slow.query("COMMIT")
    await slow.end()
    page = await store.readRevocations({ cursor: page.cursor, withinMs: HOUR })
    assert.ok(page.sessions.some(({ sessionId }) => sessionId === started.session.id))
  })

  it("are read from anew by a cursor of another server, or of one that has fallen behind", async () => {
    const accountId = await signUp(store)
    const started = await signIn(store, accountId)
    assert.ok(started.kind === "started")
    await store.revokeSession({ sessionId: started.session.id, reason: "logout", events: [] })
    const { cursor } = await store.readRevocations({ withinMs: HOUR })
    const [server = "", number = ""] = cursor.split("@")
    for (const foreign of [
      `${server.replace(/^\d/, (digit) => String((Number(digit) + 1) % 10))}@${number}`,
      `${server.slice(0, -1)}F@${number}`,
      `${server}@${BigInt(number) + 1_000_000n}`,
      "nonsense",
    ]) {
      const page = await store.readRevocations({ cursor: foreign, withinMs: HOUR })
      assert.ok(
        page.sessions.some(({ sessionId }) => sessionId === started.session.id),
        foreign,
      )
    }
  })

  it("tell nothing of the URL when they cannot be made", async () => {
    for (const change of [
      (bad: URL) => (bad.port = "1"),
      (bad: URL) => (bad.username = "nobody-is-called-so"),
      (bad: URL) => (bad.pathname = "nowhere"),
      (bad: URL) => (bad.hostname = "host.invalid"),
    ]) {
      const bad = new URL(url())
      bad.password = "marked-word"
      change(bad)
      await assert.rejects(openPostgres({ url: bad.href }), (error) => {
        assert.ok(error instanceof UnavailableError)
        assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /marked-word/)
        return true
      })
    }
  })

  it("end with the store, after what is under way", async () => {
    const closing = await openPostgres({ url: url() })
    const underWay = Array.from({ length: 20 }, () => closing.ping())
    await pause(1)
    const closed = closing.close()
    await Promise.all(underWay)
    await closed
    await assert.rejects(closing.ping(), UnavailableError)
  })
})
