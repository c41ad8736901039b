import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { describe, it } from "node:test"
import fc from "fast-check"
import { openBytes, sealBytes } from "./seal.ts"

const keys = [randomBytes(32), randomBytes(32)]
const bytes = fc.uint8Array({ maxLength: 300 })
const context = fc.array(fc.string({ maxLength: 10 }), { maxLength: 4 })

describe("a sealed value", () => {
  it("opens in its context, by any of the keys, and is never the same twice", () => {
    fc.assert(
      fc.property(bytes, context, (plain, where) => {
        const sealed = sealBytes(keys, where, plain)
        assert.deepEqual(openBytes([...keys].reverse(), where, sealed), Buffer.from(plain))
        assert.notDeepEqual(sealed, sealBytes(keys, where, plain))
      }),
    )
  })
  it("opens in no other context, with no other key, and not with one bit changed", () => {
    fc.assert(
      fc.property(bytes, context, context, fc.nat(), (plain, where, elsewhere, at) => {
        const sealed = sealBytes(keys, where, plain)
        if (JSON.stringify(where) !== JSON.stringify(elsewhere))
          assert.equal(openBytes(keys, elsewhere, sealed), undefined)
        assert.equal(openBytes([randomBytes(32)], where, sealed), undefined)
        const bit = at % (sealed.length * 8)
        sealed[bit >> 3] = (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        assert.equal(openBytes(keys, where, sealed), undefined)
        assert.equal(openBytes(keys, where, sealed.subarray(1)), undefined)
      }),
    )
  })
  it("is nothing when it is too short", () => {
    for (const length of [0, 1, 27]) assert.equal(openBytes(keys, [], Buffer.alloc(length)), undefined)
    assert.throws(() => sealBytes([], [], Buffer.alloc(1)), TypeError)
  })
})
