/** The tables and the plot of docs/scaling.md are what the script makes of the bench's figures. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, it } from "node:test"
import { DOCUMENT, FIGURES, PLOT, plan, render, short } from "../scripts/scaling.ts"

const figures = JSON.parse(readFileSync(FIGURES, "utf8"))

describe("docs/scaling.md", () => {
  it("shows what is computed from the bench's figures", () => {
    const document = readFileSync(DOCUMENT, "utf8")
    const made = render(document, figures)
    assert.equal(made.document, document, "run npm run scaling")
    assert.equal(made.plot, readFileSync(PLOT, "utf8"), "run npm run scaling")
  })

  it("grows with users and figures, and with nothing else", () => {
    const [small, large] = [plan(1e6, figures), plan(1e8, figures)]
    for (const name of Object.keys(small) as (keyof typeof small)[]) {
      const factor = large[name] / small[name]
      if (name === "instanceMb") assert.ok(factor > 1 && factor < 100, name)
      else assert.ok(Math.abs(factor - 100) < 1, `${name}: ${factor}`)
    }
    const dearer = plan(1e6, { ...figures, meMicros: figures.meMicros * 2 })
    assert.equal(dearer.guardCores, small.guardCores * 2)
    assert.equal(dearer.hashCores, small.hashCores)
  })

  it("writes numbers as people read them", () => {
    assert.deepEqual([0.5, 7, 41.7, 999, 1_500, 2_000_000, 3e9].map(short), [
      "0.50",
      "7.00",
      "41.7",
      "999",
      "1.50 k",
      "2.00 M",
      "3.00 G",
    ])
  })
})
