import assert from "node:assert/strict"
import { test } from "node:test"
import { drawBytes } from "./random.ts"

test("bytes are of the size asked for, and none of 20,000 draws of 16 comes twice", () => {
  const seen = new Set<string>()
  for (let count = 0; count < 20_000; count++) {
    const drawn = drawBytes(16)
    assert.equal(drawn.byteLength, 16)
    seen.add(drawn.toString("hex"))
  }
  assert.equal(seen.size, 20_000)
})

test("what was given out belongs to its owner: later draws do not change it, and it changes none of them", () => {
  const kept = drawBytes(32)
  const before = kept.toString("hex")
  for (let count = 0; count < 500; count++) drawBytes(32)
  assert.equal(kept.toString("hex"), before)
  kept.fill(0)
  for (let count = 0; count < 500; count++) assert.notEqual(drawBytes(32).toString("hex"), "00".repeat(32))
})

test("every bit of 4,000 draws is set about half of the time", () => {
  const set = new Array<number>(256).fill(0)
  for (let count = 0; count < 4_000; count++) {
    const drawn = drawBytes(32)
    for (let bit = 0; bit < 256; bit++)
      if (((drawn[bit >> 3] ?? 0) >> (bit & 7)) & 1) set[bit] = (set[bit] ?? 0) + 1
  }
  // Six standard deviations of a fair coin: once in two million runs of this test.
  for (const count of set) assert.ok(Math.abs(count - 2_000) < 190, `${count} of 4000`)
})

test("more than the pool holds, or less than nothing, is refused", () => {
  assert.throws(() => drawBytes(4_097), RangeError)
  assert.throws(() => drawBytes(-1), RangeError)
  assert.equal(drawBytes(4_096).byteLength, 4_096)
})
