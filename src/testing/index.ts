/** For tests of one's own: the types of `latch.testing`, and the contract that every store has to keep. */
export type { Testing, TestSession } from "../latch/testing.ts"
export { storeContract } from "./store-contract.ts"
