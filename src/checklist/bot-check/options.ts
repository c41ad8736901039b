import * as z from "zod"
import { isLoopback } from "../../core/loopback.ts"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import { parseRate, type Rate, type RateInput } from "../rate-limit/index.ts"
import { WIDGETS, type WidgetName } from "./widget.ts"

export interface BotCheckOptions {
  /** Default `"altcha"`: a proof of work that the browser does by itself and that needs nobody else. */
  readonly provider?: "altcha" | "turnstile" | "hcaptcha"
  /** Of Turnstile or hCaptcha; everybody sees it. */
  readonly siteKey?: string
  /** Of Turnstile or hCaptcha. */
  readonly secretKey?: string
  /** Where tokens are judged, if not at the provider's own address: https, or http on this machine. */
  readonly verifyUrl?: string
  /** Default `"risk"`: only when a free budget is used up. */
  readonly when?: "risk" | "always"
  /**
   * The largest number of a proof of work, 10,000 to 10,000,000: a solver tries half as many on average. Default 400,000;
   * the README of this room has the measurements.
   */
  readonly maxNumber?: number
  /** What is free before anything is asked. */
  readonly free?: {
    /** Requests that send a mail. */
    readonly mail?: {
      /** Of one network. Default `"20/hour"`. */
      readonly perNetwork?: RateInput
      /** Of everybody together. Default `"300/hour"`. */
      readonly inAll?: RateInput
      /** Of one browser that signed in to the account before. Default `"10/hour"`. */
      readonly perDevice?: RateInput
    }
    /** Failed sign-ins. */
    readonly signIn?: {
      /** At one account, of browsers that never signed in to it. Default `"5/hour burst 3"`. */
      readonly perAccount?: RateInput
      /** Of one network. Default `"30/hour burst 10"`. */
      readonly perNetwork?: RateInput
      /** Of one browser that signed in to the account before. Default `"30/hour burst 5"`. */
      readonly perDevice?: RateInput
    }
  }
}

/** The part of `unsafe` that is this room's: the value is the written reason. */
export interface BotCheckWeakening {
  /** Let everybody pass while Turnstile or hCaptcha does not judge, instead of answering 503. */
  readonly botCheckOpenWhenDown?: string | undefined
}

export interface BotCheckPolicy {
  readonly provider: "altcha" | WidgetName
  /** Undefined for the proof of work. */
  readonly widget:
    | {
        readonly name: WidgetName
        readonly siteKey: string
        readonly secretKey: string
        readonly verifyUrl: string
      }
    | undefined
  readonly always: boolean
  readonly maxNumber: number
  readonly openWhenDown: boolean
  readonly free: {
    readonly mail: { readonly perNetwork: Rate; readonly inAll: Rate; readonly perDevice: Rate }
    readonly signIn: { readonly perAccount: Rate; readonly perNetwork: Rate; readonly perDevice: Rate }
  }
}

const LEAST_NUMBER = 10_000
const MOST_NUMBER = 10_000_000
const MAX_NUMBER = 400_000

const rate = z.unknown().optional()
const SCHEMA = z.strictObject({
  provider: z.enum(["altcha", "turnstile", "hcaptcha"]).optional(),
  siteKey: z.string().optional(),
  secretKey: z.string().optional(),
  verifyUrl: z.string().optional(),
  when: z.enum(["risk", "always"]).optional(),
  maxNumber: z.int().min(LEAST_NUMBER).max(MOST_NUMBER).optional(),
  free: z
    .strictObject({
      mail: z.strictObject({ perNetwork: rate, inAll: rate, perDevice: rate }).optional(),
      signIn: z.strictObject({ perAccount: rate, perNetwork: rate, perDevice: rate }).optional(),
    })
    .optional(),
})

/** What the providers' keys look like: nothing that could leave an attribute or a header. */
const KEY = /^[A-Za-z0-9_-]{10,200}$/

