import assert from "node:assert/strict"
import { test } from "node:test"
import { derived } from "./keys.ts"

test("what is derived is made once for each list, when it is asked for", () => {
  const keys = { list: [Buffer.from("a")] as readonly Uint8Array[] }
  const made: string[] = []
  const now = derived(keys, (list) => {
    made.push(String(list))
    return list.length
  })
  assert.deepEqual([now(), now(), made], [1, 1, ["a"]])
  keys.list = [Buffer.from("a"), Buffer.from("b")]
  assert.deepEqual([made.length, now(), now(), made], [1, 2, 2, ["a", "a,b"]])
})

test("what cannot be made from the new list is not replaced by what was made from the old one", () => {
  const keys = { list: [Buffer.from("a")] as readonly Uint8Array[] }
  const now = derived(keys, ([first]) => {
    if (first === undefined) throw new TypeError("no key")
    return first
  })
  keys.list = []
  for (let turn = 0; turn < 2; turn++) assert.throws(now, /no key/)
})
