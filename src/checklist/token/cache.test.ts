import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { TokenCache } from "./cache.ts"
import { type Claims, toVerified, type Verified } from "./claims.ts"

function verified(name: string): Verified {
  const claims = { sub: name, sid: name, exp: 1, auth_time: 1, amr: [], roles: [], epoch: 0 }
  return toVerified(claims as unknown as Claims)
}

const tokenOf = (name: number): string => `payload-${name}.${String(name).padStart(22, "s")}`

test("gives back what was put in, for the whole token only", () => {
  const cache = new TokenCache(10)
  const value = verified("one")
  cache.set(tokenOf(1), value)
  assert.equal(cache.get(tokenOf(1)), value)
  assert.equal(cache.get(`other-payload.${tokenOf(1).slice(-22)}`), undefined)
  assert.equal(cache.get(tokenOf(1).slice(-22)), undefined)
  assert.equal(cache.get(""), undefined)
})

test("a second token with the same end does not push out the first", () => {
  const cache = new TokenCache(10)
  const first = verified("first")
  cache.set(tokenOf(1), first)
  cache.set(`other-payload.${tokenOf(1).slice(-22)}`, verified("second"))
  assert.equal(cache.get(tokenOf(1)), first)
  assert.equal(cache.get(`other-payload.${tokenOf(1).slice(-22)}`), undefined)
  assert.equal(cache.size, 1)
})

test("keeps what is used when it is full", () => {
  const cache = new TokenCache(100)
  for (let name = 0; name < 100; name++) cache.set(tokenOf(name), verified(String(name)))
  for (let name = 0; name < 50; name++) cache.get(tokenOf(name))
  for (let name = 100; name < 150; name++) cache.set(tokenOf(name), verified(String(name)))
  const kept = Array.from({ length: 50 }, (_, name) => cache.get(tokenOf(name))).filter(Boolean)
  assert.equal(cache.size, 100)
  assert.equal(kept.length, 50)
})

test("law: never more than its bound, never a wrong value", () => {
  const step = fc.tuple(fc.boolean(), fc.nat(30))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 200 }), (capacity, steps) => {
      const cache = new TokenCache(capacity)
      for (const [put, name] of steps) {
        if (put) cache.set(tokenOf(name), verified(String(name)))
        const found = cache.get(tokenOf(name))
        assert.ok(!put || found !== undefined, "what was just put in is there")
        assert.ok(found === undefined || found.session.userId === String(name))
        assert.ok(cache.size <= capacity)
      }
    }),
    { numRuns: 500 },
  )
})
