import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { test } from "node:test"
import fc from "fast-check"
import { HMAC_BLOCK, HmacKey } from "./hmac.ts"

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

test("an HMAC is the one that node:crypto makes, for any key up to a block and any message", () => {
  fc.assert(
    fc.property(bytes(HMAC_BLOCK), fc.array(bytes(300), { minLength: 1, maxLength: 4 }), (key, messages) => {
      const prepared = new HmacKey(key)
      for (const message of messages) {
        const padded = prepared.room(message.byteLength)
        padded.set(message, HMAC_BLOCK)
        const expected = createHmac("sha256", key).update(message).digest("binary")
        assert.equal(prepared.sign(padded), expected)
      }
    }),
  )
})

test("a key longer than a block is refused", () => {
  assert.throws(() => new HmacKey(new Uint8Array(HMAC_BLOCK + 1)), RangeError)
})
