import type { Facts, LineState } from "../../core/facts.ts"

/** Above this share of the table new keys soon share buckets with their network. */
const NEARLY_FULL = 0.9

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { policies, keys, capacity, shared } = facts.rateLimit
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
  const { live, inMemory } = facts.instances
  if (shared?.gone !== undefined) {
    const { place, gone, whenGone } = shared
    const times =
      live === 1 ? "each process lets as many through" : `${live} instances let ${live} times as many through`
    const effect =
      whenGone === "refuse"
        ? "what has a limit of its own gets 503"
        : `limits are counted in memory, and ${times}`
    return {
      state: live > 1 && whenGone === "memory" ? "fails" : "weakened",
      why: `${place} does not share counts (${gone}): ${effect}.`,
      fix: `Bring ${place} back; it is asked again each second.`,
    }
  }
  if (live > 1 && inMemory > 0) {
    return {
      state: "fails",
      why: `${live} instances are live, and ${inMemory} of them count limits in memory: together they let more through than the limits say.`,
      fix: "Give all of them the same place to count, and see on their own pages why it is gone.",
    }
  }
  const where = shared === undefined ? "by this process alone" : `with all processes in ${shared.place}`
  return {
    state: "holds",
    why: `Requests are counted per address, user and account, limits by name ${where}; ${keys} of at most ${capacity} keys are in memory.`,
  }
}
