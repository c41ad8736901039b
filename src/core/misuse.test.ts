import assert from "node:assert/strict"
import { describe, it } from "node:test"
import * as z from "zod"
import { Faults, MisuseError, nearest, readBySchema } from "./misuse.ts"

const SCHEMA = z.strictObject({
  origin: z.string().optional(),
  session: z.strictObject({ idleSeconds: z.number().optional() }).optional(),
})

describe("misuse", () => {
  it("tells every fault with its place, its code and its fix, and never a value", () => {
    const faults = new Faults()
    assert.equal(
      readBySchema(
        SCHEMA,
        { orign: "canary-1", origin: 5, session: { idelSeconds: "canary-2" } },
        "",
        faults,
      ),
      undefined,
    )
    assert.deepEqual(faults.list.map(({ path, code, fix }) => [path, code, fix]).sort(), [
      ["origin", "option.invalid", "See the option's documentation for what it takes."],
      ["orign", "option.unknown", 'Did you mean "origin"?'],
      ["session.idelSeconds", "option.unknown", 'Did you mean "idleSeconds"?'],
    ])
    assert.throws(
      () => faults.throwIfAny(),
      (error: unknown) =>
        error instanceof MisuseError && error.faults.length === 3 && !error.message.includes("canary"),
    )
  })

  it("says nothing when there is nothing to say", () => {
    const faults = new Faults()
    assert.deepEqual(readBySchema(SCHEMA, { origin: "x" }, "", faults), { origin: "x" })
    faults.throwIfAny()
  })

  for (const [word, expected] of [
    ["sesion", "session"],
    ["SESSION", "session"],
    ["sessions", "session"],
    ["proxy", undefined],
    ["", undefined],
    ["x".repeat(1_000_000), undefined],
  ] as const) {
    it(`thinks that ${word.slice(0, 20)} is ${expected ?? "nothing known"}`, () =>
      assert.equal(nearest(word, ["session", "cookie"]), expected))
  }
})
