import type { Facts, LineState } from "../../core/facts.ts"
import { WIDGETS } from "./widget.ts"

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { provider, always, free, maxNumber, asked, passed, unchecked, down } = facts.botCheck
  const widget = provider === "altcha" ? undefined : WIDGETS[provider]
  const reason = facts.unsafe.botCheckOpenWhenDown
  const title = widget?.title ?? "The proof of work"
  if (down !== undefined) {
    const effect =
      reason === undefined
        ? "whoever is asked gets 503"
        : `robots pass, ${unchecked} of them or of people so far: ${reason}`
    return {
      state: "fails",
      why: `${title} does not judge (${down}): ${effect}.`,
      fix: `See whether this machine reaches ${title} and whether the keys are right.`,
    }
  }
  if (reason !== undefined) {
    return {
      state: "weakened",
      why: `While ${title} does not judge, robots pass: ${reason}`,
      fix: "Remove unsafe.botCheckOpenWhenDown.",
    }
  }
  const what =
    widget === undefined
      ? `A proof of work of ${(maxNumber / 2).toLocaleString("en")} hashes on average`
      : `${title}'s check`
  const when = always
    ? "before each sign-in and each mail"
    : `after ${free.mail} mails from one network or ${free.signIn} failed sign-ins at one account`
  return {
    state: "holds",
    why: `${what} is asked for ${when}; asked ${asked} times since the start, passed ${passed}.`,
  }
}
