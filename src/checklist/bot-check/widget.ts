/** Turnstile and hCaptcha: what is the same in both is code in `site-verify.ts`, what differs stands here. */

export type WidgetName = "turnstile" | "hcaptcha"

export interface Widget {
  readonly title: string
  readonly verifyUrl: string
  /** What the page loads; it takes `render=explicit` and the name of a function to call when it is ready as `onload`. */
  readonly script: string
  /** What it then has under `window`, with a `render(element, parameters)`. */
  readonly global: string
  /** As `render` takes them: a size that fits a phone, the language, and what the token has to carry. */
  parameters(of: {
    readonly siteKey: string
    readonly action: string
    readonly ticket: string
    readonly language: string
  }): Readonly<Record<string, string>>
  /** The field that the script adds to the form. */
  readonly field: string
  /** What a page's content policy has to allow besides, by directive, as the provider documents it. */
  readonly policy: Readonly<Record<string, readonly string[]>>
  /** Whether its answer names an action and data of ours. */
  readonly carries: boolean
  /** Whether the site key goes with the question. */
  readonly tellsSiteKey: boolean
  /** How long its token is good, in milliseconds. */
  readonly tokenMs: number
  readonly longestToken: number
  /** Error codes that mean a token that was used or has become too old. */
  readonly over: readonly string[]
  /** Error codes that are our own fault or the provider's, never the visitor's. */
  readonly ours: readonly string[]
}

const HCAPTCHA_ORIGINS = ["https://hcaptcha.com", "https://*.hcaptcha.com"]

export const WIDGETS: Readonly<Record<WidgetName, Widget>> = {
  // developers.cloudflare.com/turnstile: get-started/server-side-validation, reference/content-security-policy
  turnstile: {
    title: "Turnstile",
    verifyUrl: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    script: "https://challenges.cloudflare.com/turnstile/v0/api.js",
    global: "turnstile",
    parameters: ({ siteKey, action, ticket, language }) => ({
      sitekey: siteKey,
      action,
      cData: ticket,
      language,
      size: "flexible",
    }),
    field: "cf-turnstile-response",
    policy: {
      "script-src": ["https://challenges.cloudflare.com"],
      "frame-src": ["https://challenges.cloudflare.com"],
    },
    carries: true,
    tellsSiteKey: false,
    tokenMs: 300_000,
    longestToken: 2_048,
    over: ["timeout-or-duplicate"],
    ours: ["missing-input-secret", "invalid-input-secret", "internal-error"],
  },
  // docs.hcaptcha.com: verify the user response server side, content-security-policy settings
  hcaptcha: {
    title: "hCaptcha",
    verifyUrl: "https://api.hcaptcha.com/siteverify",
    script: "https://js.hcaptcha.com/1/api.js",
    global: "hcaptcha",
    parameters: ({ siteKey, language }) => ({ sitekey: siteKey, hl: language, size: "normal" }),
    field: "h-captcha-response",
    policy: {
      "script-src": HCAPTCHA_ORIGINS,
      "frame-src": HCAPTCHA_ORIGINS,
      "style-src": HCAPTCHA_ORIGINS,
      "connect-src": HCAPTCHA_ORIGINS,
    },
    carries: false,
    tellsSiteKey: true,
    tokenMs: 120_000,
    longestToken: 6_000,
    over: ["expired-input-response", "already-seen-response"],
    ours: ["missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch", "internal-error"],
  },
}
