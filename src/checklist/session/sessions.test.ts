import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { test } from "node:test"
import { sha256 } from "../../core/bytes.ts"
import { silentLogger } from "../../core/logger.ts"
import { Faults } from "../../core/misuse.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Account, RefreshPresentation, RefreshResult, StoredSession } from "../../store/store.ts"
import { createRevocations, createSessions, readSession, type Sessions } from "./index.ts"
import { succeedRefreshToken } from "./refresh-token.ts"

const NOW = 1_800_000_000_000
const DAY = 86_400_000
const WHENCE = { addressPrefix: "192.0.2.0/24", client: "Firefox on Linux" }
const FROM = { ...WHENCE, language: "de" }
const START = { transport: "cookie", persistent: true, methods: ["pwd"], ...WHENCE } as const
const account: Account = {
  id: randomBytes(16).toString("base64url"),
  email: "ada@example.com",
  passwordHash: null,
  roles: ["reader"],
  epoch: 4,
  failures: 0,
  createdAt: 0,
  verifiedAt: 0,
  disabledAt: null,
  deletionAt: null,
}

const roots = [1, 2, 3].map((fill) => ({ mac: Buffer.alloc(32, fill), next: Buffer.alloc(32, 16 + fill) }))

interface Rig {
  readonly sessions: Sessions
  readonly asked: RefreshPresentation[]
  answer: (input: RefreshPresentation) => RefreshResult
}

function rig(order: readonly number[] = [0]): Rig {
  const asked: RefreshPresentation[] = []
  const pick = order.map((index) => roots[index] as (typeof roots)[number])
  const store = {
    async presentRefresh(input: RefreshPresentation) {
      asked.push(input)
      return made.answer(input)
    },
    async peekRefresh() {
      const { verdict } = made.answer({} as RefreshPresentation)
      return verdict === "reuse" ? { verdict } : ({ verdict: "ended" } as const)
    },
    readRevocations: async () => ({ sessions: [], epochs: [], notBefore: 0, now: NOW, cursor: "" }),
  }
  const revocations = createRevocations({
    store,
    clock: () => NOW,
    logger: silentLogger,
    accessLifetimeSeconds: 900,
    acceptStale: false,
  })
  const sessions = createSessions({
    policy: readSession({}, new Faults()),
    ring: {
      keys: (label) => ({ list: pick.map((root) => (label === "refresh-mac" ? root.mac : root.next)) }),
    },
    store,
    tokens: { issue: (input) => ({ token: JSON.stringify(input), expiresAt: NOW + 900_000 }) },
    revocations,
    logger: silentLogger,
  })
  const made: Rig = { sessions, asked, answer: () => ({ verdict: "unknown" }) }
  return made
}

function storedOf(id: string, more: Partial<StoredSession> = {}): StoredSession {
  return {
    id,
    accountId: account.id,
    createdAt: NOW,
    absoluteEnd: NOW + 30 * DAY,
    idleEnd: NOW + 7 * DAY,
    generation: 1,
    rotatedAt: null,
    revokedAt: null,
    reason: null,
    transport: "cookie",
    persistent: true,
    authenticatedAt: NOW - 5_000,
    methods: ["pwd"],
    client: FROM.client,
    addressPrefix: FROM.addressPrefix,
    ...more,
  }
}

/** Signs in: the first token, and what the store would hold for it. */
function signIn({ sessions }: Rig) {
  const beginning = sessions.begin(START)
  const issued = beginning.finish(storedOf(beginning.row.id), account)
  return { row: beginning.row, issued, token: issued.refresh }
}

type Kept = Extract<RefreshResult, { verdict: "rotated" | "coalesced" | "retry" }>

function rotated(input: RefreshPresentation): Kept {
  const session = storedOf(input.sessionId, { generation: input.generation + 1, rotatedAt: NOW })
  return { verdict: "rotated", session, account, salt: input.nextSalt, currentHash: input.nextHash, now: NOW }
}

