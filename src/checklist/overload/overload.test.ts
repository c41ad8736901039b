import assert from "node:assert/strict"
import { mock, test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { createOverload, readOverload, state } from "./index.ts"

/** A loop whose every turn is late by what the test says. */
function lateLoop(loopDelayMs = 200) {
  let time = 0
  mock.timers.enable({ apis: ["setInterval"] })
  const overload = createOverload(readOverload({ loopDelayMs }, new Faults()), () => time)
  overload.start()
  return {
    overload,
    turn(lateMs: number) {
      time += 20 + lateMs
      mock.timers.tick(20)
    },
    stop() {
      overload.stop()
      mock.timers.reset()
    },
  }
}

test("a loop in time passes everything and adds nothing", () => {
  const { overload, turn, stop } = lateLoop()
  for (let count = 0; count < 100; count++) turn(1)
  assert.deepEqual(overload.check(), { kind: "pass", headers: [] })
  assert.ok(overload.delayMs() < 2)
  stop()
})

test("one pause of a quarter of a second sheds nothing, two in a row do", () => {
  const { overload, turn, stop } = lateLoop()
  turn(250)
  assert.equal(overload.check().kind, "pass")
  for (let count = 0; count < 50; count++) turn(0)
  turn(350)
  turn(350)
  assert.equal(overload.check().kind, "refusal")
  stop()
})

test("shedding answers 503 with different times to come back", () => {
  const { overload, turn, stop } = lateLoop()
  for (let count = 0; count < 10; count++) turn(400)
  const seconds = new Set<string>()
  for (let count = 0; count < 8; count++) {
    const verdict = overload.check()
    assert.ok(verdict.kind === "refusal")
    assert.deepEqual([verdict.refusal.status, verdict.refusal.code], [503, "overload.shedding"])
    const [name, value] = verdict.headers[0] ?? ["", ""]
    assert.equal(name, "retry-after")
    seconds.add(value)
  }
  assert.deepEqual([...seconds].sort(), ["1", "2", "3", "4"])
  stop()
})

test("it passes again only below half the limit, so it does not flutter", () => {
  const { overload, turn, stop } = lateLoop(200)
  for (let count = 0; count < 40; count++) turn(300)
  assert.equal(overload.shedding, true)
  for (let count = 0; count < 200; count++) turn(150)
  assert.ok(overload.delayMs() < 200)
  assert.equal(overload.shedding, true)
  let turns = 0
  for (; overload.shedding; turns++) turn(0)
  assert.ok(overload.delayMs() < 100)
  assert.ok(turns * 20 < 1000, "it recovers within a second")
  stop()
})

test("a machine that slept for an hour serves again within seconds", () => {
  const { overload, turn, stop } = lateLoop()
  turn(3_600_000)
  let turns = 0
  for (; overload.shedding; turns++) turn(0)
  assert.ok(turns * 20 < 3000, `${turns} turns`)
  stop()
})

test("a loop that is really blocked is noticed, and stopping forgets it", async () => {
  const overload = createOverload(readOverload({ loopDelayMs: 50 }, new Faults()))
  overload.start()
  overload.start()
  for (let count = 0; count < 3; count++) {
    const end = performance.now() + 200
    while (performance.now() < end);
    await sleep(25)
  }
  assert.equal(overload.check().kind, "refusal")
  overload.stop()
  assert.equal(overload.check().kind, "pass")
})

test("every limit has a default, a range and no way to be switched off", () => {
  const faults = new Faults()
  const policy = readOverload(undefined, faults)
  assert.deepEqual(faults.list, [])
  assert.deepEqual(policy, {
    bodyBytes: 65_536,
    loopDelayMs: 200,
    serverLimits: {
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 30_000,
      keepAliveTimeoutMs: 5000,
      connectionsCheckingIntervalMs: 1000,
      maxHeaderBytes: 16_384,
      maxHeaderCount: 100,
      maxConnections: 10_000,
    },
  })
  const table: [input: unknown, paths: string[]][] = [
    [{ bodyBytes: 0 }, ["overload.bodyBytes"]],
    [{ bodyBytes: Number.POSITIVE_INFINITY }, ["overload.bodyBytes"]],
    [{ requestSeconds: 0 }, ["overload.requestSeconds"]],
    [{ headerSeconds: 40 }, ["overload.requestSeconds"]],
    [{ headerBytes: 1_000_000, connections: 0 }, ["overload.headerBytes", "overload.connections"]],
    [{ loopDelayMs: Number.NaN }, ["overload.loopDelayMs"]],
    [{ loopDelay: 100 }, ["overload.loopDelay"]],
    [{ idleSeconds: "5" }, ["overload.idleSeconds"]],
  ]
  for (const [input, paths] of table) {
    const found = new Faults()
    readOverload(input, found)
    assert.deepEqual(new Set(found.list.map(({ path }) => path)), new Set(paths), JSON.stringify(input))
    for (const fault of found.list) assert.ok(fault.fix.length > 5)
  }
})

test("the checklist line holds when the bounds are there, is weakened until a server has them, and fails without one", () => {
  const lineOf = (overload: object) => state({ overload } as unknown as Facts).state
  const bounded = { bodyBytes: 65_536, loopDelayMs: 200, requestSeconds: 30 }
  assert.equal(lineOf({ ...bounded, limited: true }), "holds")
  assert.equal(lineOf({ ...bounded, limited: false }), "weakened")
  assert.equal(lineOf({ bodyBytes: 65_536, loopDelayMs: 0, requestSeconds: 30 }), "fails")
  assert.equal(lineOf({ bodyBytes: 65_536, loopDelayMs: 200, requestSeconds: Number.NaN }), "fails")
})
