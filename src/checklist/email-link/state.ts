import type { Facts, LineState } from "../../core/facts.ts"

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { enabled, lifetimeSeconds, registers } = facts.emailLink
  if (!enabled) return { state: "holds", why: "Switched off: nobody can sign in by mail." }
  const who = registers ? "Known and new addresses" : "Known addresses"
  return {
    state: "holds",
    why: `${who} get a link and a code for ${lifetimeSeconds / 60} minutes; only the browser that asked can use them.`,
  }
}
