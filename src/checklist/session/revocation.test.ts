import assert from "node:assert/strict"
import { test } from "node:test"
import { silentLogger } from "../../core/logger.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Store } from "../../store/store.ts"
import { createRevocations, type Revocations } from "./index.ts"

type Question = Parameters<Store["readRevocations"]>[0]
type Read = Awaited<ReturnType<Store["readRevocations"]>>

interface Rig {
  readonly set: Revocations
  readonly answer: (change?: Partial<Read>) => Read
  now: number
  /** How often others were told of a revocation. */
  noted: number
  read: (input: Question) => Promise<Read>
  watch: (wake: () => void) => () => Promise<void>
  readonly asked: Question[]
}

function rig(acceptStale = false): Rig {
  const it = {
    now: 1_000_000_000,
    noted: 0,
    asked: [] as Question[],
    watch: (_wake: () => void) => async () => {},
    read: async (_input: Question): Promise<Read> => it.answer(),
    /** What the store knows at this moment; its cursor is a word of its own. */
    answer: (change: Partial<Read> = {}): Read => ({
      sessions: [],
      epochs: [],
      notBefore: 0,
      now: it.now,
      cursor: `at ${it.now}`,
      ...change,
    }),
  }
  const set = createRevocations({
    store: {
      readRevocations(input) {
        it.asked.push(input)
        return it.read(input)
      },
      watchRevocations: (wake) => it.watch(wake),
    },
    clock: () => it.now,
    logger: silentLogger,
    accessLifetimeSeconds: 900,
    acceptStale,
    onNote: () => void it.noted++,
  })
  return Object.assign(it, { set })
}

test("nothing is fresh before the first load", async () => {
  const it = rig()
  assert.equal(it.set.fresh(it.now), false)
  assert.equal(it.set.ageMs(it.now), undefined)
  assert.equal(it.set.readyAt, 0)
  await it.set.poll()
  assert.equal(it.set.fresh(it.now), true)
  assert.equal(it.set.readyAt, it.now)
})

test("the first load asks for what can still matter, and for nothing that has outlived every access token", async () => {
  const it = rig()
  await it.set.poll()
  const { cursor, withinMs = 0 } = it.asked[0] ?? {}
  assert.equal(cursor, undefined)
  assert.ok(withinMs >= (900 + 60) * 1_000, "a token of now lives so long, skew included")
  assert.ok(withinMs <= 20 * 60_000, `${withinMs} ms back`)
})

test("a start without the store is 503 and leaves nothing running", async () => {
  const it = rig()
  it.read = () => Promise.reject(new Error("locked"))
  await assert.rejects(it.set.start(), UnavailableError)
})

test("a revocation of this process counts at once", () => {
  const it = rig()
  it.set.note("a")
  assert.equal(it.set.isRevoked("a"), true)
  assert.equal(it.set.isRevoked("b"), false)
})

test("a revocation of another process counts after one poll, and so does a raised epoch", async () => {
  const it = rig()
  await it.set.poll()
  it.now += 1_000
  const before = it.now - 1_000
  it.read = async () =>
    it.answer({
      sessions: [{ sessionId: "a", revokedAt: it.now - 400 }],
      epochs: [{ accountId: "u", epoch: 7 }],
    })
  await it.set.poll()
  assert.equal(it.set.isRevoked("a"), true)
  assert.equal(it.set.epochOf("u"), 7)
  assert.equal(it.set.epochOf("v"), 0)
  assert.deepEqual(
    it.asked.map(({ cursor }) => cursor),
    [undefined, `at ${before}`],
  )
  assert.equal(it.asked[0]?.withinMs, it.asked[1]?.withinMs)
})

test("others are told of what this process revokes, and not of what it read", async () => {
  const it = rig()
  it.read = async () => it.answer({ sessions: [{ sessionId: "a", revokedAt: it.now }] })
  await it.set.poll()
  assert.equal(it.noted, 0)
  it.set.note("b")
  assert.equal(it.noted, 1)
})

test("however often it is woken, it asks at most each 50 ms, and not after the end", async () => {
  const it = rig()
  const asked = async (milliseconds: number) => {
    const before = it.asked.length
    const until = performance.now() + milliseconds
    while (performance.now() < until) {
      it.set.wake()
      await new Promise(setImmediate)
    }
    return it.asked.length - before
  }
  const count = await asked(500)
  assert.ok(count >= 2 && count <= 11, String(count))
  await it.set.stop()
  assert.equal(await asked(100), 0)
})

test("a poll never shortens what this process noted", async () => {
  const it = rig()
  it.set.note("a")
  it.read = async () => it.answer({ sessions: [{ sessionId: "a", revokedAt: it.now - 900_000 }] })
  await it.set.poll()
  it.read = async () => it.answer()
  it.now += 950_000
  await it.set.poll()
  assert.equal(it.set.isRevoked("a"), true)
})

test("the process became ready once: at its first answer", async () => {
  const it = rig()
  await it.set.poll()
  const first = it.now
  it.now += 1_000
  await it.set.poll()
  assert.equal(it.set.readyAt, first)
})

test("an epoch never falls", async () => {
  const it = rig()
  for (const epoch of [9, 8]) {
    it.read = async () => it.answer({ epochs: [{ accountId: "u", epoch }] })
    await it.set.poll()
  }
  assert.equal(it.set.epochOf("u"), 9)
})

test("the set is believed for less than ten seconds after the last answer", async () => {
  const it = rig()
  await it.set.poll()
  it.read = () => Promise.reject(new Error("down"))
  it.now += 9_999
  await it.set.poll()
  assert.equal(it.set.fresh(it.now), true)
  assert.equal(it.set.fresh(it.now + 1), false)
  assert.equal(it.set.ageMs(it.now), 9_999)
})

