/** The worker of the pages, run as it is served: against SHA-256 of Node, and against the challenges of altcha-lib. */
import assert from "node:assert/strict"
import { createHash, randomBytes } from "node:crypto"
import { describe, it } from "node:test"
import { createContext, Script } from "node:vm"
import { createChallenge, verifySolution } from "altcha-lib/v1"
import { ALTCHA_SCRIPT } from "./altcha-script.ts"

interface Asked {
  readonly algorithm: string
  readonly challenge: string
  readonly salt: string
  readonly maxnumber: number
}

const script = new Script(ALTCHA_SCRIPT)

/** A worker's world: what it is sent, and what it answers. */
function work(asked: object): unknown {
  const world = {
    TextEncoder,
    answer: undefined as unknown,
    onmessage: (_: object) => {},
    postMessage: (_: unknown) => {},
  }
  world.postMessage = (answer) => {
    world.answer = answer
  }
  script.runInContext(createContext(world))
  world.onmessage({ data: asked })
  return world.answer
}

function ask(salt: string, number: number, maxnumber: number = number): Asked {
  const challenge = createHash("sha256").update(`${salt}${number}`).digest("hex")
  return { algorithm: "SHA-256", challenge, salt, maxnumber }
}

describe("the worker", () => {
  it("finds the number behind salts of every length around a block", () => {
    for (let length = 0; length <= 150; length++) {
      const salt = randomBytes(75).toString("hex").slice(0, length)
      for (const number of [0, 9, 10, 101])
        assert.equal(work(ask(salt, number)), number, `${length} ${number}`)
    }
    assert.equal(work(ask(randomBytes(500).toString("hex"), 12)), 12)
    assert.equal(work(ask("salt of more than one byte: ä€", 7)), 7)
  })

  it("finds large ones, and says when there is none", () => {
    assert.equal(work(ask("a salt & more", 123_456)), 123_456)
    assert.equal(work(ask("a salt & more", 1_000, 999)), -1)
    assert.equal(work({ ...ask("x", 5), algorithm: "SHA-512" }), -1)
    assert.equal(work({ ...ask("x", 5), challenge: "short" }), -1)
  })

  it("solves what altcha-lib asks for, and altcha-lib is content", async () => {
    for (let round = 0; round < 5; round++) {
      const hmacKey = randomBytes(16).toString("hex")
      const expires = new Date(Date.now() + 60_000)
      const made = await createChallenge({
        hmacKey,
        expires,
        params: { route: "register" },
        maxnumber: 20_000,
      })
      const { algorithm, challenge, salt, signature } = made
      const payload = { algorithm, challenge, salt, signature, number: work(made) }
      assert.equal(
        await verifySolution(Buffer.from(JSON.stringify(payload)).toString("base64"), hmacKey),
        true,
      )
    }
  })
})
