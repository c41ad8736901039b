import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { D, HOUR, Rig } from "./rig.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
const GRACE = 2 * D * 1000
const MIN_ROTATE = (3 * D + 1) * 1000

/** Times that sit on both sides of every window. */
const TICKS = [1, 999, GRACE - 1, GRACE, GRACE + 1, MIN_ROTATE - GRACE, MIN_ROTATE, 5 * 60_000, 7 * 24 * HOUR]

type Command =
  | readonly ["login", replaces: number | undefined]
  | readonly ["present", which: number]
  | readonly ["together", which: readonly number[]]
  | readonly ["tick", ms: number]
  | readonly ["logout", which: number]
  | readonly ["password"]
  | readonly ["disable"]
  | readonly ["restart"]

const recent = fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(30) })
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constant("present" as const), recent) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("tick" as const), fc.constantFrom(...TICKS)) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant("together" as const), fc.array(recent, { minLength: 2, maxLength: 8 })),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant("login" as const), fc.option(recent, { nil: undefined })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("logout" as const), recent) },
  { weight: 1, arbitrary: fc.constant(["password"] as const) },
  { weight: 1, arbitrary: fc.constant(["disable"] as const) },
  { weight: 2, arbitrary: fc.constant(["restart"] as const) },
)

/** Counted from the newest token backwards, so that small numbers are the interesting ones. */
function pick(rig: Rig, which: number): string {
  return rig.tokens.at(-1 - (which % rig.tokens.length)) as string
}

async function run(rig: Rig, [name, given]: Command): Promise<void> {
  if (name === "tick") rig.now += given
  else if (name === "login")
    await rig.signIn(given === undefined ? undefined : rig.sessionOf(pick(rig, given)))
  else if (name === "present") await rig.present(pick(rig, given))
  else if (name === "together") await Promise.all(given.map((which) => rig.present(pick(rig, which))))
  else if (name === "logout") await rig.logout(rig.sessionOf(pick(rig, given)))
  else if (name === "password") await rig.changePassword()
  else if (name === "disable") await rig.disable()
  else await rig.restart()
}

const REVOKING = ["reuse", "late-parent", "rollback"]

test("the room over SQLite decides as the reference does, whatever is done in whatever order", async (t) => {
  const verdicts = new Map<string, number>()
  let commands = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(D, 0),
      fc.array(command, { minLength: 5, maxLength: 60, size: "max" }),
      async (delay, list) => {
        const rig = await Rig.open(delay)
        try {
          await rig.signIn()
          for (const each of list) await run(rig, each)
          await rig.shadow.compareRows()
          let endings = 0
          for (const [verdict, count] of rig.shadow.verdicts) {
            verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + count)
            if (REVOKING.includes(verdict)) endings += count
          }
          const events = await rig.store.listEvents({ limit: 1_000 })
          const told = events.filter((event) => event.type !== "session.replaced")
          assert.equal(told.length, endings, "I12: one event for each ending, none for anything else")
          commands += list.length
        } finally {
          await rig.store.close()
        }
      },
    ),
    { numRuns: LONG ? 5_000 : 150 },
  )
  t.diagnostic(`${commands} commands: ${[...verdicts].map(([name, count]) => `${count} ${name}`).join(", ")}`)
  for (const verdict of ["rotated", "coalesced", "retry", "late-parent", "reuse", "ended"]) {
    assert.ok((verdicts.get(verdict) ?? 0) > 0, `${verdict} never happened`)
  }
})

test("64 parallel refreshes of one token give one successor", async () => {
  const rig = await Rig.open()
  const token = (await rig.signIn()) as string
  const answers = await Promise.all(Array.from({ length: 64 }, () => rig.present(token)))
  const given = new Set(
    answers.map((answer) => (answer.kind === "refreshed" ? answer.refresh : answer.reason)),
  )
  assert.equal(given.size, 1)
  assert.equal(rig.tokens.length, 2)
  assert.deepEqual([...rig.shadow.verdicts].sort(), [
    ["retry", 63],
    ["rotated", 1],
  ])
  await rig.store.close()
})

