import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { judgeRotation, type Rotation, span } from "./index.ts"

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const NOW = 1_800_000_000_000
const SESSION = 30 * DAY

type Listed = readonly (readonly [id: string, sinceAgo: number])[]

function judge(
  secrets: readonly (readonly [id: string, signedAgo?: number | undefined, knownAgo?: number | undefined])[],
  instances: readonly Listed[],
): Rotation {
  const at = (ago: number | undefined) => (ago === undefined ? undefined : NOW - ago)
  return judgeRotation({
    now: NOW,
    sessionMs: SESSION,
    secrets: secrets.map(([id, signed, known], place) => ({
      id,
      signedAt: at(signed),
      knownAt: at(known ?? 90 * DAY - place * DAY),
    })),
    instances: instances.map((own) => own.map(([id, ago]) => ({ id, since: NOW - ago }))),
  })
}

const safeOf = ({ append, move, remove }: Rotation) => [append.safe, move.safe, remove.safe]

test("one secret: append", () => {
  const told = judge([["old", 0]], [[["old", DAY]]])
  assert.deepEqual(safeOf(told), [true, false, false])
  assert.match(told.next, /append a new one \(nightlatch secret\)/)
})

test("an appended one may sign when all instances have had it for as long as public keys are cached", () => {
  const secrets = [["old", 0], ["young"]] as const
  const own = (ago: number): Listed => [
    ["old", 9 * DAY],
    ["young", ago],
  ]
  const late = judge(secrets, [own(12 * MINUTE), own(40 * MINUTE), own(9 * MINUTE + 20_000)])
  assert.deepEqual(safeOf(late), [true, false, false])
  assert.equal(
    late.next,
    "Wait. All 3 instances have had the second for 9 min (10 min are needed): you may move it to the front in 40 s.",
  )
  const ready = judge(secrets, [own(12 * MINUTE), own(40 * MINUTE), own(13 * MINUTE)])
  assert.deepEqual(safeOf(ready), [true, true, false])
  assert.equal(ready.move.why, "All 3 instances have had the second for 12 min (10 min are needed).")
  assert.equal(ready.next, "Move the second to the front.")
  assert.match(ready.remove.why, /has not signed yet/)
  assert.deepEqual(safeOf(judge(secrets, [own(10 * MINUTE)])), [true, true, false])
})

test("the old one may go when no session of it can live", () => {
  const instances = [
    [
      ["young", DAY],
      ["old", 60 * DAY],
    ],
  ] as const
  const early = judge(
    [
      ["young", 0],
      ["old", 21 * 60 * MINUTE],
    ],
    instances,
  )
  assert.deepEqual(safeOf(early), [true, false, false])
  assert.equal(early.next, "Wait. The second last signed 21 h ago: you may remove it in 29 d 3 h.")
  assert.match(early.move.why, /on its way out/)
  for (const [ago, safe] of [
    [SESSION, false],
    [SESSION + 2 * MINUTE - 1, false],
    [SESSION + 2 * MINUTE, true],
  ] as const)
    assert.equal(
      judge(
        [
          ["young", 0],
          ["old", ago],
        ],
        instances,
      ).remove.safe,
      safe,
    )
  const late = judge(
    [
      ["young", 0],
      ["old", 31 * DAY],
    ],
    instances,
  )
  assert.equal(late.next, "Remove the second.")
  assert.match(late.remove.why, /last signed 31 d ago, and no session lives longer than 30 d\./)
})

