import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { decideLink, type LinkDecision, type LinkFacts } from "./index.ts"

const ACCOUNTS = {
  "no account": undefined,
  "an account whose owner proved it": { verified: true, disabled: false },
  "an account whose owner did not": { verified: false, disabled: false },
  "a disabled account whose owner proved it": { verified: true, disabled: true },
  "a disabled account whose owner did not": { verified: false, disabled: true },
} as const satisfies Record<string, LinkFacts["accountByEmail"]>

type Account = keyof typeof ACCOUNTS
type Row = readonly [account: Account, proved: boolean, open: boolean, decision: LinkDecision, why: string]

/** Every combination for an identity that nobody has yet. */
const UNKNOWN: readonly Row[] = [
  ["no account", true, true, "create", "a new person"],
  ["no account", false, true, "ask-for-credential", "an account's address has to be proved"],
  ["no account", true, false, "refused", "nobody new comes in"],
  ["no account", false, false, "ask-for-credential", "a stranger learns nothing"],
  ["an account whose owner proved it", true, true, "link-and-sign-in", "both sides have proved it"],
  ["an account whose owner proved it", true, false, "link-and-sign-in", "it is nobody new"],
  ["an account whose owner proved it", false, true, "ask-for-credential", "anybody can claim an address"],
  ["an account whose owner proved it", false, false, "ask-for-credential", "anybody can claim an address"],
  ["an account whose owner did not", true, true, "ask-for-credential", "somebody may have laid it as a trap"],
  [
    "an account whose owner did not",
    true,
    false,
    "ask-for-credential",
    "somebody may have laid it as a trap",
  ],
  ["an account whose owner did not", false, true, "ask-for-credential", "nobody has proved anything"],
  ["an account whose owner did not", false, false, "ask-for-credential", "nobody has proved anything"],
  ["a disabled account whose owner proved it", true, true, "refused", "it is closed, and its owner may know"],
  [
    "a disabled account whose owner proved it",
    true,
    false,
    "refused",
    "it is closed, and its owner may know",
  ],
  [
    "a disabled account whose owner proved it",
    false,
    true,
    "ask-for-credential",
    "a stranger learns nothing",
  ],
  [
    "a disabled account whose owner proved it",
    false,
    false,
    "ask-for-credential",
    "a stranger learns nothing",
  ],
  ["a disabled account whose owner did not", true, true, "refused", "it is closed"],
  ["a disabled account whose owner did not", true, false, "refused", "it is closed"],
  ["a disabled account whose owner did not", false, true, "ask-for-credential", "a stranger learns nothing"],
  ["a disabled account whose owner did not", false, false, "ask-for-credential", "a stranger learns nothing"],
]

describe("linking", () => {
  for (const [account, emailProved, registrationOpen, decision, why] of UNKNOWN) {
    const address = emailProved ? "a proved address" : "an unproved address"
    const door = registrationOpen ? "open" : "closed"
    it(`${address} and ${account}, registration ${door}: ${decision}, because ${why}`, () => {
      const accountByEmail = ACCOUNTS[account]
      const facts = { accountByEmail, emailProved, registrationOpen }
      assert.equal(decideLink({ ...facts, identityKnown: false }), decision)
      assert.equal(
        decideLink({ ...facts, identityKnown: true }),
        "sign-in",
        "a known identity has its account",
      )
    })
  }

  it("is decided for every combination", (t) => {
    const seen = new Set(UNKNOWN.map(([account, proved, open]) => `${account} ${proved} ${open}`))
    t.diagnostic(`${seen.size * 2} combinations`)
    assert.equal(seen.size, Object.keys(ACCOUNTS).length * 2 * 2)
    assert.equal(UNKNOWN.length, seen.size)
  })
})
