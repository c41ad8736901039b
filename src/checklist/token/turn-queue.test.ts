import assert from "node:assert/strict"
import { test } from "node:test"
import { UnavailableError } from "../../core/unavailable.ts"
import { TurnQueue } from "./turn-queue.ts"

/** A queue whose jobs take 0.3 ms each by its own stopwatch. */
function queueOf(costMs: number): { queue: TurnQueue<number>; job: (name: number) => () => number } {
  let time = 0
  const queue = new TurnQueue<number>(() => time)
  const job = (name: number) => () => {
    time += costMs
    return name
  }
  return { queue, job }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test("answers at once while the turn has time left, later in order, and a millisecond a turn", async () => {
  const { queue, job } = queueOf(0.3)
  const order: number[] = []
  const results = Array.from({ length: 11 }, (_, name) => queue.run(job(name)))
  // 0.3, 0.6, 0.9 are below the budget when the next begins.
  assert.deepEqual(results.slice(0, 4), [0, 1, 2, 3])
  assert.ok(results.slice(4).every((result) => result instanceof Promise))
  for (const result of results) void Promise.resolve(result).then((name) => order.push(name))
  const waiting: number[] = [queue.waiting]
  while (queue.waiting > 0) {
    await nextTurn()
    waiting.push(queue.waiting)
  }
  await Promise.all(results)
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  assert.ok(waiting.every((left, index) => index === 0 || (waiting[index - 1] ?? 0) - left <= 4))
})

test("the budget is new in every turn", async () => {
  const { queue, job } = queueOf(2)
  for (let turn = 0; turn < 5; turn++) {
    assert.equal(queue.run(job(turn)), turn)
    await nextTurn()
    await nextTurn()
  }
})

test("nobody overtakes those who wait", async () => {
  const { queue, job } = queueOf(0)
  let time = 0
  const slow = new TurnQueue<number>(() => time)
  slow.run(() => {
    time += 5
    return 0
  })
  const waits = slow.run(() => 1)
  assert.ok(waits instanceof Promise)
  assert.ok(slow.run(() => 2) instanceof Promise)
  assert.equal(await waits, 1)
  assert.equal(queue.run(job(3)), 3)
})

test("is bounded: beyond it, unavailable, and the waiting are served all the same", async () => {
  const { queue, job } = queueOf(2)
  queue.run(job(-1))
  const waiting = Array.from({ length: 4096 }, (_, name) => queue.run(job(name)))
  await assert.rejects(Promise.resolve(queue.run(job(5000))), UnavailableError)
  assert.equal((await Promise.all(waiting)).length, 4096)
  assert.equal(queue.waiting, 0)
  await nextTurn()
  assert.equal(queue.run(job(1)), 1)
})

test("a job that throws hurts only its own caller", async () => {
  const { queue, job } = queueOf(2)
  const broken = (): number => {
    throw new Error("broken")
  }
  assert.throws(() => queue.run(broken), /broken/)
  queue.run(job(0))
  const waits = [queue.run(broken), queue.run(job(1))] as const
  await assert.rejects(Promise.resolve(waits[0]), /broken/)
  assert.equal(await waits[1], 1)
})
