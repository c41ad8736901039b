import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { EVENT_TYPES, type EventType } from "../../core/event.ts"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { describeEvent, eventRecord, readEvent, severityOf, state } from "./index.ts"

describe("event", () => {
  it("has words and a severity for every kind", () => {
    const types = Object.keys(EVENT_TYPES) as EventType[]
    assert.ok(types.length > 15)
    const said = new Set(types.map((type) => describeEvent({ type, count: 1 })))
    assert.equal(said.size, types.length)
    assert.equal(severityOf("session.reuse"), "alarm")
  })
  it("stays on one line whatever the client called itself", () => {
    const event = {
      id: 1,
      at: 0,
      type: "session.started",
      count: 2,
      client: "a\r\nfake\u2028\u0000 line",
    } as const
    assert.doesNotMatch(describeEvent(event), /[\r\n\u2028\0]/)
    const record = eventRecord(event)
    assert.equal(record.at, "1970-01-01T00:00:00.000Z")
    assert.doesNotMatch(JSON.stringify(record), /\\r|\\n|\u2028/)
  })
  it("says how often and from where", () => {
    assert.equal(
      describeEvent({ type: "login.failed", count: 7, addressPrefix: "192.0.2.0/24" }),
      "Wrong password or unknown address (7 times), from 192.0.2.0/24",
    )
  })
  for (const input of [
    { retentionDays: 0 },
    { retentionDays: 1.5 },
    { retentionDays: "90" },
    { retention: 90 },
  ]) {
    it(`refuses to start with ${JSON.stringify(input)}`, () => {
      const faults = new Faults()
      readEvent(input, faults)
      assert.equal(faults.list.length, 1)
    })
  }
  it("says whether its line holds", () => {
    const facts = (retentionDays: number) => ({ event: { retentionDays } }) as unknown as Facts
    assert.deepEqual(
      [90, 7].map((days) => state(facts(days)).state),
      ["partial", "weakened"],
    )
  })
})
