/** Sessions at the same moment, on two instances and a real server: one line of tokens, and nothing outlives what ends it. */
import assert from "node:assert/strict"
import { randomBytes, randomInt } from "node:crypto"
import { after, before, describe, it } from "node:test"
import pg from "pg"
import { toBase64url } from "../../src/core/bytes.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { NewSession, RefreshPresentation, RefreshResult, Store } from "../../src/store/store.ts"
import { withDatabase } from "./postgres-server.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
const SCHEDULES = LONG ? 10_000 : 500
const HOUR = 3_600_000
const GRACE_MS = 600_000
const SEED = Number(process.env.SEED ?? randomInt(2 ** 31))

const newId = (): string => toBase64url(randomBytes(16))
const bytes = (): Buffer => randomBytes(32)
const notice = { decoy: false, language: "en" } as const

/** A small generator of its own, so that a seed gives the same schedules. https://prng.di.unimi.it/splitmix64.c, with 32 bits */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below
  }
}

function newSession(): NewSession {
  const about = {
    transport: "cookie",
    persistent: true,
    methods: ["pwd"],
    client: "",
    addressPrefix: "",
  } as const
  return { id: newId(), hash: bytes(), salt: bytes(), idleMs: HOUR, absoluteMs: 5 * HOUR, ...about }
}

function presentation(sessionId: string, generation: number, hash: Uint8Array): RefreshPresentation {
  return {
    sessionId,
    generation,
    hash,
    nextHash: bytes(),
    nextSalt: bytes(),
    transport: "cookie",
    graceMs: GRACE_MS,
    minRotateMs: 0,
    idleMs: HOUR,
    readyAt: 0,
    events: {
      reuse: [{ type: "session.reuse", sessionId }],
      "late-parent": [{ type: "session.parent_late", sessionId }],
      rollback: [{ type: "session.rollback", sessionId }],
    },
    mail: ({ id, email }) => ({ purpose: "signed-out-for-safety", email, accountId: id, ...notice }),
  }
}

const passes = ({ verdict }: RefreshResult): boolean =>
  verdict === "rotated" || verdict === "coalesced" || verdict === "retry"

