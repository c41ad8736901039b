import { html, raw } from "hono/html"
import type { Challenge } from "../checklist/bot-check/index.ts"
import type { HeaderList, Reply } from "../core/request.ts"
import { LANGUAGES } from "../flows/language.ts"
import { EMBLEM } from "./emblem.ts"
import type { Visit } from "./visit.ts"
import { PAGE_WORDS } from "./visit.ts"

/** A piece of a page; what is put into it is escaped. */
export type Markup = ReturnType<typeof html>

export interface PageInput {
  readonly title: string
  readonly body: Markup
  readonly status?: number
  readonly headers?: HeaderList
  /** Something was refused: the title says so first, for screen readers. */
  readonly refused?: boolean
  /** The account page is wider than a form. */
  readonly wide?: boolean
  /** Goes on by itself, to a path that was checked. */
  readonly refresh?: string
  readonly script?: "diagnosis.js"
  /** The page has a form that asks for it. */
  readonly botCheck?: Challenge | undefined
}

export function page(visit: Visit, input: PageInput): Reply {
  const { site, words, language } = visit
  const { policy, basePath } = site
  const file = (name: keyof typeof site.versions) => `${basePath}/${name}?v=${site.versions[name]}`
  const logo =
    policy.logoUrl === undefined
      ? raw(`<svg viewBox="0 0 24 24" aria-hidden="true">${EMBLEM}</svg>`)
      : html`<img src="${policy.logoUrl}" alt="" width="28" height="28">`
  const scripts = [input.script, input.botCheck === undefined ? undefined : "bot-check.js"] as const
  const widget = input.botCheck !== undefined && input.botCheck.provider !== "altcha"
  const title = input.refused === true ? `${words.layout.error}: ${input.title}` : input.title
  const body = html`<!doctype html>
<html lang="${language}" data-show="${words.layout.show}" data-hide="${words.layout.hide}">
<head>
<meta charset="utf-8">
<title>${title} · ${policy.name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${input.refresh === undefined ? "" : html`<meta http-equiv="refresh" content="0; url=${input.refresh}">`}
<link rel="icon" href="${basePath}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${file("style.css")}">
<script src="${file("pages.js")}"></script>
${scripts.map((each) => (each === undefined ? "" : html`<script src="${file(each)}" defer></script>`))}
</head>
<body>
<a class="away skip" href="#content">${words.layout.skip}</a>
<header><span class="brand">${logo}${policy.name}</span>${policy.name === policy.origin.host ? "" : html`<span class="where">${policy.origin.host}</span>`}</header>
<main id="content"${input.wide === true ? raw(' class="wide"') : ""}>
${input.body}
</main>
<footer>${languages(visit)}${policy.diagnosis ? html`<a href="${visit.href(`${basePath}/diagnosis`)}">${words.layout.why}</a>` : ""}</footer>
</body>
</html>
`
  return {
    status: input.status ?? 200,
    headers: [...(widget ? site.widgetHeaders : site.headers), ...(input.headers ?? [])],
    body: String(body),
  }
}

/** The same page in the other languages; nothing remembers the choice but the address. */
function languages({ view, query, language, returnTo }: Visit): Markup[] {
  return LANGUAGES.filter((each) => each !== language).map((each) => {
    const changed = new URLSearchParams(query)
    changed.set("lang", each)
    changed.delete("return")
    if (returnTo !== undefined) changed.set("return", returnTo)
    return html`<a href="${view.path}?${changed}" lang="${each}" hreflang="${each}">${PAGE_WORDS[each].language}</a>`
  })
}

/** What was refused, before everything else of its form. */
export function alert(text: Markup | string | undefined, reference?: string): Markup | "" {
  if (text === undefined) return ""
  return html`<div class="alert" role="alert" id="problem"><p>${text}</p>${reference === undefined ? "" : html`<p class="reference">${reference}</p>`}</div>`
}

/** What was done. */
export function notice(text: string | undefined): Markup | "" {
  return text === undefined ? "" : html`<p class="notice" role="status">${text}</p>`
}

export interface FieldInput {
  readonly id: string
  readonly label: string
  readonly type?: "text" | "email" | "password"
  readonly autocomplete: string
  readonly value?: string | undefined
  readonly hint?: string
  /** For digits: the keyboard of numbers. */
  readonly numeric?: boolean
  readonly minimum?: number
  readonly focus?: boolean
  /** The alert of the form is about this field. */
  readonly wrong?: boolean
  /** Default: the id. */
  readonly name?: string
}

export function field(input: FieldInput): Markup {
  const { id, hint, wrong = false } = input
  const described = [...(wrong ? ["problem"] : []), ...(hint === undefined ? [] : [`${id}-hint`])]
  return html`<div class="field"><label for="${id}">${input.label}</label>
<input id="${id}" name="${input.name ?? id}" type="${input.type ?? "text"}" autocomplete="${input.autocomplete}" required${attribute("value", input.value)}${input.numeric === true ? raw(' inputmode="numeric" maxlength="32" class="code"') : ""}${attribute("minlength", input.minimum?.toString())}${input.type === "email" || input.type === undefined ? raw(' autocapitalize="none" spellcheck="false"') : ""}${wrong ? raw(' aria-invalid="true"') : ""}${described.length === 0 ? "" : attribute("aria-describedby", described.join(" "))}${input.focus === true ? raw(" autofocus") : ""}>
${hint === undefined ? "" : html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`
}

function attribute(name: string, value: string | undefined): Markup | "" {
  return value === undefined ? "" : html` ${raw(name)}="${value}"`
}

/** A point in time: UTC in the words of the language, and for scripts to turn into the reader's own. */
export function time({ language }: Visit, at: number): Markup {
  const shown = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: "UTC",
  }).format(at)
  return html`<time datetime="${new Date(at).toISOString()}">${shown} UTC</time>`
}

/** A sentence with markup in the place of one of its `{…}`. */
export function around(text: string, values: Readonly<Record<string, Markup | string>>): Markup {
  return html`${text.split(/(\{\w+\})/).map((part) => values[part.slice(1, -1)] ?? part)}`
}
