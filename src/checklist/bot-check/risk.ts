/**
 * Attack: a robot that stays below each limit and goes on for days; or one that uses up a budget so that a person pays.
 * Promise: what sends a mail is free so many times for a network and for everybody; sign-ins are free until so many have
 * failed at an account or from a network. A browser that signed in to the account before has a budget that strangers cannot
 * use up. Budgets are counted where the limits are, together with other processes, by the address that was typed, whether
 * it is an account's or not. Source: ASVS 2.4.1, 6.3.1, 6.3.8; OWASP, Slow Down Online Guessing Attacks with Device Cookies.
 */
import type { Clock } from "../../core/clock.ts"
import { PASS, type Pass, type Refusal } from "../../core/verdict.ts"
import type { Counted, Demand, NamedLimits, Rate } from "../rate-limit/index.ts"
import { Debts } from "./debts.ts"
import type { BotCheckPolicy } from "./options.ts"

/** `due`: the budget is used up. A refusal: it cannot be counted, and the limits are closed then. */
export type Need = "free" | "due" | Refusal

export interface Device {
  /** What its cookie says. */
  readonly device: string
  /** The normalised mail address that was typed. */
  readonly account: string
}

export interface Risk {
  /** Counts a request that sends a mail. */
  mail(address: string): Promise<Need>
  /** Counts it for a browser that is known at the account; asked when the others' budget is used up. */
  mailFrom(device: Device): Promise<Need>
  /** Whether so many sign-ins have failed already; without an account, from this network alone. */
  lookAtSignIn(who: { readonly account?: string; readonly address: string }): Promise<Need>
  lookAtSignInFrom(device: Device): Promise<Need>
  /** @param free whether nothing was asked before it: of a budget that others used up meanwhile it is owed then */
  noteFailure(who: { readonly account: string; readonly address: string }, free: boolean): Promise<void>
  noteFailureFrom(device: Device, free: boolean): Promise<void>
  /** Counts an answer before a provider is asked about it: made-up ones must not use up what we and it bear. */
  answer(address: string): Promise<Pass | Refusal>
}

const MAIL = "bot-check-mail"
const MAIL_ALL = "bot-check-mail-all"
const MAIL_DEVICE = "bot-check-mail-device"
const SIGN_IN = "bot-check-sign-in"
const SIGN_IN_NETWORK = "bot-check-sign-in-network"
const SIGN_IN_DEVICE = "bot-check-sign-in-device"
const ANSWER = "bot-check-answer"

export function createRisk(input: {
  readonly limiter: NamedLimits
  readonly policy: BotCheckPolicy
  /** How often an address may have an answer judged by a provider. */
  readonly answers: Rate
  readonly clock: Clock
}): Risk {
  const { limiter, policy, answers } = input
  const { mail, signIn } = policy.free
  limiter.register(MAIL, mail.perNetwork)
  limiter.register(MAIL_ALL, mail.inAll)
  limiter.register(MAIL_DEVICE, mail.perDevice)
  limiter.register(SIGN_IN, signIn.perAccount)
  limiter.register(SIGN_IN_NETWORK, signIn.perNetwork)
  limiter.register(SIGN_IN_DEVICE, signIn.perDevice)
  limiter.register(ANSWER, answers)
  const mails = (address: string): readonly Demand[] => [
    { name: MAIL, rate: mail.perNetwork, address },
    { name: MAIL_ALL, rate: mail.inAll, key: "all", address },
  ]
  const of = (name: string, rate: Demand["rate"], { device, account }: Device): Demand => ({
    name,
    rate,
    key: JSON.stringify([device, account]),
  })
  const atAccount = (account: string, address: string): Demand => ({
    name: SIGN_IN,
    rate: signIn.perAccount,
    key: account,
    address,
  })
  const fromNetwork = (address: string): Demand => ({
    name: SIGN_IN_NETWORK,
    rate: signIn.perNetwork,
    address,
  })
  const told = async (ask: () => Counted): Promise<Need> => (policy.always ? "due" : needOf(await ask()))
  const debts = new Debts(limiter, input.clock)
  const look = async (demands: readonly Demand[]): Promise<Pass | Refusal> => {
    for (const demand of demands) await debts.settle(demand)
    return limiter.peekAll(demands)
  }
  const fromDevice = (device: Device) => of(SIGN_IN_DEVICE, signIn.perDevice, device)
  return {
    mail: (address) => told(() => limiter.takeAll(mails(address))),
    mailFrom: (device) => told(() => limiter.takeAll([of(MAIL_DEVICE, mail.perDevice, device)])),
    lookAtSignIn: ({ account, address }) =>
      told(() =>
        look([...(account === undefined ? [] : [atAccount(account, address)]), fromNetwork(address)]),
      ),
    lookAtSignInFrom: (device) => told(() => look([fromDevice(device)])),
    async noteFailure({ account, address }, free) {
      // One by one: what is used up already must not keep the other from being counted.
      await Promise.all([
        debts.count(atAccount(account, address), free),
        debts.count(fromNetwork(address), free),
      ])
    },
    noteFailureFrom: (device, free) => debts.count(fromDevice(device), free),
    async answer(address) {
      return policy.widget === undefined ? PASS : limiter.takeAll([{ name: ANSWER, rate: answers, address }])
    },
  }
}

function needOf(verdict: Pass | Refusal): Need {
  if (verdict.kind === "pass") return "free"
  return verdict.refusal.status === 429 ? "due" : verdict
}
