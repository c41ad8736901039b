import type { Facts, LineState } from "../../core/facts.ts"

/** The checklist's fifteen minutes. */
const PROMISED_SECONDS = 900
/** Clocks that a time service keeps are within milliseconds; a token says by the clock of its instance how long it lasts. */
const MOST_APART_MS = 5_000

export function state(facts: Facts): LineState {
  const { algorithm, lifetimeSeconds, keys } = facts.token
  if (keys < 1) {
    return { state: "fails", why: "There is no signing key.", fix: "Make one with: nightlatch secret" }
  }
  const { live, clocksApartMs } = facts.instances
  if (clocksApartMs > MOST_APART_MS) {
    return {
      state: "fails",
      why: `The clocks of ${live} instances are ${(clocksApartMs / 1000).toFixed(1)} s apart: an access token lasts so much longer or shorter, by whom it asks.`,
      fix: "Run a time service on every machine, for example chrony or systemd-timesyncd.",
    }
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
