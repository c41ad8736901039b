import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import type { HeaderList } from "../../core/request.ts"
import type { HttpsPolicy } from "../https/index.ts"

export interface HeaderOptions {
  /** Default: nothing may be loaded, framed or submitted, which is right for answers that are not pages. */
  readonly contentSecurityPolicy?: string
  /** Who may load answers as resources. Default `"same-origin"`. */
  readonly crossOriginResourcePolicy?: "same-origin" | "same-site"
  /** Default `"no-referrer"`. Pages with forms need `"same-origin"`. */
  readonly referrerPolicy?: "no-referrer" | "same-origin" | "strict-origin-when-cross-origin"
}

export interface HeaderPolicy {
  /** On every answer; computed once. */
  readonly headers: HeaderList
}

const SCHEMA = z.strictObject({
  contentSecurityPolicy: z.string().optional(),
  crossOriginResourcePolicy: z.enum(["same-origin", "same-site"]).optional(),
  referrerPolicy: z.enum(["no-referrer", "same-origin", "strict-origin-when-cross-origin"]).optional(),
})

const API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** What a policy of one's own has to say; without each of them one of the old doors is open (ASVS 3.4.3, 3.4.6). */
const REQUIRED = ["default-src", "frame-ancestors", "base-uri"] as const

export function readHeader(input: unknown, https: HttpsPolicy, faults: Faults): HeaderPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "header", faults) ?? {}
  const content = options.contentSecurityPolicy ?? API_POLICY
  checkPolicy(content, faults)
  const headers: HeaderList = [
    ["content-security-policy", content],
    ["x-content-type-options", "nosniff"],
    ["x-frame-options", "DENY"],
    ["referrer-policy", options.referrerPolicy ?? "no-referrer"],
    ["cross-origin-resource-policy", options.crossOriginResourcePolicy ?? "same-origin"],
    ["cross-origin-opener-policy", "same-origin"],
    ["permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"],
    ...(https.hsts === undefined ? [] : ([["strict-transport-security", https.hsts]] as const)),
  ]
  return Object.freeze({ headers: Object.freeze(headers) })
}

function checkPolicy(policy: string, faults: Faults): void {
  const path = "header.contentSecurityPolicy"
  const directives = policy.split(";").map((directive) => directive.trim().toLowerCase().split(/\s+/))
  const names = directives.map(([name]) => name)
  if (/[^\x20-\x7e]/.test(policy)) {
    faults.add(
      "header.policy",
      path,
      "it has a character that no header may have",
      "Write it in one line of ASCII.",
    )
  }
  const missing = REQUIRED.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    faults.add(
      "header.policy",
      path,
      `it says nothing about ${missing.join(", ")}`,
      `Add for example ${missing.map((name) => `${name} 'none'`).join("; ")}.`,
    )
  }
  for (const [name, ...sources] of directives) {
    if (
      (name === "script-src" || name === "default-src") &&
      sources.some((source) => source === "'unsafe-inline'" || source === "*" || source === "'unsafe-eval'")
    ) {
      faults.add(
        "header.policy",
        path,
        `${name} lets any script run`,
        "Serve scripts from your own origin, or name them by hash or nonce.",
      )
    }
  }
}
