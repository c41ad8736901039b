import type { Facts, LineState } from "../../core/facts.ts"

/** The checklist's fifteen minutes. */
const PROMISED_SECONDS = 900

export function state(facts: Facts): LineState {
  const { algorithm, lifetimeSeconds, keys } = facts.token
  if (keys < 1) {
    return { state: "fails", why: "There is no signing key.", fix: "Make one with: nightlatch secret" }
  }
  const count = keys === 1 ? "one key" : `${keys} keys`
  const why = `Access tokens live ${lifetimeSeconds} s, ${algorithm}, ${count}; the header is compared and never parsed.`
  if (lifetimeSeconds <= PROMISED_SECONDS) return { state: "holds", why }
  return {
    state: "weakened",
    why: `${why} Verifiers without the revocation feed accept a revoked token that long.`,
    fix: `Set token.accessLifetimeSeconds to ${PROMISED_SECONDS} or less.`,
  }
}