test("the age is counted from the question, not from a late answer", async () => {
  const it = rig()
  let answer: (read: Read) => void = () => {}
  it.read = () => new Promise((resolve) => (answer = resolve))
  const poll = it.set.poll()
  const asked = it.now
  it.now += 4_000
  answer(it.answer({ now: asked }))
  await poll
  assert.equal(it.set.ageMs(it.now), 4_000)
})

test("a clock that was set back makes the set stale, not young", async () => {
  const it = rig()
  await it.set.poll()
  assert.equal(it.set.fresh(it.now - 10_000), false)
})

test("the written weakening believes a stale set, but never one that was not loaded", async () => {
  const it = rig(true)
  assert.equal(it.set.fresh(it.now), false)
  await it.set.poll()
  assert.equal(it.set.fresh(it.now + 3_600_000), true)
})

test("polls that hang do not pile up, and the set recovers when the store does", async () => {
  const it = rig()
  await it.set.poll()
  it.read = () => new Promise(() => {})
  for (let second = 0; second < 300; second++) {
    it.now += 1_000
    void it.set.poll()
  }
  assert.equal(it.set.fresh(it.now), false)
  assert.ok(it.asked.length < 15, `${it.asked.length} polls under way`)
  it.read = async () => it.answer({ sessions: [{ sessionId: "a", revokedAt: it.now }] })
  for (let second = 0; second < 45; second++) {
    it.now += 1_000
    await it.set.poll()
  }
  assert.equal(it.set.fresh(it.now), true)
  assert.equal(it.set.isRevoked("a"), true)
  // The patience is short again after a recovery.
  it.read = () => new Promise(() => {})
  void it.set.poll()
  const before = it.asked.length
  it.now += 5_000
  void it.set.poll()
  assert.equal(it.asked.length, before + 1)
})

test("an answer that was given up does not hide the poll that is under way", async () => {
  const it = rig()
  let late: (read: Read) => void = () => {}
  it.read = () => new Promise((resolve) => (late = resolve))
  const first = it.set.poll()
  const answer = late
  it.now += 6_000
  void it.set.poll()
  answer(it.answer())
  await first
  void it.set.poll()
  assert.equal(it.asked.length, 2)
})

test("an answer that was given up still adds what it knows and moves no mark", async () => {
  const it = rig()
  let late: (read: Read) => void = () => {}
  it.read = () => new Promise((resolve) => (late = resolve))
  const first = it.set.poll()
  it.now += 6_000
  it.read = async () => it.answer()
  await it.set.poll()
  late(it.answer({ sessions: [{ sessionId: "late", revokedAt: it.now }], cursor: "long ago" }))
  await first
  await it.set.poll()
  assert.equal(it.set.isRevoked("late"), true)
  assert.equal(it.asked.at(-1)?.cursor, `at ${it.now}`)
})

test("what can matter no more is forgotten: the set is bounded by the access lifetime", async () => {
  const it = rig()
  for (let round = 0; round < 100; round++) {
    const batch = Array.from({ length: 50 }, (_, index) => ({
      sessionId: `${round}/${index}`,
      revokedAt: it.now,
    }))
    it.read = async () => it.answer({ sessions: batch, epochs: [{ accountId: `u${round}`, epoch: 2 }] })
    await it.set.poll()
    it.now += 60_000
  }
  const mostRounds = Math.ceil((900 + 60 + 30 + 60) / 60)
  assert.ok(it.set.size <= mostRounds * 51, `${it.set.size} held`)
  assert.equal(it.set.isRevoked("99/0"), true)
})

test("a revocation outlives every access token of the session, skew included", async () => {
  const it = rig()
  it.read = async () => it.answer()
  it.set.note("a")
  it.now += (900 + 60) * 1_000
  await it.set.poll()
  assert.equal(it.set.isRevoked("a"), true)
})

test("it polls each second from the start until the stop", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] })
  const it = rig()
  await it.set.start()
  for (let second = 0; second < 3; second++) {
    t.mock.timers.tick(1_000)
    await new Promise(setImmediate)
  }
  assert.equal(it.asked.length, 4)
  await it.set.stop()
  t.mock.timers.tick(5_000)
  assert.equal(it.asked.length, 4)
})

test("who hears of a revocation wakes it: one poll, and one more for what was heard during it", async () => {
  const it = rig()
  const answers: (() => void)[] = []
  it.read = () => new Promise((resolve) => answers.push(() => resolve(it.answer())))
  const settle = () => new Promise((later) => setTimeout(later, 120))
  it.set.wake()
  assert.equal(it.asked.length, 1)
  for (let time = 0; time < 5; time++) it.set.wake()
  assert.equal(it.asked.length, 1)
  answers[0]?.()
  await settle()
  assert.equal(it.asked.length, 2)
  answers[1]?.()
  await settle()
  assert.equal(it.asked.length, 2)
})

test("it watches its store from the start until the stop", async () => {
  const it = rig()
  let wake: (() => void) | undefined
  it.watch = (tell) => {
    wake = tell
    return async () => {
      wake = undefined
    }
  }
  await it.set.start()
  wake?.()
  await new Promise(setImmediate)
  assert.equal(it.asked.length, 2)
  await it.set.stop()
  assert.equal(wake, undefined)
})

test("a restored store refuses every older token, whatever is read later", async () => {
  const it = rig()
  await it.set.poll()
  assert.equal(it.set.notBefore, 0)
  it.read = async () => it.answer({ notBefore: 999_000_000 })
  await it.set.poll()
  assert.equal(it.set.notBefore, 999_000_000)
  it.read = async () => it.answer()
  await it.set.poll()
  assert.equal(it.set.notBefore, 999_000_000)
})
