/**
 * Attack: guessing one account's password from many addresses, many accounts' from one, and locking a person out by
 * guessing on purpose. Promise: strangers share one small bucket per account; a browser that has signed in to the account
 * before has its own, which strangers cannot empty; an address has one for all accounts. An account that does not exist is
 * counted in exactly the same way, since the key is the address text that was typed.
 * Source: ASVS 6.1.1, 6.3.1, 6.3.8; NIST SP 800-63B-4, 3.2.2.
 */
import type { Counted, NamedLimits } from "./limiter.ts"
import type { RateLimitPolicy } from "./options.ts"

export interface SignInAttempt {
  /** The normalised mail address that was typed, whether it is an account's or not. */
  readonly account: string
  /** The client's address. */
  readonly address: string
  /** The id in a known-device proof that was verified for this very account. */
  readonly device?: string | undefined
}

export interface SignInLimits<Answer extends Counted = Counted> {
  /** Counts an attempt, before anything is hashed or read. */
  take(attempt: SignInAttempt): Answer
}

export function createSignInLimits<Answer extends Counted>(input: {
  readonly limiter: NamedLimits<Answer>
  readonly policy: RateLimitPolicy
}): SignInLimits<Answer> {
  const { limiter, policy } = input
  const { perAccount, perDevice, perAddress } = policy.login
  limiter.register("login", perAccount)
  limiter.register("login-device", perDevice)
  limiter.register("login-address", perAddress)
  return {
    take({ account, address, device }) {
      const person =
        device === undefined
          ? { name: "login", rate: perAccount, key: account, address }
          : { name: "login-device", rate: perDevice, key: JSON.stringify([device, account]), address }
      return limiter.takeAll([person, { name: "login-address", rate: perAddress, address }])
    },
  }
}
