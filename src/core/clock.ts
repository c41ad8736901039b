/** Milliseconds since 1970 (UTC). Handed in everywhere, so that tests own the time. */
export type Clock = () => number

export const systemClock: Clock = Date.now
