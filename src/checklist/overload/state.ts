import type { Facts, LineState } from "../../core/facts.ts"

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { bodyBytes, loopDelayMs, requestSeconds, limited } = facts.overload
  if (!(bodyBytes > 0 && loopDelayMs > 0 && requestSeconds > 0)) {
    return {
      state: "fails",
      why: "A body, a request's time or the delay of the event loop is not bounded.",
      fix: "Give each of them a limit.",
    }
  }
  if (!limited) {
    return {
      state: "weakened",
      why: "Bodies and lateness are bounded, but no server was given its limits: a slow client may keep a connection.",
      fix: "Call latch.limitServer(server) before the http.Server listens.",
    }
  }
  return {
    state: "holds",
    why: `Bodies up to ${Math.round(bodyBytes / 1024)} KiB, ${requestSeconds} s a request, shedding above ${loopDelayMs} ms of loop delay.`,
  }
}
