import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { Faults } from "../../core/misuse.ts"
import { isCommon } from "./blocklist.ts"
import { WORDS } from "./common-passwords.ts"
import { HashGate } from "./hash-gate.ts"
import { decodeHashSet, encodeHashSet, hashText } from "./hash-set.ts"
import { createPasswords, readPassword } from "./index.ts"
import { makeCommonPasswords } from "./make-common-passwords.ts"
import { COMMON_WEIGHT, foldPassword, weigh } from "./pattern.ts"

const isLong = process.env.NIGHTLATCH_TEST_SCALE === "long"
const numRuns = isLong ? 5000 : 200
const room = createPasswords({ policy: readPassword({}, new Faults()) })
const words = decodeHashSet(WORDS)
const anyText = fc.string({ unit: "binary", maxLength: 300, size: "max" })

test("check never throws, and says the same for every form that NFKC makes one", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const code = room.check(text)?.refusal.code
      assert.ok(code === undefined || code.startsWith("password."))
      const forms = (["NFC", "NFD", "NFKC", "NFKD"] as const).map((form) => text.normalize(form))
      // The bound in bytes is on what came, which is another text in another form.
      if (!text.isWellFormed() || [text, ...forms].some((form) => Buffer.byteLength(form) > 1024)) return
      for (const form of forms) assert.equal(room.check(form)?.refusal.code, code)
    }),
    // Shrinking three hundred characters takes minutes; the seed is enough.
    { numRuns, endOnFailure: true },
  )
})

test("a password verifies in each of its forms", async () => {
  const letters = fc.string({
    unit: fc.constantFrom("é", "ü", "ﬁ", "Å", "가", "①", "a", " ", "ｶﾞ", "🦊"),
    minLength: 1,
    maxLength: 30,
  })
  await fc.assert(
    fc.asyncProperty(letters, async (text) => {
      const who = { network: "n", account: "a" }
      const made = await room.hash(text, who)
      assert.ok(made.kind === "hashed")
      for (const form of ["NFD", "NFKC"] as const) {
        const seen = await room.verify(made.hash, text.normalize(form), who)
        assert.ok(seen.kind === "verified" && seen.ok)
      }
    }),
    { numRuns: isLong ? 300 : 12 },
  )
})

test("the weight is never more than two a character, and context never adds to it", () => {
  fc.assert(
    fc.property(
      anyText,
      fc.array(fc.string({ minLength: 3, maxLength: 8 }), { maxLength: 3 }),
      (text, context) => {
        const folded = foldPassword(text)
        const weight = weigh(folded, words, [])
        assert.ok(Number.isFinite(weight) && weight <= 2 * folded.length)
        assert.ok(weigh(folded, words, context) <= weight)
      },
    ),
    { numRuns },
  )
})

test("saying it again adds next to nothing, saying more never makes it lighter than its beginning by much", () => {
  const texts = fc.string({
    unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789!$"),
    minLength: 1,
    maxLength: 40,
  })
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 4 }), (text, times) => {
      assert.ok(weigh(text.repeat(times + 1), words, []) <= weigh(text, words, []) + times)
    }),
    { numRuns },
  )
})

test("fifteen random characters are not taken for common", () => {
  const random = fc.string({
    unit: fc.constantFrom(..."abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"),
    minLength: 16,
    maxLength: 40,
  })
  let refused = 0
  let total = 0
  fc.assert(
    fc.property(fc.noShrink(random), (text) => {
      if (new Set(text).size < 10) return
      total++
      if (isCommon(text, [])) refused++
    }),
    { numRuns: isLong ? 100_000 : 3000 },
  )
  assert.ok(refused <= total / 200, `${refused} of ${total}`)
})

/** Fastest of many, so that a busy machine only ever makes both sides slower. */
function fastest(text: string): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 25; round++) {
    const start = performance.now()
    isCommon(text, ["ada.lovelace@example.com", "orders.example.com"])
    best = Math.min(best, performance.now() - start)
  }
  return best
}

test("the work grows with the square of a password's length at most, whatever it is made of", (t) => {
  for (const part of ["a", "ab", "1qaz", "password", "qwertyuiop", "l1"]) {
    const text = (length: number) => part.repeat(Math.ceil(length / part.length)).slice(0, length)
    fastest(text(256))
    // Four times the length: an exponent of 2 gives 16, cubic work 64.
    const ratio = fastest(text(256)) / fastest(text(64))
    t.diagnostic(`${part}: ${ratio.toFixed(1)}`)
    assert.ok(ratio < 48, `${part}: ${ratio}`)
  }
})

test("a set of hashes holds what was put in and nothing else", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 200 }), fc.array(fc.string()), (texts, others) => {
      const set = decodeHashSet(encodeHashSet(texts))
      assert.deepEqual(set, new Set(texts.map(hashText).sort((a, b) => a - b)))
      const own = new Set(texts.map(hashText))
      for (const other of others) assert.equal(set.has(hashText(other)), own.has(hashText(other)))
    }),
    { numRuns },
  )
  assert.equal(decodeHashSet("").size, 0)
})

test("the list is made so that every long password of its source is refused", () => {
  const source = [
    "123456",
    "dragon",
    "monkey",
    "DragonMonkey123",
    "Ünlikely Phrase Here",
    "tooshort",
    "zqjphsyf6ctifgu",
    "dragon",
  ]
  const made = makeCommonPasswords(source)
  assert.equal(made.covered, 3)
  const known = decodeHashSet(made.words)
  const phrases = decodeHashSet(made.phrases)
  assert.equal(known.size, 3, "dragon, monkey, tooshort")
  assert.equal(phrases.size, 2, "the two that are no pieces")
  for (const password of source.filter((line) => line.length >= 15).map(foldPassword)) {
    assert.ok(phrases.has(hashText(password)) || weigh(password, known, []) <= COMMON_WEIGHT, password)
  }
})

test("the gate answers everybody once, keeps its bounds and ends empty, whatever comes", async () => {
  const visits = fc.array(
    fc.record({
      network: fc.integer({ min: 0, max: 4 }),
      account: fc.integer({ min: 0, max: 9 }),
      turns: fc.integer({ min: 0, max: 6 }),
      waits: fc.integer({ min: 0, max: 2 }),
    }),
    { maxLength: 60, size: "max" },
  )
  await fc.assert(
    fc.asyncProperty(visits, fc.integer({ min: 1, max: 3 }), async (list, concurrency) => {
      let turn = 0
      const gate = new HashGate({ concurrency, queueMs: 240, now: () => turn * 10 })
      const wait = async (turns: number) => {
        for (let count = 0; count < turns; count++) await Promise.resolve()
      }
      let running = 0
      const all = list.map(async (visit, at) => {
        await wait(at * visit.waits)
        const who = { network: `n${visit.network}`, account: `a${visit.account}` }
        const result = await gate.run(who, async () => {
          running++
          assert.ok(running <= concurrency)
          await wait(visit.turns)
          turn++
          running--
          return "done" as const
        })
        assert.ok(gate.waiting <= Math.max(gate.room, 24) && gate.running <= concurrency)
        assert.ok(result === "done" || result.refusal.code === "password.busy")
      })
      await Promise.all(all)
      assert.deepEqual([gate.running, gate.waiting], [0, 0])
      for (let count = 0; count < 10; count++) {
        assert.equal(await gate.run({ network: "n", account: "a0" }, () => Promise.resolve("done")), "done")
      }
    }),
    { numRuns },
  )
})
