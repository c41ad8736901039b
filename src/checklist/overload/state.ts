import type { Facts, LineState } from "../../core/facts.ts"

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { bodyBytes, loopDelayMs, requestSeconds } = facts.overload
  if (!(bodyBytes > 0 && loopDelayMs > 0 && requestSeconds > 0)) {
    return {
      state: "fails",
      why: "A body, a request's time or the delay of the event loop is not bounded.",
      fix: "Apply overload.serverLimits to the http.Server and start() the measurement.",
    }
  }
  return {
    state: "holds",
    why: `Bodies up to ${Math.round(bodyBytes / 1024)} KiB, ${requestSeconds} s a request, shedding above ${loopDelayMs} ms of loop delay.`,
  }
}