test("nothing is safe while instances differ, and it says who lacks what", () => {
  const both: Listed = [
    ["old", DAY],
    ["young", DAY],
  ]
  const rows: readonly (readonly [Parameters<typeof judge>[0], readonly Listed[], RegExp, RegExp])[] = [
    [[["old", 0], ["young"]], [], /No running instance/, /Start the service/],
    [
      [["old", 0], ["young"]],
      [both, [["old", DAY]]],
      /^1 of 2 instances has the second\.$/,
      /Wait until all have it/,
    ],
    [
      [["old", 0]],
      [both, both, [["old", DAY]]],
      /^2 of 3 instances have a secret that is not configured here/,
      /removed/,
    ],
    [[["other"]], [both], /^The instance has other secrets/, /Compare the origin/],
    [[["other"]], [both, both], /^All 2 instances have other secrets/, /Compare the origin/],
    [[["old", 0], ["young"]], [[["old", DAY]]], /^0 of 1 instance have the second/, /restart them/],
    [
      [["young"], ["old", 0]],
      [both, both.toReversed()],
      /^1 of 2 instances signs with the first/,
      /Wait until all do/,
    ],
  ]
  for (const [secrets, instances, why, next] of rows) {
    const told = judge(secrets, instances)
    assert.deepEqual(safeOf(told), [false, false, false])
    for (const step of [told.append, told.move, told.remove]) assert.match(step.why, why)
    assert.match(told.next, next)
  }
})

test("a database that met both at once does not say which one is old", () => {
  const instances = [
    [
      ["a", DAY],
      ["b", DAY],
    ],
  ] as const
  const told = judge(
    [
      ["a", 0, DAY],
      ["b", undefined, DAY],
    ],
    instances,
  )
  assert.deepEqual(safeOf(told), [true, true, false])
  assert.match(
    told.next,
    /^If the second is the new one, move the second to the front\. If it is the old one, wait\. Whether /,
  )
  assert.match(told.next, /you may remove it in 29 d\.$/)
  const late = judge(
    [
      ["a", 0, 31 * DAY],
      ["b", undefined, 31 * DAY],
    ],
    instances,
  )
  assert.equal(late.next, "Remove the second.")
})

test("eight are the most", () => {
  const ids = Array.from({ length: 8 }, (_, place) => `s${place}`)
  const told = judge(
    ids.map((id, place) => [id, place === 0 ? 0 : DAY] as const),
    [ids.map((id) => [id, DAY] as const)],
  )
  assert.equal(told.append.safe, false)
  assert.match(told.remove.why, /^The eighth last signed/)
})

test("law: a step is never called safe before its time, whatever the instances have", () => {
  const ago = fc.integer({ min: 0, max: 40 * DAY })
  const id = fc.constantFrom("a", "b", "c")
  const list = fc.uniqueArray(fc.tuple(id, ago), { minLength: 1, maxLength: 3, selector: ([name]) => name })
  const secrets = fc.uniqueArray(fc.tuple(id, fc.option(ago, { nil: undefined }), ago), {
    minLength: 1,
    maxLength: 3,
    selector: ([name]) => name,
  })
  fc.assert(
    fc.property(secrets, fc.array(list, { maxLength: 4 }), (configured, instances) => {
      const told = judge(configured, instances)
      const names = configured.map(([name]) => name)
      const agree = instances.every((own) => own.length === names.length && own[0]?.[0] === names[0])
      if (told.append.safe) assert.ok(instances.length > 0 && agree)
      if (told.move.safe) {
        const moved = configured.find(([, signed], at) => at > 0 && signed === undefined)?.[0]
        for (const own of instances)
          assert.ok((own.find(([name]) => name === moved)?.[1] ?? 0) >= 10 * MINUTE)
      }
      if (told.remove.safe) {
        const [, signed, known = 0] = configured.at(-1) ?? []
        assert.ok((signed ?? known) > SESSION && names.length > 1)
      }
      assert.match(told.next, /\.$/)
    }),
    { numRuns: process.env.NIGHTLATCH_TEST_SCALE === "long" ? 50_000 : 2_000 },
  )
})

test("spans are told in the two units that matter", () => {
  const told = [
    -5,
    0,
    40_000,
    12 * MINUTE,
    60 * MINUTE,
    310 * MINUTE,
    DAY,
    29 * DAY + 3 * 60 * MINUTE + 5,
  ].map(span)
  assert.deepEqual(told, ["0 s", "0 s", "40 s", "12 min", "1 h", "5 h 10 min", "1 d", "29 d 3 h"])
})