test("a sign-in gives a row that holds no secret and the tokens of generation 1", () => {
  const it = rig()
  const { row, issued, token } = signIn(it)
  const parts = it.sessions.readRefreshToken(token, "cookie")
  assert.equal(parts?.generation, 1)
  assert.equal(parts?.sessionId, row.id)
  assert.deepEqual(Buffer.from(row.hash), sha256(parts?.secret as Uint8Array))
  assert.match(token, /^nlr1_/)
  assert.equal(row.idleMs, 7 * DAY)
  assert.equal(row.absoluteMs, 30 * DAY)
  assert.equal(issued.refreshMaxAgeSeconds, (7 * DAY) / 1000)
  const access = JSON.parse(issued.access.token)
  assert.deepEqual(access, {
    userId: account.id,
    sessionId: row.id,
    authenticatedAt: NOW - 5_000,
    methods: ["pwd"],
    roles: ["reader"],
    epoch: 4,
  })
})

test("two sign-ins share nothing", () => {
  const it = rig()
  const [one, two] = [signIn(it), signIn(it)]
  assert.notEqual(one.row.id, two.row.id)
  assert.notDeepEqual(one.row.hash, two.row.hash)
  assert.notDeepEqual(one.row.salt, two.row.salt)
})

test("a rotation answers with the successor that the store was given", async () => {
  const it = rig()
  const { token } = signIn(it)
  it.answer = rotated
  const answer = await it.sessions.present(token, "cookie", FROM)
  assert.equal(answer.kind, "refreshed")
  assert.ok(answer.kind === "refreshed" && answer.refresh)
  const parts = it.sessions.readRefreshToken(answer.refresh, "cookie")
  assert.equal(parts?.generation, 2)
  assert.deepEqual(sha256(parts?.secret as Uint8Array), Buffer.from(it.asked[0]?.nextHash as Uint8Array))
  assert.equal(it.asked[0]?.graceMs, 10_000)
  assert.equal(it.asked[0]?.minRotateMs, 16_000)
  assert.equal(it.asked[0]?.idleMs, 7 * DAY)
})

test("the store is told when this process became ready", async () => {
  const it = rig()
  const { token } = signIn(it)
  await it.sessions.present(token, "cookie", FROM)
  await it.sessions.revocations.poll()
  await it.sessions.present(token, "cookie", FROM)
  assert.deepEqual(
    it.asked.map((input) => input.readyAt),
    [0, NOW],
  )
})

test("the cookie lasts to the nearer of the two ends", async () => {
  const it = rig()
  const { token } = signIn(it)
  it.answer = (input) => ({
    ...rotated(input),
    session: storedOf(input.sessionId, { absoluteEnd: NOW + 90_999 }),
  })
  const answer = await it.sessions.present(token, "cookie", FROM)
  assert.equal(answer.kind === "refreshed" && answer.refreshMaxAgeSeconds, 90)
})

test("a coalesced answer carries an access token and no refresh token", async () => {
  const it = rig()
  const { token } = signIn(it)
  it.answer = (input) => ({
    ...rotated(input),
    verdict: "coalesced",
  })
  const answer = await it.sessions.present(token, "cookie", FROM)
  assert.equal(answer.kind, "refreshed")
  assert.ok(!("refresh" in answer))
})

/** Rotates on one instance, retries on another that has other secrets or another order of them. */
async function rotateThenRetry(first: readonly number[], second: readonly number[]) {
  const one = rig(first)
  const two = rig(second)
  const { token } = signIn(one)
  let kept: Kept | undefined
  one.answer = (input) => (kept = rotated(input))
  const answered = await one.sessions.present(token, "cookie", FROM)
  two.answer = () => ({ ...(kept as Kept), verdict: "retry" })
  const retried = await two.sessions.present(token, "cookie", FROM)
  assert.ok(answered.kind === "refreshed" && retried.kind === "refreshed")
  return [answered.refresh, retried.refresh]
}

