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
      ["origin", "option.invalid", "Give a text."],
      ["orign", "option.unknown", 'Did you mean "origin"?'],
      ["session.idelSeconds", "option.unknown", 'Did you mean "idleSeconds"?'],
    ])
    assert.throws(
      () => faults.throwIfAny(),
      (error: unknown) =>
        error instanceof MisuseError && error.faults.length === 3 && !error.message.includes("canary"),
    )
  })

  const one = z.strictObject({
    number: z.number().min(1).max(60).optional(),
    whole: z.int().optional(),
    positive: z.number().gt(0).lt(1).optional(),
    text: z.string().min(10).max(12).optional(),
    list: z.array(z.string()).min(1).optional(),
    word: z.enum(["open", "closed"]).optional(),
    own: z.number({ error: "it is no port" }).optional(),
    either: z.union([z.number(), z.array(z.string())]).optional(),
  })
  for (const [input, problem, fix] of [
    [{ number: 10_000 }, "it is above 60", "Give at most 60."],
    [{ number: 0 }, "it is below 1", "Give at least 1."],
    [{ number: "3" }, "it is not a number", "Give a number."],
    [{ whole: 1.5 }, "it is not a whole number", "Give a whole number."],
    [{ positive: 0 }, "it is not above 0", "Give more than 0."],
    [{ positive: 1 }, "it is not below 1", "Give less than 1."],
    [{ text: "short" }, "it has less than 10 characters", "Give at least 10 characters."],
    [{ text: "far too long" + "!" }, "it has more than 12 characters", "Give at most 12 characters."],
    [{ list: [] }, "it is empty", "Give at least one."],
    [{ list: "a" }, "it is not a list", "Give a list."],
    [{ word: "closd" }, "it is none of open, closed", 'Give one of "open", "closed".'],
    [{ own: "3055" }, "it is no port", "Give a number."],
    [
      { either: true },
      "it is not what this option takes",
      "See the option's documentation for what it takes.",
    ],
    [undefined, "it is missing", "Give an object."],
  ] as const) {
    it(`says of ${JSON.stringify(input)} that ${problem}`, () => {
      const faults = new Faults()
      readBySchema(one, input, "", faults)
      assert.deepEqual(
        faults.list.map((fault) => [fault.problem, fault.fix]),
        [[problem, fix]],
      )
    })
  }

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

  it("counts two letters that changed places as one edit", () =>
    assert.equal(nearest("prot", ["proxy", "port"]), "port"))
})
