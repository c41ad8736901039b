import type { RequestView } from "../core/request.ts"
import { LANGUAGES, type Language, readLanguage } from "../flows/language.ts"
import type { Replaceable } from "./options.ts"
import { readReturn } from "./return-path.ts"
import type { Site } from "./site.ts"
import type { PageWords } from "./words.ts"
import { GERMAN } from "./words-de.ts"
import { ENGLISH } from "./words-en.ts"

export const PAGE_WORDS: Readonly<Record<Language, PageWords>> = { en: ENGLISH, de: GERMAN }

/** One look at a page: its language, and what its address says. */
export interface Visit {
  readonly site: Site
  readonly view: RequestView
  readonly language: Language
  readonly words: PageWords
  readonly query: URLSearchParams
  /** Where to go on after signing in, if that was asked for and may be. */
  readonly returnTo: string | undefined
  /** An address of ours that keeps the language that was chosen by hand. */
  href(path: string, query?: Readonly<Record<string, string | undefined>>): string
  /** A page that can be replaced; undefined when it is switched off. */
  page(name: Replaceable, query?: Readonly<Record<string, string | undefined>>): string | undefined
}

export function readVisit(site: Site, view: RequestView): Visit {
  const query = new URLSearchParams(view.query)
  const chosen = LANGUAGES.find((each) => each === only(query, "lang"))
  const language = chosen ?? readLanguage(view)
  const href: Visit["href"] = (path, more = {}) => {
    const asked: Readonly<Record<string, string | undefined>> = { lang: chosen, ...more }
    const given = Object.entries(asked).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    )
    if (given.length === 0) return path
    return `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams(given as [string, string][])}`
  }
  return {
    site,
    view,
    language,
    words: PAGE_WORDS[language],
    query,
    returnTo: readReturn(site.policy, only(query, "return")),
    href,
    page(name, more) {
      const path = site.policy.paths[name]
      return path === undefined ? undefined : href(path, more)
    },
  }
}

/** The value of a parameter that came exactly once. */
export function only(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name)
  return values.length === 1 ? values[0] : undefined
}

/** Puts values in the place of `{…}`. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** Where a sign-in ends: what was asked for, or the default. Another origin is reached over a page of ours. */
export function afterSignIn(visit: Visit): string {
  const { site, returnTo } = visit
  if (returnTo === undefined) return visit.href(site.policy.afterSignIn)
  return returnTo.startsWith("/") ? returnTo : visit.href(`${site.basePath}/continue`, { return: returnTo })
}
