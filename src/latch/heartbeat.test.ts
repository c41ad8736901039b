import assert from "node:assert/strict"
import { type TestContext, test } from "node:test"
import { createHeartbeat } from "./heartbeat.ts"

const turn = () => new Promise((later) => setImmediate(later))

/** A store that answers when it is told to. */
function open(t: TestContext) {
  t.mock.timers.enable({ apis: ["setInterval"] })
  const said: string[] = []
  const logged: string[] = []
  const under: PromiseWithResolvers<void>[] = []
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const heartbeat = createHeartbeat({
    everyMs: 5_000,
    tell({ id }) {
      said.push(`beat of ${id}`)
      const answer = Promise.withResolvers<void>()
      under.push(answer)
      return answer.promise
    },
    async leave(id) {
      said.push(`farewell of ${id}`)
      throw new Error("gone")
    },
    logger: { info: log, warn: log, error: log },
    unheard: "nobody hears it",
  })
  const answer = async (error?: Error) => {
    await turn()
    const first = under.shift()
    assert.ok(first, "nothing is under way")
    if (error === undefined) first.resolve()
    else first.reject(error)
    await turn()
  }
  return { heartbeat, said, logged, answer }
}

test("tells it at the start and at each interval, and says farewell after the last", async (t) => {
  const { heartbeat, said, answer } = open(t)
  const { id } = heartbeat.self
  const starting = heartbeat.start()
  await answer()
  await starting
  t.mock.timers.tick(4_999)
  await turn()
  assert.equal(said.length, 1)
  t.mock.timers.tick(1)
  await turn()
  assert.equal(said.length, 2)
  const stopping = heartbeat.stop()
  await turn()
  assert.equal(said.length, 2, "one is under way")
  await answer()
  await stopping
  t.mock.timers.tick(60_000)
  await turn()
  assert.deepEqual(said, [`beat of ${id}`, `beat of ${id}`, `farewell of ${id}`])
})

test("has one under way, and after it one for all who asked meanwhile", async (t) => {
  const { heartbeat, said, answer } = open(t)
  const first = heartbeat.beat()
  await turn()
  let heard = false
  const asked = Promise.all([heartbeat.beat(), heartbeat.beat(), heartbeat.beat()]).then(() => {
    heard = true
  })
  await turn()
  assert.equal(said.length, 1)
  await answer()
  await first
  assert.deepEqual([said.length, heard], [2, false], "the first did not tell what they changed")
  await answer()
  await asked
  assert.equal(said.length, 2)
})

test("never rejects, and logs once that it is not heard", async (t) => {
  const { heartbeat, logged, answer } = open(t)
  for (const fault of ["away", "away", undefined, "away again"]) {
    const beat = heartbeat.beat()
    await answer(fault === undefined ? undefined : new Error(fault))
    await beat
  }
  assert.deepEqual(logged, ['nobody hears it {"reason":"away"}', 'nobody hears it {"reason":"away again"}'])
  await heartbeat.stop()
})