const deployments: readonly [name: string, first: readonly number[], second: readonly number[]][] = [
  ["the same secrets", [0], [0]],
  ["a secret appended on one of them", [0], [0, 1]],
  ["a new secret moved to the front meanwhile", [0, 1], [1, 0]],
  ["a third one in front", [1, 0], [2, 1, 0]],
]
for (const [name, first, second] of deployments) {
  test(`a retry on another instance gives the same string with ${name}`, async () => {
    const [answered, retried] = await rotateThenRetry(first, second)
    assert.ok(answered)
    assert.equal(retried, answered)
  })
}

test("a retry where the secret that made the successor is missing is 503, not a second successor", async () => {
  const one = rig([0, 1])
  const { token } = signIn(one)
  one.answer = (input) => {
    const parent = { sessionId: input.sessionId, generation: 1, secret: Buffer.alloc(32) }
    const foreign = succeedRefreshToken(Buffer.alloc(32, 99), parent, input.nextSalt)
    const kept = rotated(input)
    return { ...kept, verdict: "retry", currentHash: sha256(foreign.secret) }
  }
  await assert.rejects(one.sessions.present(token, "cookie", FROM), UnavailableError)
})

for (const verdict of ["ended", "unknown"] as const) {
  test(`a session that is ${verdict} answers 401 session.ended and notes nothing`, async () => {
    const it = rig()
    const { row, token } = signIn(it)
    it.answer = () => ({ verdict })
    const answer = await it.sessions.present(token, "cookie", FROM)
    assert.ok(answer.kind === "refusal")
    assert.equal(answer.refusal.code, "session.ended")
    assert.equal(answer.refusal.status, 401)
    assert.equal(answer.revoked, undefined)
    assert.equal(it.sessions.revocations.isRevoked(row.id), false)
  })
}

const endings = [
  ["reuse", "session.reuse"],
  ["late-parent", "session.parent_late"],
  ["rollback", "session.rollback"],
] as const
for (const [verdict, type] of endings) {
  test(`${verdict} answers 401 session.ended, stops access tokens at once and writes ${type}`, async () => {
    const it = rig()
    const { row, token } = signIn(it)
    it.answer = () => ({ verdict, accountId: account.id })
    const answer = await it.sessions.present(token, "cookie", FROM)
    assert.ok(answer.kind === "refusal")
    assert.equal(answer.refusal.code, "session.ended")
    assert.deepEqual(answer.revoked, { why: verdict, accountId: account.id })
    assert.equal(it.sessions.revocations.isRevoked(row.id), true)
    const [event] = it.asked[0]?.events[verdict] ?? []
    assert.equal(event?.type, type)
    assert.equal(event?.sessionId, row.id)
    assert.equal(event?.addressPrefix, FROM.addressPrefix)
    assert.ok(!JSON.stringify([answer, it.asked[0]?.events]).includes(token))
  })
}

test("what is not ours, or of the other transport, is 401 session.invalid and never reaches the store", async () => {
  const it = rig()
  const { token } = signIn(it)
  const foreign = signIn(rig([1])).token
  for (const [text, by] of [
    [token, "bearer"],
    [foreign, "cookie"],
    ["", "cookie"],
    [`${token} `, "cookie"],
    [token.toUpperCase(), "cookie"],
  ] as const) {
    const answer = await it.sessions.present(text, by, FROM)
    assert.equal(answer.kind === "refusal" && answer.refusal.code, "session.invalid")
  }
  assert.equal(it.asked.length, 0)
})

test("a store that fails gives no token", async () => {
  const it = rig()
  const { token } = signIn(it)
  it.answer = () => {
    throw new UnavailableError("down")
  }
  await assert.rejects(it.sessions.present(token, "cookie", FROM), UnavailableError)
})
