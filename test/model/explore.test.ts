import assert from "node:assert/strict"
import { test } from "node:test"
import { explore } from "./explore.ts"
import { CORRECT } from "./protocol.ts"
import { WORLDS } from "./worlds.ts"

/*
 * Where each invariant of the protocol is held:
 *   I1, I5   checkState: in every state, exactly the current token and its parent inside the grace are accepted;
 *            checkRefresh: the same for every request served. "From any instance": session/sessions.test.ts, by lists of secrets.
 *   I2, I4   checkAnswer, on every answer that leaves; I2 also sqlite.test.ts, by the very strings.
 *   I3       checkDisk, after every commit and crash; sqlite.test.ts.
 *   I6, I7   checkRefresh; I7 in the worlds called timely, where there is no thief.
 *   I8       checkRefresh with forged requests; session/refresh-token.laws.test.ts for the mac itself.
 *   I9, I12  checkRefresh over the rows before and after; I12 for events too: sqlite.test.ts.
 *   I10      checkRefresh and observe; sqlite.test.ts.
 *   I11      session/revocation.test.ts: at once here, one poll elsewhere, refused when the feed is 10 s old.
 * Rules 3, 4, 5 and 7, the transport and "refresh never clears cookies" are held beside them under their own names.
 */
for (const world of WORLDS) {
  test(`the protocol holds with ${world.name}, explored to the end`, (t) => {
    const { states, transitions, violation } = explore(world, CORRECT)
    t.diagnostic(`${states} states, ${transitions} transitions`)
    assert.equal(
      violation,
      undefined,
      violation && `${violation.rule}: ${violation.text}\n${violation.trace.join("\n")}`,
    )
    assert.ok(states > 100 && transitions > states, "the exploration did not explore")
  })
}
