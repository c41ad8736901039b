import type { Facts, LineState } from "../../core/facts.ts"

/** One address that no server takes is no fault of the mail server; so many in a row are. */
const FAILURES = 3

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { enabled, lifetimeSeconds, registers, failedInARow } = facts.emailLink
  if (failedInARow >= FAILURES) {
    return {
      state: "weakened",
      why: `No mail gets out: the last ${failedInARow} attempts failed, so nobody gets a link, a code or a warning.`,
      fix: "The log says why (mail failed). Look at NIGHTLATCH_SMTP_URL; mails wait for about half an hour.",
    }
  }
  if (!enabled) return { state: "holds", why: "Switched off: nobody can sign in by mail." }
  const who = registers ? "Known and new addresses" : "Known addresses"
  return {
    state: "holds",
    why: `${who} get a link and a code for ${lifetimeSeconds / 60} minutes; only the browser that asked can use them.`,
  }
}