/** Reads `botCheck`; what is wrong becomes faults, and the defaults stand in. */
export function readBotCheck(
  input: unknown,
  from: { readonly loopback: boolean; readonly unsafe?: BotCheckWeakening | undefined },
  faults: Faults,
): BotCheckPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "botCheck", faults) ?? {}
  const { provider = "altcha", free } = options
  const openWhenDown = from.unsafe?.botCheckOpenWhenDown !== undefined
  if (openWhenDown && provider === "altcha") {
    faults.add(
      "bot-check.nothing_to_open",
      "unsafe.botCheckOpenWhenDown",
      "the proof of work needs no provider that could be down",
      "Remove it.",
    )
  }
  const read = (given: unknown, path: string, standard: string) =>
    parseRate(given ?? standard, `botCheck.free.${path}`, faults)
  return Object.freeze({
    provider,
    widget: provider === "altcha" ? noKeys(options, faults) : readWidget(provider, options, from, faults),
    always: options.when === "always",
    maxNumber: options.maxNumber ?? MAX_NUMBER,
    openWhenDown,
    free: Object.freeze({
      mail: Object.freeze({
        perNetwork: read(free?.mail?.perNetwork, "mail.perNetwork", "20/hour"),
        inAll: read(free?.mail?.inAll, "mail.inAll", "300/hour"),
        perDevice: read(free?.mail?.perDevice, "mail.perDevice", "10/hour"),
      }),
      signIn: Object.freeze({
        perAccount: read(free?.signIn?.perAccount, "signIn.perAccount", "5/hour burst 3"),
        perNetwork: read(free?.signIn?.perNetwork, "signIn.perNetwork", "30/hour burst 10"),
        perDevice: read(free?.signIn?.perDevice, "signIn.perDevice", "30/hour burst 5"),
      }),
    }),
  })
}

type Read = z.output<typeof SCHEMA>

function noKeys(options: Read, faults: Faults): undefined {
  for (const name of ["siteKey", "secretKey", "verifyUrl"] as const) {
    if (options[name] === undefined) continue
    faults.add(
      "bot-check.no_provider",
      `botCheck.${name}`,
      "the proof of work has no such thing",
      'Set botCheck.provider (NIGHTLATCH_BOT_CHECK) to "turnstile" or "hcaptcha", or remove it.',
    )
  }
}

function readWidget(
  name: WidgetName,
  options: Read,
  from: { readonly loopback: boolean },
  faults: Faults,
): BotCheckPolicy["widget"] {
  const { title, verifyUrl } = WIDGETS[name]
  const keyOf = (which: "siteKey" | "secretKey", variable: string): string => {
    const key = options[which]
    if (key !== undefined && KEY.test(key)) return key
    const problem = key === undefined ? "it is missing" : `it is no key of ${title}`
    faults.add("bot-check.key", `botCheck.${which}`, problem, `Copy it from ${title}; ${variable} sets it.`)
    return ""
  }
  const url = options.verifyUrl === undefined ? null : URL.parse(options.verifyUrl)
  if (options.verifyUrl !== undefined && !mayAsk(url, from.loopback)) {
    faults.add(
      "bot-check.verify_url",
      "botCheck.verifyUrl",
      "it is not an https address",
      `Leave it out: ${verifyUrl} is asked then. http is for an address on this machine, in development.`,
    )
  }
  return Object.freeze({
    name,
    siteKey: keyOf("siteKey", "NIGHTLATCH_BOT_CHECK_SITE_KEY"),
    secretKey: keyOf("secretKey", "NIGHTLATCH_BOT_CHECK_SECRET_KEY"),
    verifyUrl: url?.href ?? verifyUrl,
  })
}

function mayAsk(url: URL | null, loopback: boolean): boolean {
  if (url === null || url.username !== "" || url.password !== "") return false
  return url.protocol === "https:" || (loopback && url.protocol === "http:" && isLoopback(url.hostname))
}
