import * as z from "zod"
import { isLoopback } from "../core/loopback.ts"
import { type Faults, readBySchema } from "../core/misuse.ts"
import { contrast } from "./contrast.ts"
import { type ReturnPolicy, readReturn } from "./return-path.ts"

export interface PagesOptions {
  /** What the pages call the service. Default the origin's host. */
  readonly name?: string
  /** A picture beside the name: a path of the own origin. Default a small emblem. */
  readonly logoUrl?: string
  /** Colour of the buttons, `#rrggbb`; white text on it must be readable (contrast 4.5 or more). Default ink. */
  readonly accent?: string
  /** Where a sign-in leads when no other place was asked for: a path of the own origin. Default the account page. */
  readonly afterSignIn?: string
  /** Other origins that `?return=` may name, for example `https://app.example.com`. Default none. */
  readonly returnOrigins?: readonly string[]
  /** A path of your own that takes the page's place, or `"off"`. Default the page of Nightlatch. */
  readonly signIn?: string
  readonly register?: string
  readonly reset?: string
  readonly account?: string
  /** The page "Why am I not signed in?". Default on a loopback origin only. */
  readonly diagnosis?: boolean
}

/** Pages that can be replaced or switched off. */
export type Replaceable = "signIn" | "register" | "reset" | "account"

export interface PagesPolicy extends ReturnPolicy {
  readonly name: string
  readonly logoUrl: string | undefined
  readonly accent: string | undefined
  readonly afterSignIn: string
  /** Where each page is; undefined when it is switched off. */
  readonly paths: Readonly<Record<Replaceable, string | undefined>>
  /** Those that are not replaced and not switched off. */
  readonly ours: ReadonlySet<Replaceable>
  readonly diagnosis: boolean
}

const SCHEMA = z.strictObject({
  name: z.string().min(1).max(60).optional(),
  logoUrl: z.string().optional(),
  accent: z.string().optional(),
  afterSignIn: z.string().optional(),
  returnOrigins: z.array(z.string()).optional(),
  signIn: z.string().optional(),
  register: z.string().optional(),
  reset: z.string().optional(),
  account: z.string().optional(),
  diagnosis: z.boolean().optional(),
})

const SEGMENTS: Readonly<Record<Replaceable, string>> = {
  signIn: "sign-in",
  register: "register",
  reset: "reset",
  account: "settings",
}

/** WCAG 2.2, 1.4.3. */
const LEAST_CONTRAST = 4.5

/** Reads `pages`; what is wrong becomes faults, and the defaults stand in. */
export function readPages(
  input: unknown,
  from: { readonly origin: URL; readonly basePath: string; readonly loopback: boolean },
  faults: Faults,
): PagesPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "pages", faults) ?? {}
  const { origin, basePath } = from
  const own = { origin, origins: new Set<string>() }
  const path = (name: string, text: string | undefined): string | undefined => {
    const read = readReturn(own, text)
    if (text === undefined || read !== undefined) return read
    const fix = 'Write it like "/welcome".'
    faults.add("pages.path", `pages.${name}`, "it is not a path of the own origin", fix)
    return undefined
  }
  const paths: Partial<Record<Replaceable, string | undefined>> = {}
  for (const [name, segment] of Object.entries(SEGMENTS) as [Replaceable, string][]) {
    const given = options[name]
    paths[name] =
      given === undefined ? `${basePath}/${segment}` : given === "off" ? undefined : path(name, given)
    if (given?.startsWith(`${basePath}/`)) {
      const fix = "Choose a path of the application."
      faults.add("pages.path", `pages.${name}`, "it is below basePath, where nothing but the flows is", fix)
    }
  }
  return Object.freeze({
    origin,
    origins: readOrigins(options.returnOrigins ?? [], from, faults),
    name: options.name ?? origin.host,
    logoUrl: path("logoUrl", options.logoUrl),
    accent: readAccent(options.accent, faults),
    afterSignIn: path("afterSignIn", options.afterSignIn) ?? paths.account ?? "/",
    paths: Object.freeze(paths as PagesPolicy["paths"]),
    ours: new Set((Object.keys(SEGMENTS) as Replaceable[]).filter((name) => options[name] === undefined)),
    diagnosis: options.diagnosis ?? from.loopback,
  })
}

function readAccent(accent: string | undefined, faults: Faults): string | undefined {
  if (accent === undefined) return undefined
  if (!/^#[0-9a-f]{6}$/i.test(accent)) {
    faults.add(
      "pages.accent",
      "pages.accent",
      "it is not a colour of six hex digits",
      'Write it like "#2b4a8b".',
    )
    return undefined
  }
  const measured = contrast(accent, "#ffffff")
  if (measured >= LEAST_CONTRAST) return accent
  const problem = `white text on it has a contrast of ${measured.toFixed(1)}, and ${LEAST_CONTRAST} is the least`
  faults.add("pages.accent", "pages.accent", problem, "Choose a darker colour.")
  return undefined
}

function readOrigins(
  listed: readonly string[],
  from: { readonly loopback: boolean },
  faults: Faults,
): ReadonlySet<string> {
  for (const [index, text] of listed.entries()) {
    const url = URL.parse(text)
    const sound =
      url !== null &&
      url.origin === text &&
      (url.protocol === "https:" || (url.protocol === "http:" && from.loopback && isLoopback(url.hostname)))
    if (sound) continue
    const fix = "Write it like https://app.example.com; http only between loopback origins."
    faults.add(
      "pages.return_origin",
      `pages.returnOrigins.${index}`,
      "it is not exactly one https origin",
      fix,
    )
  }
  return new Set(listed)
}
