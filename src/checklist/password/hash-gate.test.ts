import assert from "node:assert/strict"
import { test } from "node:test"
import type { Refusal } from "../../core/verdict.ts"
import { HashGate, MOST_PER_ACCOUNT } from "./hash-gate.ts"

/** A gate whose hashes take as long as the test lets them. */
function setUp(concurrency = 1, queueMs = 300) {
  const time = { now: 0 }
  const gate = new HashGate({ concurrency, queueMs, now: () => time.now })
  const started: string[] = []
  const ends: (() => void)[] = []
  const answers = new Map<string, string>()
  let count = 0
  return {
    gate,
    time,
    started,
    answers,
    ask(network: string, account = `account ${count}`): string {
      const name = `${network}${count++}`
      const work = () => {
        started.push(name)
        return new Promise<"done">((resolve) => ends.push(() => resolve("done")))
      }
      gate.run({ network, account }, work).then(
        (result: "done" | Refusal) => answers.set(name, result === "done" ? "done" : result.reason),
        (error: Error) => answers.set(name, error.message),
      )
      return name
    },
    /** The hash that began first ends after so long. */
    async end(tookMs = 30) {
      time.now += tookMs
      ends.shift()?.()
      await settle()
    },
  }
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

test("so many run at once and no more, and the others follow in turn", async () => {
  const { ask, end, gate, started } = setUp(2)
  for (let count = 0; count < 5; count++) ask("n")
  assert.deepEqual([gate.running, gate.waiting], [2, 3])
  await end()
  assert.deepEqual(started, ["n0", "n1", "n2"])
  for (let count = 0; count < 4; count++) await end()
  assert.deepEqual([gate.running, gate.waiting], [0, 0])
})

test("the queue holds so much work as hashes take, and what comes on top is refused with a time", async () => {
  const { ask, gate, answers } = setUp(1, 300)
  for (let count = 0; count < 30; count++) ask("n")
  await settle()
  assert.equal(gate.waiting, 10)
  assert.equal(answers.size, 19)
  assert.ok([...answers.values()].every((reason) => reason === "the queue is full"))
  const refused = await gate.run({ network: "n", account: "x" }, () => Promise.resolve("done"))
  assert.ok(typeof refused === "object")
  assert.deepEqual([refused.refusal.status, refused.refusal.code], [503, "password.busy"])
  assert.deepEqual(refused.headers, [["retry-after", "1"]])
})

test("slower hashes make the queue shorter", async () => {
  const { ask, end, gate } = setUp(1, 300)
  for (let count = 0; count < 20; count++) {
    ask("n")
    await end(100)
  }
  assert.ok(gate.averageMs > 85 && gate.averageMs < 100)
  assert.equal(gate.room, 3)
})

test("networks take turns, so one that floods waits for itself", async () => {
  const { ask, end, started } = setUp(1, 3000)
  for (let count = 0; count < 50; count++) ask("flood ")
  const late = [ask("ada "), ask("bob ")]
  await end()
  await end()
  await end()
  assert.ok(
    late.every((name) => started.includes(name)),
    started.join(),
  )
})

test("a full queue gives a place to another network, at the cost of the one that has most", async () => {
  const { ask, end, gate, started, answers } = setUp(1, 300)
  for (let count = 0; count < 40; count++) ask("flood ")
  const ada = ask("ada ")
  await settle()
  assert.equal(gate.waiting, 10)
  assert.equal(answers.get(ada), undefined)
  assert.equal([...answers.values()].at(-1), "its network has most of the queue")
  await end()
  await end()
  assert.ok(started.includes(ada))
})

test("many networks of a few each share the queue evenly, and it never grows", async () => {
  const { ask, gate } = setUp(1, 300)
  for (let count = 0; count < 200; count++) {
    ask(`network ${count % 50} `)
    assert.ok(gate.waiting <= 10)
  }
})

test("an account holds a few places and no more, and gets them back", async () => {
  const { ask, end, answers, gate } = setUp(1, 3000)
  for (let count = 0; count < MOST_PER_ACCOUNT + 3; count++) ask(`network ${count} `, "ada@example.com")
  await settle()
  assert.equal(answers.size, 3)
  assert.equal(gate.running + gate.waiting, MOST_PER_ACCOUNT)
  for (let count = 0; count < MOST_PER_ACCOUNT; count++) await end()
  ask("network ", "ada@example.com")
  assert.equal(gate.running, 1)
})

test("what has waited longer than the queue is long is not done any more", async () => {
  const { ask, end, answers, gate } = setUp(1, 300)
  ask("n")
  const [one, other] = [ask("n"), ask("n")]
  await end(301)
  assert.equal(answers.get(one), "it waited too long")
  assert.equal(answers.get(other), "it waited too long")
  assert.deepEqual([gate.running, gate.waiting], [0, 0])
})

test("work that fails frees its place and tells why", async () => {
  const { gate } = setUp(1)
  await assert.rejects(
    gate.run({ network: "n", account: "a" }, () => Promise.reject(new Error("out of memory"))),
    /out of memory/,
  )
  assert.deepEqual([gate.running, gate.waiting], [0, 0])
  assert.equal(await gate.run({ network: "n", account: "a" }, () => Promise.resolve("done")), "done")
})
