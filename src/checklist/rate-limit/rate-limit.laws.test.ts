import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { test } from "node:test"
import fc from "fast-check"
import { Faults } from "../../core/misuse.ts"
import { BucketTable } from "./bucket-table.ts"
import { createLimiter, parseRate, type Rate } from "./index.ts"
import { KeyedHash } from "./keyed-hash.ts"

const numRuns = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 20_000 : 300
const KEYS = { list: [Buffer.alloc(32, 7)] }

const rates = fc
  .tuple(
    fc.integer({ min: 1, max: 12 }),
    fc.constantFrom("second", "minute", "hour"),
    fc.option(fc.integer({ min: 1, max: 12 })),
  )
  .map(([limit, per, burst]) => ({ limit, per, ...(burst === null ? {} : { burst }) }))

/** Time passes by anything from nothing to an hour, mostly by around one interval. */
const steps = fc.array(
  fc.record({
    wait: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 15_000 }),
      fc.integer({ min: 0, max: 3_600_000 }),
    ),
    key: fc.integer({ min: 0, max: 5 }),
  }),
  { maxLength: 120, size: "max" },
)

function read(input: unknown): Rate {
  return parseRate(input, "rate", new Faults())
}

/** Exact: a bucket of `burst` tokens in units of 1/limit, as whole numbers. */
class Reference {
  readonly #limit: bigint
  readonly #most: bigint
  readonly #perToken: bigint
  #level: bigint
  #at = 0n

  constructor(limit: number, unitMs: number, burst: number) {
    this.#limit = BigInt(limit)
    this.#perToken = BigInt(unitMs)
    this.#most = BigInt(burst) * this.#perToken
    this.#level = this.#most
  }

