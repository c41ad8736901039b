/** What every place where processes count together has to do: the same as one process in memory, whoever asks meanwhile. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import fc from "fast-check"
import { createLimiter, parseRate, type Rate } from "../../src/checklist/rate-limit/index.ts"
import { Faults } from "../../src/core/misuse.ts"
import type { SharedBucket, SharedBuckets, SharedTake } from "../../src/core/shared-buckets.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"

export function rate(text: string): Rate {
  const faults = new Faults()
  const read = parseRate(text, "rate", faults)
  faults.throwIfAny()
  return read
}

export function bucket(
  { intervalMs, burst }: Rate,
  id: string = randomBytes(16).toString("latin1"),
): SharedBucket {
  return { id, intervalMs, burst }
}

/** @param places as three processes would have them */
export function bucketContract(places: () => readonly SharedBuckets[]): void {
  const take = async (at: number, wanted: readonly SharedBucket[]): Promise<SharedTake> =>
    (await places()[at % places().length]?.take(wanted)) ?? assert.fail()
  const passesOf = (taken: readonly SharedTake[]) => taken.filter(({ passed }) => passed).length
  const many = (count: number, wanted: (at: number) => readonly SharedBucket[]) =>
    Promise.all(Array.from({ length: count }, (_, at) => take(at, wanted(at))))

  it("let exactly the burst through when three processes ask at once", async () => {
    for (let round = 0; round < (LONG ? 50 : 5); round++) {
      const one = bucket(rate("5/hour"))
      assert.equal(passesOf(await many(200, () => [one])), 5)
    }
  })

  it("count in all of several or in none", async () => {
    const [wide, narrow] = [bucket(rate("10/hour")), bucket(rate("3/hour"))]
    assert.equal(passesOf(await many(90, () => [wide, narrow])), 3)
    const { passed, fullInMs } = await take(0, [wide])
    assert.equal(passed, true)
    assert.equal(Math.round((fullInMs[0] ?? 0) / wide.intervalMs), 4, "three of both and one of this alone")
    const refused = await take(0, [wide, narrow])
    assert.equal(refused.passed, false)
    assert.equal(Math.round((refused.fullInMs[0] ?? 0) / wide.intervalMs), 4)
  })

  it("tell where a bucket stands to whoever asks for one that lets nothing through, and do not count it", async () => {
    const five = bucket(rate("5/hour"))
    const closed = { ...five, intervalMs: 2 * five.burst * five.intervalMs, burst: 0.5 }
    const stands = async (at: number) => {
      const { passed, fullInMs } = await take(at, [closed])
      assert.equal(passed, false)
      return Math.round((fullInMs[0] ?? Number.NaN) / five.intervalMs)
    }
    assert.equal(await stands(0), 0)
    for (let used = 1; used <= 5; used++) {
      assert.equal((await take(used, [five])).passed, true)
      for (let look = 0; look < 3; look++) assert.equal(await stands(look), used)
    }
    assert.equal((await take(0, [five])).passed, false)
    assert.equal(await stands(1), 5)
  })

  it("answer in the order in which they were asked, and wait for each other in none", async () => {
    const buckets = ["9/hour", "8/hour", "7/hour", "6/hour"].map((text) => bucket(rate(text)))
    const taken = await many(300, (at) => {
      const turned = [...buckets.slice(at % 4), ...buckets.slice(0, at % 4)]
      return at % 8 < 4 ? turned : turned.toReversed()
    })
    assert.equal(passesOf(taken), 6)
    const last = await take(0, buckets.toReversed())
    const intervals = buckets.toReversed().map(({ intervalMs }, at) => (last.fullInMs[at] ?? 0) / intervalMs)
    assert.deepEqual(intervals.map(Math.round), [6, 6, 6, 6])
  })

  it("decide as the limiter in memory does, at the server's own times", async () => {
    const step = fc.record({
      pauseMs: fc.constantFrom(0, 0, 0, 1, 3, 10, 30),
      which: fc.constantFrom<readonly (0 | 1)[]>([0], [1], [0, 1], [1, 0]),
    })
    const rates = fc.tuple(fc.integer({ min: 7, max: 60 }), fc.integer({ min: 1, max: 4 }))
    const sequences = fc.array(step, { minLength: 5, maxLength: 25 })
    let [passes, refusals] = [0, 0]
    await fc.assert(
      fc.asyncProperty(fc.tuple(rates, rates), sequences, async (texts, steps) => {
        const read = texts.map(([limit, burst]) => rate(`${limit}/second burst ${burst}`))
        const shared = read.map((each) => bucket(each))
        let [base, now] = [0, 0]
        const model = createLimiter({ keys: { list: [randomBytes(32)] }, clock: () => now })
        for (const [index, { pauseMs, which }] of steps.entries()) {
          if (pauseMs > 0) await delay(pauseMs)
          const { passed, at, fullInMs } = await take(
            index,
            which.map((each) => shared[each] as SharedBucket),
          )
          assert.equal(fullInMs.length, which.length)
          if (base === 0) base = Math.floor(at)
          // Whole microseconds, as the server has them.
          now = Math.round((at - base) * 1000) / 1000
          const demands = which.map((each) => ({ name: String(each), rate: read[each] as Rate, key: "k" }))
          assert.equal(passed, model.takeAll(demands).kind === "pass", `step ${index}`)
          if (passed) passes++
          else refusals++
        }
      }),
      { numRuns: LONG ? 400 : 25 },
    )
    assert.ok(passes > 50 && refusals > 50, `${passes} passed, ${refusals} refused`)
  })

  it("take the largest rates and the longest waits", async () => {
    for (const text of ["1000000/second", "1/day burst 1000000", "999983/day"]) {
      const [first, second] = [bucket(rate(text)), bucket(rate(text))]
      for (let count = 1; count <= 3; count++) {
        const { passed, fullInMs } = await take(count, [first, second])
        assert.equal(passed, true, text)
        if (first.intervalMs > 1)
          assert.ok(Math.abs((fullInMs[0] ?? 0) / first.intervalMs - count) < 0.5, text)
      }
    }
  })
}
