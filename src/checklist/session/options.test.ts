import assert from "node:assert/strict"
import { test } from "node:test"
import { Faults } from "../../core/misuse.ts"
import { readSession } from "./index.ts"

test("the defaults are seven days idle, thirty in any case, and five seconds of tolerated delay", () => {
  const faults = new Faults()
  const policy = readSession(undefined, faults)
  assert.deepEqual(faults.list, [])
  assert.deepEqual(
    { ...policy },
    {
      toleratedDelaySeconds: 5,
      idleSeconds: 604_800,
      absoluteSeconds: 2_592_000,
      graceMs: 10_000,
      minRotateMs: 16_000,
      idleMs: 604_800_000,
      absoluteMs: 2_592_000_000,
      acceptRevokedUntilExpiry: false,
    },
  )
  assert.ok(Object.isFrozen(policy))
})

const windows: readonly [delay: number, graceMs: number, minRotateMs: number][] = [
  [0, 0, 0],
  [0.3, 600, 1_900],
  [0.001, 2, 1_003],
  [0.0003, 1, 1_001],
  [1, 2_000, 4_000],
  [60, 120_000, 181_000],
]
for (const [delay, graceMs, minRotateMs] of windows) {
  test(`a delay of ${delay} s gives ${graceMs} ms of grace and ${minRotateMs} ms between rotations`, () => {
    const faults = new Faults()
    const policy = readSession({ toleratedDelaySeconds: delay }, faults)
    assert.deepEqual(faults.list, [])
    assert.deepEqual([policy.graceMs, policy.minRotateMs], [graceMs, minRotateMs])
  })
}

test("a session may be idle for as long as it lasts", () => {
  const faults = new Faults()
  readSession({ idleSeconds: 3_600, absoluteSeconds: 3_600 }, faults)
  assert.deepEqual(faults.list, [])
})

const bad: readonly [name: string, input: unknown, code: string, path: string, fix: RegExp][] = [
  ["a negative delay", { toleratedDelaySeconds: -1 }, "option.invalid", "session.toleratedDelaySeconds", /./],
  [
    "a delay of minutes",
    { toleratedDelaySeconds: 61 },
    "option.invalid",
    "session.toleratedDelaySeconds",
    /./,
  ],
  [
    "a delay that is no number",
    { toleratedDelaySeconds: Number.NaN },
    "option.invalid",
    "session.toleratedDelaySeconds",
    /./,
  ],
  ["a text", { idleSeconds: "7 days" }, "option.invalid", "session.idleSeconds", /./],
  ["half seconds of idleness", { idleSeconds: 3600.5 }, "option.invalid", "session.idleSeconds", /./],
  ["a session for ever", { absoluteSeconds: 401 * 86_400 }, "option.invalid", "session.absoluteSeconds", /./],
  [
    "an endless session",
    { absoluteSeconds: Number.POSITIVE_INFINITY },
    "option.invalid",
    "session.absoluteSeconds",
    /./,
  ],
  ["a misspelt name", { idleSecond: 60 }, "option.unknown", "session.idleSecond", /idleSeconds/],
  ["a list", [], "option.invalid", "session", /./],
  ["null where an object belongs", "5", "option.invalid", "session", /./],
  [
    "idle after the end",
    { idleSeconds: 3601, absoluteSeconds: 3600 },
    "session.idle_after_absolute",
    "session.idleSeconds",
    /at most/,
  ],
  [
    "idle before a rotation",
    { idleSeconds: 16 },
    "session.idle_too_short",
    "session.idleSeconds",
    /more than 16/,
  ],
]
for (const [name, input, code, path, fix] of bad) {
  test(`${name} is a fault that names its fix`, () => {
    const faults = new Faults()
    readSession(input, faults)
    const fault = faults.list.find((it) => it.code === code && it.path === path)
    assert.ok(fault, JSON.stringify(faults.list))
    assert.match(fault.fix, fix)
  })
}

test("a written reason switches the stale feed to acceptance", () => {
  const policy = readSession({}, new Faults(), { acceptRevokedUntilExpiry: "one process, nobody signs out" })
  assert.equal(policy.acceptRevokedUntilExpiry, true)
})
