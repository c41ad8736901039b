import assert from "node:assert/strict"
import { createHmac, randomBytes } from "node:crypto"
import { test } from "node:test"
import { inspect } from "node:util"
import { KEY_LABELS, KeyRing } from "./key-ring.ts"

const ORIGIN = new URL("https://api.example.com")
const SECRET = randomBytes(32).toString("base64url")

/** RFC 5869 with one block, written out with HMAC. */
function expected(secret: string, label: string, origin: string): Buffer {
  const extracted = createHmac("sha256", Buffer.alloc(32)).update(secret).digest()
  return createHmac("sha256", extracted)
    .update(`nightlatch/1 | ${label} | ${origin}`)
    .update(Buffer.from([1]))
    .digest()
}

test("a key is HKDF-SHA256 of the secret with label and origin in the info", () => {
  const ring = new KeyRing([SECRET], ORIGIN)
  for (const label of KEY_LABELS) {
    assert.deepEqual([...ring.keys(label).list], [expected(SECRET, label, "https://api.example.com")], label)
  }
})

test("no two purposes, origins or secrets share a key", () => {
  const other = randomBytes(32).toString("base64url")
  const origins = ["https://api.example.com", "https://api.example.com:8443", "http://localhost:3000"]
  const seen = new Set<string>()
  for (const origin of origins) {
    const ring = new KeyRing([SECRET, other], new URL(origin))
    for (const label of KEY_LABELS)
      for (const key of ring.keys(label).list) seen.add(Buffer.from(key).toString("hex"))
  }
  assert.equal(seen.size, origins.length * KEY_LABELS.length * 2)
})

test("keys come in the order of the secrets and are derived once", () => {
  const other = randomBytes(32).toString("base64url")
  const ring = new KeyRing([SECRET, other], ORIGIN)
  const turned = new KeyRing([other, SECRET], ORIGIN)
  assert.equal(ring.count, 2)
  assert.deepEqual([...ring.keys("refresh-mac").list], [...turned.keys("refresh-mac").list].reverse())
  assert.equal(ring.keys("refresh-mac").list, ring.keys("refresh-mac").list)
})

test("no printer shows a secret or a key", () => {
  const ring = new KeyRing([SECRET], ORIGIN)
  const key = Buffer.from(ring.keys("refresh-mac").list[0] ?? []).toString("hex")
  const printed = [
    inspect(ring, { depth: 9, showHidden: true }),
    JSON.stringify(ring),
    String(ring),
    Object.keys(ring).join(),
  ]
  for (const text of printed) {
    assert.ok(!text.includes(SECRET))
    assert.ok(!text.includes(key))
  }
})
