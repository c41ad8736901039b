import type { Facts, LineState } from "../../core/facts.ts"

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { enabled, memoryKib, passes, minimumLength, blocklistSize, concurrency, foreign } = facts.password
  if (!enabled) return { state: "holds", why: "Nobody signs in with a password here." }
  if (memoryKib < 19_456 || passes < 2) {
    return {
      state: "fails",
      why: `argon2id with ${memoryKib} KiB and ${passes} passes is below OWASP's minimum.`,
      fix: "Remove password.memoryKib and password.passes.",
    }
  }
  if (minimumLength < 15 || blocklistSize < 3000) {
    return {
      state: "fails",
      why: `Passwords of ${minimumLength} characters are enough, ${blocklistSize} common ones are refused.`,
      fix: "The only factor needs 15 characters and a list of at least 3,000.",
    }
  }
  if (foreign > 0) {
    return {
      state: "weakened",
      why: `${foreign} ${foreign === 1 ? "account has" : "accounts have"} a hash that another system made; each becomes argon2id when its owner signs in.`,
      fix: "Wait, or mail those who have not signed in; whoever resets the password has argon2id too.",
    }
  }
  return {
    state: "holds",
    why: `argon2id, ${Math.round(memoryKib / 1024)} MiB, ${concurrency} at once; at least ${minimumLength} characters, ${blocklistSize} common ones refused.`,
  }
}
