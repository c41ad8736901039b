import assert from "node:assert/strict"
import { test } from "node:test"
import type { Facts } from "../../core/facts.ts"
import { state } from "./index.ts"

function facts(session: Partial<Facts["session"]>, unsafe: Facts["unsafe"] = {}): Facts {
  const whole = { toleratedDelaySeconds: 5, idleSeconds: 604_800, absoluteSeconds: 2_592_000, feedAgeMs: 400 }
  return { session: { ...whole, ...session }, unsafe } as Facts
}

const REASON = { acceptRevokedUntilExpiry: "the store sleeps at night" }
const table: readonly [name: string, facts: Facts, state: string, why: RegExp][] = [
  ["a fresh feed", facts({}), "holds", /7 days unused and 30 days.*10 s.*0\.4 s ago/],
  ["strict single use", facts({ toleratedDelaySeconds: 0 }), "holds", /exactly once/],
  [
    "odd lengths",
    facts({ idleSeconds: 5_400, absoluteSeconds: 90 }),
    "holds",
    /1\.5 hours unused and 1\.5 minutes/,
  ],
  ["no feed yet", facts({ feedAgeMs: undefined }), "fails", /never loaded.*503/],
  ["a stale feed", facts({ feedAgeMs: 10_000 }), "fails", /10 seconds old.*503/],
  ["a stale feed that is believed", facts({ feedAgeMs: 60_000 }, REASON), "fails", /until they expire/],
  ["the weakening", facts({}, REASON), "weakened", /the store sleeps at night/],
]
for (const [name, given, expected, why] of table) {
  test(`the line with ${name}: ${expected}`, () => {
    const line = state(given)
    assert.equal(line.state, expected)
    assert.match(line.why, why)
    assert.equal(line.fix === undefined, expected === "holds")
  })
}
