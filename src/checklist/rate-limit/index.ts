export {
  createLimiter,
  type Demand,
  type Limiter,
  type LimiterInput,
} from "./limiter.ts"
export { type RateLimitOptions, type RateLimitPolicy, readRateLimit } from "./options.ts"
export { parseRate, type Rate, type RateInput } from "./rate.ts"
export { createSignInLimits, type SignInAttempt, type SignInLimits } from "./sign-in.ts"
export { state } from "./state.ts"
