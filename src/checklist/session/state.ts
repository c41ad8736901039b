import type { Facts, LineState } from "../../core/facts.ts"

const FEED_STALE_MS = 10_000

/** Whether refresh tokens rotate and revocations reach this process, here and now. */
export function state(facts: Facts): LineState {
  const { toleratedDelaySeconds, idleSeconds, absoluteSeconds, feedAgeMs } = facts.session
  const reason = facts.unsafe.acceptRevokedUntilExpiry
  if (feedAgeMs === undefined || feedAgeMs >= FEED_STALE_MS) {
    const age =
      feedAgeMs === undefined ? "was never loaded" : `is ${Math.floor(feedAgeMs / 1000)} seconds old`
    const effect =
      reason === undefined ? "signed-in requests get 503" : "revoked access tokens work until they expire"
    return {
      state: "fails",
      why: `The list of revoked sessions ${age}: ${effect}.`,
      fix: "See why the database does not answer; the log names it.",
    }
  }
  const lasts = `Sessions end after ${inWords(idleSeconds)} unused and ${inWords(absoluteSeconds)} in any case`
  if (reason !== undefined) {
    return {
      state: "weakened",
      why: `${lasts}; revoked access tokens are accepted while the feed is stale: ${reason}`,
      fix: "Remove unsafe.acceptRevokedUntilExpiry.",
    }
  }
  const replay =
    toleratedDelaySeconds === 0
      ? "a refresh token works exactly once"
      : `a used refresh token repeats its answer for ${2 * toleratedDelaySeconds} s and ends the session afterwards`
  return {
    state: "holds",
    why: `${lasts}; ${replay}; revocations were read ${(feedAgeMs / 1000).toFixed(1)} s ago.`,
  }
}

function inWords(seconds: number): string {
  for (const [size, name] of UNITS) {
    if (seconds >= size) return `${Number((seconds / size).toFixed(1))} ${name}`
  }
  return `${seconds} seconds`
}

const UNITS = [
  [86_400, "days"],
  [3_600, "hours"],
  [60, "minutes"],
] as const