test("64 parallel refreshes through four instances give one successor", async () => {
  const rig = await Rig.open()
  const token = (await rig.signIn()) as string
  const rooms = [rig.room(), rig.room(), rig.room(), rig.room()]
  await Promise.all(Array.from({ length: 64 }, (_, index) => rig.present(token, rooms[index % 4])))
  assert.equal(rig.tokens.length, 2)
  await rig.store.close()
})

test("an answer that was lost and asked for again inside the window is the same string, on any instance", async () => {
  const rig = await Rig.open()
  const token = (await rig.signIn()) as string
  const lost = await rig.present(token)
  for (const room of [rig.sessions, rig.room()]) {
    rig.now += GRACE / 2
    const again = await rig.present(token, room)
    assert.ok(lost.kind === "refreshed" && again.kind === "refreshed" && lost.refresh)
    assert.equal(again.refresh, lost.refresh)
  }
  rig.now += 1
  const late = await rig.present(token)
  assert.equal(late.kind === "refusal" && late.revoked?.why, "late-parent")
  await rig.store.close()
})

test("with no tolerated delay a token works exactly once, in the same millisecond too", async () => {
  const rig = await Rig.open(0)
  const token = (await rig.signIn()) as string
  const [first, second] = await Promise.all([rig.present(token), rig.present(token)])
  assert.equal(first.kind, "refreshed")
  assert.equal(second.kind === "refusal" && second.revoked?.why, "late-parent")
  await rig.store.close()
})

test("a restart after a rotation lets the lost answer be asked for again, once the process is ready", async () => {
  const rig = await Rig.open()
  const token = (await rig.signIn()) as string
  const lost = await rig.present(token)
  rig.now += 4 * 60_000
  await rig.restart()
  rig.now += GRACE
  const again = await rig.present(token)
  assert.ok(again.kind === "refreshed" && lost.kind === "refreshed")
  assert.equal(again.refresh, lost.refresh)
  await rig.store.close()
})

test("after a restart nobody rotates while a retry of the parent may be on its way", async () => {
  const rig = await Rig.open()
  const token = (await rig.signIn()) as string
  await rig.present(token)
  rig.now += 60_000
  await rig.restart()
  const retried = await rig.present(token)
  assert.ok(retried.kind === "refreshed" && retried.refresh)
  rig.now += 1_000
  const other = await rig.present(retried.refresh)
  assert.ok(other.kind === "refreshed" && other.refresh === undefined)
  assert.equal((await rig.present(token)).kind, "refreshed")
  await rig.store.close()
})

test("reuse is told in one event of the account, with session and network, and noticed elsewhere by one poll", async () => {
  const rig = await Rig.open()
  const first = (await rig.signIn()) as string
  const bystander = (await rig.signIn()) as string
  const neighbour = rig.room()
  await neighbour.revocations.poll()
  let token = first
  for (let generation = 2; generation < 5; generation++) {
    const answer = await rig.present(token)
    token = (answer.kind === "refreshed" && answer.refresh) || token
    rig.now += MIN_ROTATE
  }
  const answers = await Promise.all(Array.from({ length: 16 }, () => rig.present(first)))
  assert.ok(answers.every((answer) => answer.kind === "refusal" && answer.refusal.code === "session.ended"))
  const events = await rig.store.listEvents({ limit: 10 })
  assert.deepEqual(
    events.map((it) => [it.type, it.sessionId, it.addressPrefix]),
    [["session.reuse", rig.sessionOf(first), "192.0.2.0/24"]],
  )
  assert.ok(events[0]?.accountId, "the event names the account")
  assert.equal((await rig.present(token)).kind, "refusal")
  assert.equal((await rig.present(bystander)).kind, "refreshed")
  rig.now += 1_000
  assert.equal(neighbour.revocations.isRevoked(rig.sessionOf(first)), false)
  await neighbour.revocations.poll()
  assert.equal(neighbour.revocations.isRevoked(rig.sessionOf(first)), true)
  assert.equal(neighbour.revocations.isRevoked(rig.sessionOf(bystander)), false)
  await rig.store.close()
})
