import type { Facts, LineState } from "../../core/facts.ts"

/** Above this share of the table new keys soon share buckets with their network. */
const NEARLY_FULL = 0.9

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { policies, keys, capacity } = facts.rateLimit
  if (policies.length === 0) {
    return { state: "fails", why: "No limit is declared.", fix: "Remove what replaces the default limits." }
  }
  if (keys > capacity * NEARLY_FULL) {
    return {
      state: "weakened",
      why: `${keys} of ${capacity} keys are in use: newcomers soon share a bucket with their network.`,
      fix: "Raise rateLimit.capacity, or find out who brings so many addresses.",
    }
  }
  return {
    state: "holds",
    why: `Requests are counted per address, user and account; ${keys} of at most ${capacity} keys are in memory.`,
  }
}
