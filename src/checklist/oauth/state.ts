import type { Facts, LineState } from "../../core/facts.ts"

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { providers, secure } = facts.oauth
  if (providers.length === 0) {
    return { state: "holds", why: "No provider is configured: nobody can sign in this way." }
  }
  if (!secure && !facts.loopback) {
    return {
      state: "fails",
      why: `Answers of ${providers.join(", ")} can be changed on the way: a provider is asked over plain http.`,
      fix: "Use the provider's https issuer.",
    }
  }
  const how = secure ? "" : ", partly over plain http on this machine"
  return {
    state: "holds",
    why: `${providers.join(", ")}: state, PKCE and nonce on every flow, and an address joins accounts only with proof on both sides${how}.`,
  }
}
