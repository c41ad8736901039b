import assert from "node:assert/strict"
import { mock, test } from "node:test"
import { MisuseError } from "../../core/misuse.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { askSource, createRenewal, generateSecret, KeyRing } from "./index.ts"

const ORIGIN = new URL("https://api.example.com")
const CANARY = "Canary7canary7Canary7canary7Canary7canary7"
const turn = () => new Promise((later) => setImmediate(later))

function open(source: ((signal: AbortSignal) => Promise<string | readonly string[]>) | undefined) {
  const ring = new KeyRing([generateSecret()], ORIGIN)
  const logged: string[] = []
  const log = (level: string) => (fields: object, message: string) =>
    void logged.push(`${level} ${message} ${JSON.stringify(fields)}`)
  let replaced = 0
  const renewal = createRenewal({
    source,
    ring,
    logger: { info: log("info"), warn: log("warn"), error: log("error") },
    onReplaced: () => void replaced++,
  })
  return { ring, logged, replaced: () => replaced, renewal }
}

test("fixed secrets are not renewed", async () => {
  const { renewal, replaced } = open(undefined)
  renewal.start()
  await renewal.renew()
  assert.equal(renewal.describe(), undefined)
  assert.equal(replaced(), 0)
  await renewal.stop()
})

test("a source is asked each minute, one question at a time", async () => {
  mock.timers.enable({ apis: ["setInterval"] })
  try {
    let asked = 0
    const answers: ((secret: string) => void)[] = []
    const { ring, renewal, replaced } = open(() => {
      asked++
      return new Promise((resolve) => answers.push(resolve))
    })
    const keys = ring.keys("refresh-mac")
    const before = keys.list
    renewal.start()
    mock.timers.tick(59_999)
    await turn()
    assert.equal(asked, 0)
    mock.timers.tick(1)
    await turn()
    assert.equal(asked, 1)
    mock.timers.tick(60_000)
    await turn()
    assert.equal(asked, 1, "the first question is not answered yet")
    answers[0]?.(generateSecret())
    await turn()
    assert.notEqual(keys.list, before)
    assert.equal(replaced(), 1)
    mock.timers.tick(60_000)
    await turn()
    assert.equal(asked, 2)
    const [one, two] = [renewal.renew(), renewal.renew()]
    await turn()
    assert.equal(asked, 2, "whoever asks meanwhile waits")
    answers[1]?.(generateSecret())
    await turn()
    assert.equal(asked, 3, "for a question that was asked after theirs")
    answers[2]?.(generateSecret())
    await Promise.all([one, two])
    assert.equal(replaced(), 3)
    mock.timers.tick(60_000)
    await turn()
    const stopping = renewal.stop()
    answers[3]?.(generateSecret())
    await stopping
    assert.equal(replaced(), 3, "who stops takes nothing up")
    mock.timers.tick(600_000)
    await renewal.renew()
    assert.equal(asked, 4)
  } finally {
    mock.timers.reset()
  }
})

test("the same list again changes nothing, another order does", async () => {
  const list = [generateSecret(), generateSecret()]
  let answer = list
  const { ring, renewal, replaced, logged } = open(async () => answer)
  await renewal.renew()
  const keys = ring.keys("access-signing")
  const before = keys.list
  answer = [...list]
  await renewal.renew()
  assert.equal(keys.list, before)
  answer = list.toReversed()
  await renewal.renew()
  assert.deepEqual(keys.list, before.toReversed())
  assert.equal(replaced(), 2)
  assert.match(logged[0] ?? "", /^warn .*"added":2,"removed":1,"signing":true/)
  assert.match(logged[1] ?? "", /^info .*"added":0,"removed":0,"signing":true/)
})

test("every purpose changes in the same moment", () => {
  const ring = new KeyRing([generateSecret()], ORIGIN)
  const [mac, next] = [ring.keys("refresh-mac"), ring.keys("refresh-next")]
  ring.replace([generateSecret(), generateSecret()])
  assert.deepEqual([mac.list.length, next.list.length, ring.count], [2, 2, 2])
  assert.equal(ring.keys("refresh-mac"), mac)
})

test("a source that hangs, throws or lies is refused in time, and no message repeats what it had", async () => {
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => new Promise(() => {}), /within 0\.02 s/],
    [() => Promise.reject(new Error(CANARY)), /failed \(Error\)/],
    [() => Promise.reject(Object.assign(new Error(CANARY), { code: "ENOENT" })), /failed \(ENOENT\)/],
    [() => Promise.reject(Object.assign(new Error(CANARY), { code: `${CANARY} ` })), /failed \(Error\)/],
    [() => Promise.reject(CANARY), /unknown error/],
    [() => Promise.reject(null), /unknown error/],
    [
      () => {
        throw new TypeError(CANARY)
      },
      /failed \(TypeError\)/,
    ],
  ]
  for (const [source, words] of cases) {
    const failed = await askSource(source as () => Promise<string>, { answerMs: 20 }).catch((error) => error)
    assert.ok(failed instanceof UnavailableError)
    assert.match(failed.message, words)
    assert.equal(failed.cause, undefined)
    assert.ok(!failed.message.includes(CANARY), failed.message)
  }
  const fault = new MisuseError([{ code: "x", path: "y", problem: "z", fix: "w" }])
  for (const error of [fault, new UnavailableError("gone")])
    await assert.rejects(
      askSource(() => Promise.reject(error)),
      (thrown) => thrown === error,
    )
})

test("the signal tells a source that nobody waits any longer", async () => {
  for (const late of [false, true]) {
    const stopped = new AbortController()
    let heard = false
    const asking = askSource(
      (signal) => {
        signal.addEventListener("abort", () => {
          heard = true
        })
        return new Promise(() => {})
      },
      late ? { answerMs: 10 } : { stopped: stopped.signal },
    )
    await turn()
    if (!late) stopped.abort()
    await assert.rejects(asking, UnavailableError)
    assert.equal(heard, true)
  }
})
