import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { toBase64url } from "../../core/bytes.ts"
import type { Transport } from "../../core/session.ts"
import {
  formatRefreshToken,
  parseRefreshToken,
  REFRESH_TOKEN_LENGTH,
  REFRESH_TOKEN_PREFIX,
  succeedRefreshToken,
} from "./refresh-token.ts"

const runs = { numRuns: process.env.NIGHTLATCH_TEST_SCALE === "long" ? 20_000 : 500 }
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const key = bytes(32)
const transport = fc.constantFrom<Transport>("cookie", "bearer")
const token = fc.record({
  sessionId: bytes(16).map(toBase64url),
  generation: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 0xffff_fffe })),
  secret: bytes(32),
})

function plain(it: ReturnType<typeof parseRefreshToken>): unknown {
  return it && { ...it, secret: [...it.secret] }
}

test("what was made is read back, by whichever of the keys made it", () => {
  fc.assert(
    fc.property(
      fc.array(key, { minLength: 1, maxLength: 3 }),
      fc.nat(2),
      transport,
      token,
      (keys, index, by, it) => {
        const text = formatRefreshToken(keys[index % keys.length] as Uint8Array, by, it)
        assert.equal(text.length, REFRESH_TOKEN_LENGTH)
        assert.deepEqual(plain(parseRefreshToken(keys, by, text)), { ...it, secret: [...it.secret] })
      },
    ),
    runs,
  )
})

test("another transport, another key or no key reads nothing", () => {
  fc.assert(
    fc.property(key, key, transport, token, (mine, other, by, it) => {
      fc.pre(Buffer.compare(mine, other) !== 0)
      const text = formatRefreshToken(mine, by, it)
      assert.equal(parseRefreshToken([mine], by === "cookie" ? "bearer" : "cookie", text), undefined)
      assert.equal(parseRefreshToken([other], by, text), undefined)
      assert.equal(parseRefreshToken([], by, text), undefined)
    }),
    runs,
  )
})

test("one character changed, added or taken away is refused", () => {
  fc.assert(
    fc.property(
      key,
      transport,
      token,
      fc.nat(),
      fc.constantFrom(...ALPHABET, "=", "+", " ", "é"),
      (k, by, it, at, put) => {
        const text = formatRefreshToken(k, by, it)
        const index = at % text.length
        const changed = text.slice(0, index) + put + text.slice(index + 1)
        if (changed !== text) assert.equal(parseRefreshToken([k], by, changed), undefined)
        assert.equal(parseRefreshToken([k], by, text.slice(0, index) + put + text.slice(index)), undefined)
        assert.equal(parseRefreshToken([k], by, text.slice(0, index) + text.slice(index + 1)), undefined)
      },
    ),
    runs,
  )
})

test("the last character has one spelling only", () => {
  const k = Buffer.alloc(32, 7)
  const text = formatRefreshToken(k, "cookie", {
    sessionId: "A".repeat(22),
    generation: 1,
    secret: Buffer.alloc(32),
  })
  const read = [...ALPHABET].filter((last) => parseRefreshToken([k], "cookie", text.slice(0, -1) + last))
  assert.deepEqual(read, [text.at(-1)])
})

test("any text at all is refused without an exception", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc
      .string({ unit: fc.constantFrom(...ALPHABET), minLength: 91, maxLength: 91 })
      .map((it) => REFRESH_TOKEN_PREFIX + it),
  )
  fc.assert(
    fc.property(key, transport, hostile, (k, by, text) => {
      assert.equal(parseRefreshToken([k], by, text), undefined)
    }),
    runs,
  )
})

test("generation 0 and the one without a successor are refused although their mac is right", () => {
  const k = Buffer.alloc(32, 7)
  for (const generation of [0, 0xffff_ffff]) {
    const text = formatRefreshToken(k, "cookie", {
      sessionId: "A".repeat(22),
      generation,
      secret: Buffer.alloc(32),
    })
    assert.equal(parseRefreshToken([k], "cookie", text), undefined)
  }
})

test("the successor follows from key, token and salt alone, and from each of them", () => {
  fc.assert(
    fc.property(key, key, token, token, bytes(32), bytes(32), (k, k2, it, it2, salt, salt2) => {
      const next = succeedRefreshToken(k, it, salt)
      assert.equal(next.generation, it.generation + 1)
      assert.equal(next.sessionId, it.sessionId)
      const again = succeedRefreshToken(
        Buffer.from(k),
        { ...it, secret: Buffer.from(it.secret) },
        Buffer.from(salt),
      )
      assert.deepEqual([...next.secret], [...again.secret])
      const others = [
        succeedRefreshToken(k2, it, salt),
        succeedRefreshToken(k, it, salt2),
        succeedRefreshToken(k, { ...it, secret: it2.secret }, salt),
        succeedRefreshToken(k, { ...it, sessionId: it2.sessionId }, salt),
        succeedRefreshToken(k, { ...it, generation: it2.generation }, salt),
      ]
      const inputs = [k !== k2, salt !== salt2, it.secret !== it2.secret, it.sessionId !== it2.sessionId]
      fc.pre(inputs.every(Boolean) && it.generation !== it2.generation)
      fc.pre(
        Buffer.compare(k, k2) !== 0 &&
          Buffer.compare(salt, salt2) !== 0 &&
          Buffer.compare(it.secret, it2.secret) !== 0,
      )
      for (const other of others) assert.notDeepEqual([...other.secret], [...next.secret])
    }),
    runs,
  )
})
