import assert from "node:assert/strict"
import { test } from "node:test"
import { type Exploration, explore } from "./explore.ts"
import { MUTANTS } from "./mutants.ts"
import type { Protocol } from "./protocol.ts"
import { WORLDS } from "./worlds.ts"

/** Wide before deep: most mistakes show within few steps of one of the worlds. */
const LIMITS = [3_000, 40_000, Number.POSITIVE_INFINITY]

function firstViolation(protocol: Protocol): Exploration["violation"] {
  for (const limit of LIMITS) {
    for (const world of WORLDS) {
      const { violation } = explore(world, protocol, limit)
      if (violation !== undefined) return violation
    }
  }
  return undefined
}

for (const { mistake, breaks, protocol } of MUTANTS) {
  test(`the exploration finds that ${mistake}`, (t) => {
    const violation = firstViolation(protocol)
    assert.ok(violation, "the planted mistake survived")
    t.diagnostic(`${violation.rule}: ${violation.text}, after ${violation.trace.length} steps`)
    assert.equal(violation.rule, breaks, violation.trace.join("\n"))
  })
}

test("at least twenty mistakes are planted, each different", () => {
  assert.ok(MUTANTS.length >= 20)
  assert.equal(new Set(MUTANTS.map((it) => it.mistake)).size, MUTANTS.length)
})
