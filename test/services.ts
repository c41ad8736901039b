/**
 * Whether tests may look for what a machine has besides Node: PostgreSQL, Redis, browsers. NIGHTLATCH_TEST_SERVICES=none hides
 * them, so that one machine can also show what a machine with nothing but npm shows.
 */
export const MAY_LOOK: boolean = process.env.NIGHTLATCH_TEST_SERVICES !== "none"