  take(now: bigint): boolean {
    const filled = this.#level + (now - this.#at) * this.#limit
    this.#at = now
    this.#level = filled < this.#most ? filled : this.#most
    if (this.#level < this.#perToken) return false
    this.#level -= this.#perToken
    return true
  }
}

const UNIT_MS: Record<string, number> = { second: 1000, minute: 60_000, hour: 3_600_000 }

test("every decision is the one an exact token bucket makes", () => {
  fc.assert(
    fc.property(rates, steps, (input, sequence) => {
      let now = 0
      const limiter = createLimiter({ keys: KEYS, clock: () => now })
      const references = new Map<number, Reference>()
      for (const { wait, key } of sequence) {
        now += wait
        const reference =
          references.get(key) ??
          new Reference(input.limit, UNIT_MS[input.per] ?? 0, input.burst ?? input.limit)
        references.set(key, reference)
        const kind = limiter.take("x", read(input), String(key)).kind
        assert.equal(kind, reference.take(BigInt(now)) ? "pass" : "refusal")
      }
    }),
    { numRuns },
  )
})

test("never more than the burst and the steady rate, also with a table far too small for the keys", () => {
  fc.assert(
    fc.property(rates, steps, fc.integer({ min: 1, max: 3 }), (input, sequence, capacity) => {
      let now = 0
      const rate = read(input)
      const limiter = createLimiter({ keys: KEYS, clock: () => now, capacity })
      const passes = new Map<number, number[]>()
      for (const { wait, key } of sequence) {
        now += wait
        const verdict = limiter.take("x", rate, String(key), `192.0.${key % 2}.1`)
        if (verdict.kind === "pass") passes.set(key, [...(passes.get(key) ?? []), now])
        assert.ok(limiter.size <= capacity)
      }
      for (const times of passes.values()) {
        for (let first = 0; first < times.length; first++) {
          for (let last = first; last < times.length; last++) {
            const elapsed = (times[last] ?? 0) - (times[first] ?? 0)
            assert.ok(last - first + 1 <= rate.burst + elapsed / rate.intervalMs + 1e-6)
          }
        }
      }
    }),
    { numRuns },
  )
})

test("refused requests change nothing: with or without them the others fare the same", () => {
  fc.assert(
    fc.property(rates, steps, (input, sequence) => {
      let now = 0
      const noisy = createLimiter({ keys: KEYS, clock: () => now })
      const quiet = createLimiter({ keys: KEYS, clock: () => now })
      for (const { wait, key } of sequence) {
        now += wait
        const looked = quiet.peek("x", read(input), String(key))
        const taken = noisy.take("x", read(input), String(key))
        assert.equal(looked.kind, taken.kind)
        if (taken.kind === "pass") assert.deepEqual(quiet.take("x", read(input), String(key)), taken)
        else assert.deepEqual(looked, taken)
      }
    }),
    { numRuns },
  )
})

test("who comes back after Retry-After passes; and one second earlier did not", () => {
  fc.assert(
    fc.property(rates, steps, (input, sequence) => {
      let now = 0
      const limiter = createLimiter({ keys: KEYS, clock: () => now })
      for (const { wait, key } of sequence) {
        now += wait
        const verdict = limiter.take("x", read(input), String(key))
        if (verdict.kind !== "refusal") continue
        const seconds = Number(new Map(verdict.headers).get("retry-after"))
        const before = now
        now = before + (seconds - 1) * 1000
        if (seconds > 1) assert.equal(limiter.peek("x", read(input), String(key)).kind, "refusal")
        now = before + seconds * 1000
        assert.equal(limiter.peek("x", read(input), String(key)).kind, "pass")
      }
    }),
    { numRuns },
  )
})

test("several limits at once pass exactly when each would, and refused ones consume nothing", () => {
  fc.assert(
    fc.property(rates, rates, steps, (one, other, sequence) => {
      let now = 0
      const limiter = createLimiter({ keys: KEYS, clock: () => now })
      for (const { wait, key } of sequence) {
        now += wait
        const demands = [
          { name: "one", rate: read(one), key: String(key % 2) },
          { name: "other", rate: read(other), key: String(key % 3) },
        ]
        const before = demands.map(({ name, rate, key: whom }) => limiter.peek(name, rate, whom))
        const verdict = limiter.takeAll(demands)
        assert.equal(
          verdict.kind === "pass",
          before.every(({ kind }) => kind === "pass"),
        )
        if (verdict.kind === "pass") continue
        assert.deepEqual(
          demands.map(({ name, rate, key: whom }) => limiter.peek(name, rate, whom)),
          before,
        )
      }
    }),
    { numRuns },
  )
})

test("the table never loses a live bucket and never grows beyond its capacity", () => {
  const commands = fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 40 }),
      life: fc.integer({ min: 0, max: 30 }),
      wait: fc.integer({ min: 0, max: 5 }),
    }),
    { maxLength: 300, size: "max" },
  )
  fc.assert(
    fc.property(commands, fc.integer({ min: 1, max: 20 }), (sequence, capacity) => {
      const table = new BucketTable(capacity)
      const model = new Map<string, number>()
      let now = 0
      for (const { key, life, wait } of sequence) {
        now += wait
        const id = `k${key}`
        const found = table.find(id)
        const slot = found >= 0 ? found : table.add(id, now + life, now)
        if (slot >= 0) {
          table.setTime(slot, now + life)
          model.set(id, now + life)
        } else {
          assert.equal([...model.values()].filter((time) => time >= now).length, capacity)
        }
        for (const [name, time] of model) {
          if (time < now) continue
          const at = table.find(name)
          assert.ok(at >= 0, name)
          assert.equal(table.time(at), time)
        }
        assert.ok(table.size <= capacity)
      }
    }),
    { numRuns },
  )
})

test("the name of a key is the HMAC that node:crypto makes", () => {
  const keys = fc.uint8Array({ maxLength: 64 })
  const texts = fc.array(
    fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ minLength: 300, maxLength: 500 })),
  )
  fc.assert(
    fc.property(keys, texts, (key, list) => {
      const keyed = new KeyedHash(key)
      for (const text of list) {
        const expected = createHmac("sha256", key).update(text).digest().toString("latin1", 0, 16)
        assert.equal(keyed.idOf(text), expected)
      }
    }),
    { numRuns: Math.ceil(numRuns / 5) },
  )
  assert.throws(() => new KeyedHash(new Uint8Array(65)), RangeError)
})