withDatabase("postgres: sessions at the same moment", (url) => {
  let stores: Store[] = []
  const pick = (index: number): Store => stores[index % stores.length] as Store
  before(async () => {
    stores = [await openPostgres({ url: url() }), await openPostgres({ url: url() })]
  })
  after(() => Promise.all(stores.map((store) => store.close())))

  async function signedIn(passwordHash = "hash") {
    const accountId = newId()
    const email = `${accountId.toLowerCase()}@example.com`
    const made = await pick(0).createAccount({
      id: accountId,
      email,
      passwordHash,
      roles: [],
      verified: true,
      events: [],
    })
    assert.equal(made.kind, "created")
    const session = newSession()
    const started = await start(accountId, session, passwordHash)
    assert.equal(started.kind, "started")
    return { accountId, session }
  }

  const start = (accountId: string, session = newSession(), verifiedHash = "hash", on = pick(0)) =>
    on.startSession({ accountId, verifiedHash, session, events: [{ type: "session.started", accountId }] })

  /** A session whose token has moved on once, so that there are a current one, a parent and, after another, an ancestor. */
  async function moved(session: NewSession, generations: number): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = [session.hash]
    for (let generation = 1; generation < generations; generation++) {
      const input = presentation(session.id, generation, hashes[generation - 1] ?? bytes())
      assert.equal((await pick(generation).presentRefresh(input)).verdict, "rotated")
      hashes.push(input.nextHash)
    }
    return hashes
  }

  const eventsOf = async (accountId: string) =>
    (await pick(0).listEvents({ accountId, limit: 1_000 })).map(({ type }) => type)

  /** What ends sessions of an account: the verb, and the sessions that may be left. */
  const ENDINGS = {
    setDisabled: async (on: Store, accountId: string) => {
      await on.setDisabled({ accountId, disabled: true, events: [] })
      return undefined
    },
    deleteAccount: async (on: Store, accountId: string) => {
      await on.deleteAccount({ accountId, events: [] })
      return undefined
    },
    changePassword: async (on: Store, accountId: string) => {
      const session = newSession()
      const mail = {
        purpose: "password-changed",
        email: `${accountId}@example.com`,
        accountId,
        ...notice,
      } as const
      const change = { verifiedHash: "hash", passwordHash: "other", session, events: [], mail }
      const { kind } = await on.changePassword({ accountId, ...change })
      return kind === "started" ? session.id : undefined
    },
  } as const

  it("64 presentations of one token rotate once; all others get the same successor", async () => {
    for (let round = 0; round < (LONG ? 60 : 12); round++) {
      const { session } = await signedIn()
      const results = await Promise.all(
        Array.from({ length: 64 }, (_, index) =>
          pick(index).presentRefresh(presentation(session.id, 1, session.hash)),
        ),
      )
      assert.equal(results.filter(({ verdict }) => verdict === "rotated").length, 1)
      const successors = new Set(
        results.map((result) => {
          assert.ok("currentHash" in result, result.verdict)
          return `${Buffer.from(result.currentHash).toString("hex")} ${Buffer.from(result.salt).toString("hex")}`
        }),
      )
      assert.equal(successors.size, 1)
      assert.equal((await pick(round).findSession(session.id))?.generation, 2)
    }
  })

  it("current and ancient ones at once end the session once, with one event and one mail", async () => {
    for (let round = 0; round < (LONG ? 60 : 12); round++) {
      const { accountId, session } = await signedIn()
      const hashes = await moved(session, 3)
      await Promise.all(
        Array.from({ length: 32 }, (_, index) => {
          const generation = index % 2 === 0 ? 3 : 1
          const hash = hashes[generation - 1] ?? bytes()
          return pick(index).presentRefresh(presentation(session.id, generation, hash))
        }),
      )
      const row = await pick(0).findSession(session.id)
      assert.equal(row?.reason, "reuse")
      assert.deepEqual(
        (await eventsOf(accountId)).filter((type) => type === "session.reuse"),
        ["session.reuse"],
      )
      const mails = await query(
        "SELECT count(*)::int AS n FROM nightlatch.outbox WHERE account_id = $1",
        accountId,
      )
      assert.equal(mails?.n, 1)
    }
  })

  async function query(text: string, accountId: string): Promise<Record<string, unknown> | undefined> {
    const client = new pg.Client({ connectionString: url() })
    await client.connect()
    try {
      return (await client.query(text, [Buffer.from(accountId, "base64url")])).rows[0]
    } finally {
      await client.end()
    }
  }

  it("two sign-ins that replace the same session end it once, and both hold", async () => {
    const { accountId, session } = await signedIn()
    const results = await Promise.all(
      [newSession(), newSession()].map((next, index) =>
        pick(index).startSession({
          accountId,
          verifiedHash: "hash",
          session: next,
          replaces: session.id,
          events: [],
        }),
      ),
    )
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ["started", "started"],
    )
    assert.deepEqual(await eventsOf(accountId), ["session.replaced", "session.started"])
  })

  describe("while an ending is under way", () => {
    for (const [name, change] of [
      ["disabled", "UPDATE nightlatch.account SET disabled_at = 1 WHERE id = $1"],
      ["deleted", "DELETE FROM nightlatch.account WHERE id = $1"],
      ["given another password", "UPDATE nightlatch.account SET password_hash = 'other' WHERE id = $1"],
    ] as const) {
      it(`a sign-in and a refresh wait, and get nothing once the account is ${name}`, async () => {
        const { accountId, session } = await signedIn()
        const client = new pg.Client({ connectionString: url() })
        await client.connect()
        const id = Buffer.from(accountId, "base64url")
        await client.query("BEGIN")
        await client.query(change, [id])
        await client.query(
          `UPDATE nightlatch.session SET revoked_at = 1, revoked_xid = pg_current_xact_id(), reason = 'test'
           WHERE account_id = $1`,
          [id],
        )
        let answered = 0
        const note = <Result>(result: Result): Result => {
          answered++
          return result
        }
        const begun = start(accountId, newSession(), "hash", pick(1)).then(note)
        const refreshed = pick(0)
          .presentRefresh(presentation(session.id, 1, session.hash))
          .then(note)
        await new Promise((later) => setTimeout(later, 200))
        assert.equal(answered, 0)
        await client.query("COMMIT")
        await client.end()
        assert.equal((await begun).kind, "refused")
        assert.equal((await refreshed).verdict, "ended")
        const left = await query(
          "SELECT count(*)::int AS n FROM nightlatch.session WHERE account_id = $1",
          accountId,
        )
        assert.equal(left?.n, 1)
      })
    }

    for (const [name, ending] of Object.entries(ENDINGS)) {
      it(`${name} waits for a sign-in and a refresh that came first, and ends what they made`, async () => {
        const { accountId, session } = await signedIn()
        const [slow, client] = [newSession(), new pg.Client({ connectionString: url() })]
        await client.connect()
        const id = Buffer.from(accountId, "base64url")
        // As `startSession` and a rotation leave them before their commit.
        await client.query("BEGIN")
        await client.query("UPDATE nightlatch.account SET failures = 0 WHERE id = $1", [id])
        await client.query(
          `INSERT INTO nightlatch.session SELECT $2, account_id, created_at, absolute_end, idle_end, 1, current_hash,
             NULL, salt, NULL, NULL, NULL, NULL, transport, persistent, authenticated_at, methods, client, address_prefix
           FROM nightlatch.session WHERE account_id = $1`,
          [id, Buffer.from(slow.id, "base64url")],
        )
        await client.query(
          "UPDATE nightlatch.session SET generation = 2, previous_hash = current_hash WHERE id = $1",
          [Buffer.from(session.id, "base64url")],
        )
        const ended = ending(pick(1), accountId)
        await new Promise((later) => setTimeout(later, 200))
        await client.query("COMMIT")
        await client.end()
        const kept = await ended
        for (const each of [session.id, slow.id]) {
          const row = await pick(0).findSession(each)
          assert.notEqual(row?.revokedAt, null, each)
        }
        assert.deepEqual(
          (await pick(0).listSessions(accountId)).map((row) => row.id),
          kept === undefined ? [] : [kept],
        )
      })
    }
  })

  it(`holds in ${SCHEDULES} random schedules`, async (t) => {
    t.diagnostic(`seed ${SEED}`)
    const below = numbersFrom(SEED)
    const { cursor } = await pick(0).readRevocations({ withinMs: HOUR })
    const counts = new Map<string, number>()
    const revoked = new Set<string>()
    const lanes = 4
    const plans = Array.from({ length: SCHEDULES }, (_, index) => ({ index, plan: planOf(below) }))
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        for (const { index, plan } of plans.filter((each) => each.index % lanes === lane)) {
          const told = await runSchedule(plan).catch((error: unknown) => {
            throw new Error(`schedule ${index} of seed ${SEED}: ${plan.acts.join(", ")}`, { cause: error })
          })
          for (const id of told.revoked) revoked.add(id)
          for (const act of told.counted) counts.set(act, (counts.get(act) ?? 0) + 1)
        }
      }),
    )
    const fed = await pick(1).readRevocations({ cursor, withinMs: HOUR })
    const heard = new Set(fed.sessions.map(({ sessionId }) => sessionId))
    for (const id of revoked) assert.ok(heard.has(id), "a revocation is missing in the feed")
    t.diagnostic([...counts].map(([act, count]) => `${count} ${act}`).join(", "))
    for (const act of ["rotated", "retry", "reuse", "refused", "started", "ended"])
      assert.ok((counts.get(act) ?? 0) > 0, `never ${act}`)
  })

  const ACTS = [
    "current",
    "current",
    "current",
    "parent",
    "ancestor",
    "sign-in",
    "sign-in",
    "logout",
    "end-all",
  ] as const
  type Act = (typeof ACTS)[number] | keyof typeof ENDINGS

  interface Plan {
    readonly acts: readonly Act[]
    readonly delays: readonly number[]
  }

  function planOf(below: (limit: number) => number): Plan {
    const acts: Act[] = Array.from({ length: 3 + below(6) }, () => ACTS[below(ACTS.length)] ?? "current")
    const endings = Object.keys(ENDINGS) as (keyof typeof ENDINGS)[]
    if (below(2) === 0) acts.splice(below(acts.length), 0, endings[below(endings.length)] ?? "setDisabled")
    return { acts, delays: acts.map(() => below(4)) }
  }

  async function runSchedule({ acts, delays }: Plan) {
    const { accountId, session } = await signedIn()
    const hashes = await moved(session, 3)
    const results: RefreshResult[] = []
    const counted: string[] = []
    const begun: string[] = []
    const kept: string[] = []
    /** When the answer of what ends everything came; whatever is asked later must find it ended. */
    let endedAt = Number.POSITIVE_INFINITY
    const refresh = async (on: Store, generation: number) => {
      const askedAt = performance.now()
      const input = presentation(session.id, generation, hashes[generation - 1] ?? bytes())
      const result = await on.presentRefresh(input)
      results.push(result)
      counted.push(result.verdict)
      if (askedAt > endedAt) assert.ok(!passes(result), "a refresh after the end")
    }
    const run: Record<Act, (on: Store) => Promise<unknown>> = {
      current: (on) => refresh(on, 3),
      parent: (on) => refresh(on, 2),
      ancestor: (on) => refresh(on, 1),
      "sign-in": async (on) => {
        const next = newSession()
        const { kind } = await start(accountId, next, "hash", on)
        counted.push(kind)
        if (kind === "started") begun.push(next.id)
      },
      logout: (on) => on.revokeSession({ sessionId: session.id, reason: "logout", events: [] }).then(close),
      "end-all": (on) => on.revokeSessions({ accountId, reason: "user", events: [] }).then(close),
      setDisabled: (on) => ENDINGS.setDisabled(on, accountId).then(close),
      deleteAccount: (on) => ENDINGS.deleteAccount(on, accountId).then(close),
      changePassword: async (on) => {
        const id = await ENDINGS.changePassword(on, accountId)
        if (id !== undefined) {
          kept.push(id)
          close()
        }
      },
    }
    function close(): void {
      endedAt = Math.min(endedAt, performance.now())
    }
    await Promise.all(
      acts.map(async (act, index) => {
        await new Promise((later) => setTimeout(later, delays[index]))
        await run[act](pick(index))
      }),
    )

    const rotations = results.filter(({ verdict }) => verdict === "rotated").length
    assert.ok(rotations <= 1, "one token had two successors")
    const row = await pick(0).findSession(session.id)
    assert.equal(row?.generation, 3 + rotations)
    // A retry of the parent is given the third generation once more.
    const answered = results.flatMap((each) =>
      "currentHash" in each ? [Buffer.from(each.currentHash).toString("hex")] : [],
    )
    const successors = new Set(answered)
    successors.delete(Buffer.from(hashes[2] ?? bytes()).toString("hex"))
    assert.ok(successors.size <= 1, "one token had two successors")
    const alarms = results.filter(({ verdict }) => verdict === "reuse" || verdict === "late-parent").length
    const types = await eventsOf(accountId)
    assert.equal(types.filter((type) => type === "session.reuse").length, alarms)
    assert.ok(alarms <= 1)
    const mustBeOver =
      alarms > 0 || acts.some((act) => act === "logout" || act === "end-all" || act in ENDINGS)
    assert.equal(row?.revokedAt !== null, mustBeOver)

    const live = (await pick(1).listSessions(accountId)).map(({ id }) => id)
    if (acts.includes("setDisabled") || acts.includes("deleteAccount")) assert.deepEqual(live, [])
    else if (acts.includes("changePassword") && kept.length > 0)
      assert.ok(
        live.every((id) => kept.includes(id)),
        "a session of the old password lives",
      )
    else if (!acts.includes("end-all"))
      assert.deepEqual(new Set(live), new Set([...begun, ...(mustBeOver ? [] : [session.id])]))
    const all = [session.id, ...begun, ...kept]
    return { counted, revoked: all.filter((id) => !live.includes(id)) }
  }
})
