import { html, raw } from "hono/html"
import type { LineState } from "../core/facts.ts"
import type { Line, LineId } from "../core/lines.ts"
import type { TryStep } from "./try-it.ts"

/** A piece of a page; what is put into it is escaped. */
type Markup = ReturnType<typeof html>
type State = LineState["state"]

export interface ChecklistRow {
  readonly line: Line
  readonly state: LineState
}

export interface ChecklistView {
  readonly origin: string
  readonly version: string
  readonly rows: readonly ChecklistRow[]
  /** Written reasons of weakenings, by name. */
  readonly unsafe: Readonly<Record<string, string>>
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly steps: readonly TryStep[]
  readonly jwksPath: string
  /** When the lines were read, in milliseconds since 1970. */
  readonly readAt: number
}

const GROUPS: readonly { readonly title: string; readonly ids: readonly LineId[] }[] = [
  { title: "In the browser", ids: ["https", "header", "cors", "csrf", "cookie"] },
  { title: "Staying signed in", ids: ["token", "session"] },
  { title: "Signing in", ids: ["password", "email-link", "oauth"] },
  { title: "Under pressure", ids: ["rate-limit", "proxy", "overload", "bot-check"] },
  { title: "At rest", ids: ["sql", "database", "secret", "event"] },
]

const WORDS: Readonly<Record<State, string>> = {
  holds: "Holds",
  weakened: "Weakened",
  fails: "Fails",
  partial: "Partly built",
}

const STATES: readonly State[] = ["holds", "partial", "weakened", "fails"]

// Told apart by shape as well as by colour: tick, half-filled ring, cross, tick in a dashed ring.
const ICONS: Readonly<Record<State, Markup>> = {
  holds: icon(
    '<circle cx="9" cy="9" r="9" fill="currentColor"/><path d="M4.8 9.3l2.8 2.8 5.6-5.9" fill="none" stroke="var(--paper)" stroke-width="2"/>',
  ),
  weakened: icon(
    '<circle cx="9" cy="9" r="8" fill="none" stroke="currentColor" stroke-width="2"/><path d="M9 1a8 8 0 0 1 0 16z" fill="currentColor"/>',
  ),
  fails: icon(
    '<rect width="18" height="18" rx="3" fill="currentColor"/><path d="M5.2 5.2l7.6 7.6m0-7.6l-7.6 7.6" stroke="var(--paper)" stroke-width="2"/>',
  ),
  partial: icon(
    '<circle cx="9" cy="9" r="8" fill="none" stroke="currentColor" stroke-width="1.75" stroke-dasharray="3.2 3.1"/><path d="M5.4 9.3l2.4 2.4 4.8-5.1" fill="none" stroke="currentColor" stroke-width="1.75"/>',
  ),
}

function icon(paths: string): Markup {
  return raw(`<svg viewBox="0 0 18 18" aria-hidden="true">${paths}</svg>`)
}

/** A night sky with a keyhole in it. */
export const EMBLEM =
  '<path d="M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22z" fill="currentColor"/><path d="M12 6.2a3.3 3.3 0 0 0-1.7 6.1L9.2 17.6h5.6l-1.1-5.3A3.3 3.3 0 0 0 12 6.2z" fill="var(--paper, #f7f5f0)"/>'

export function checklistPage(view: ChecklistView): string {
  const counts = countStates(view.rows)
  const worst: State = counts.fails > 0 ? "fails" : counts.weakened > 0 ? "weakened" : "holds"
  return document(
    `${counts.holds} of ${view.rows.length} lines hold`,
    view.origin,
    html`<main id="content">
<section class="hero ${worst}" aria-labelledby="headline">
<h1 id="headline"><b>${counts.holds}</b> of ${view.rows.length} lines hold</h1>
<p class="lede">${summary(view.rows)}</p>
<nav class="key" aria-label="Every line"><span class="bow"></span><div class="blade">${GROUPS.map((group) => html`<ol class="c${group.ids.length}" aria-label="${group.title}">${rowsOf(view.rows, group.ids).map(tooth)}</ol>`)}</div></nav>
<p class="legend">${STATES.filter((state) => counts[state] > 0).map((state) => html`<span><b>${counts[state]}</b> ${counted(state, counts[state])}</span>`)}</p>
</section>
${GROUPS.map((group) => groupSection(group.title, rowsOf(view.rows, group.ids), view.unsafe))}
<dl class="facts" aria-label="This instance">${view.facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${view.steps.length === 0 ? "" : trySection(view.steps)}
</main>
<footer><span>Nightlatch ${view.version}</span><span>Read at <time datetime="${new Date(view.readAt).toISOString()}">${new Date(view.readAt).toISOString().slice(11, 19)} UTC</time>; reload to read again</span><a href="${view.jwksPath}">Public keys</a><a href="/readyz">Ready?</a><span>As JSON: <code>curl -H 'accept: application/json' ${view.origin}/</code></span></footer>`,
  )
}

/** What somebody sees who may not see the checklist. */
export function gatePage(input: {
  readonly origin: string
  /** What was wrong with the last attempt. */
  readonly wrong: string | undefined
  readonly tokenConfigured: boolean
}): string {
  const body = input.tokenConfigured
    ? html`<p>The checklist of this instance is for its operator.</p>
<form method="post" action="/operator">
<input type="text" name="username" value="operator" autocomplete="username" hidden>
<label for="token">Operator token</label>
${input.wrong === undefined ? "" : html`<p class="wrong" id="wrong" role="alert">${input.wrong}</p>`}
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus ${input.wrong !== undefined ? raw('aria-invalid="true" aria-describedby="wrong"') : ""}>
<button>Show the checklist</button>
</form>`
    : html`<p>The checklist of this instance is for its operator, and no operator token is set.</p>
<p>To see it, start the service with <code>NIGHTLATCH_OPERATOR_TOKEN</code>, at least 32 random bytes; <code>nightlatch secret</code> makes one.</p>`
  return document(
    "Locked",
    input.origin,
    html`<main class="gate" id="content"><h1>Locked.</h1>${body}</main>`,
  )
}

function document(title: string, origin: string, body: Markup): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} · Nightlatch</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="/favicon.ico" type="image/svg+xml">
<link rel="stylesheet" href="/checklist.css">
</head>
<body>
<a class="away skip" href="#content">Skip to the content</a>
<header><a class="brand" href="/">${raw(`<svg viewBox="0 0 24 24" aria-hidden="true">${EMBLEM}</svg>`)}Nightlatch</a><span class="where">${origin}</span></header>
${body}
</body>
</html>
`)
}

function tooth({ line, state }: ChecklistRow): Markup {
  return html`<li class="${state.state}"><a href="#${line.id}" title="${line.title}: ${WORDS[state.state].toLowerCase()}"><i></i><span class="away">${line.title}: ${WORDS[state.state].toLowerCase()}</span></a></li>`
}

function groupSection(title: string, rows: readonly ChecklistRow[], unsafe: ChecklistView["unsafe"]): Markup {
  const holding = rows.filter((row) => row.state.state === "holds").length
  const id = `group-${title.toLowerCase().replaceAll(" ", "-")}`
  return html`<section class="group" aria-labelledby="${id}">
<div><h2 id="${id}">${title}</h2><p class="count">${holding} of ${rows.length} hold</p></div>
<ul>${rows.map((row) => lineItem(row, unsafe))}</ul>
</section>`
}

function lineItem({ line, state }: ChecklistRow, unsafe: ChecklistView["unsafe"]): Markup {
  const reasons =
    state.state === "weakened" ? Object.values(unsafe).filter((reason) => state.why.includes(reason)) : []
  return html`<li class="line ${state.state}" id="${line.id}">
<h3>${line.title}</h3>
<span class="mark">${ICONS[state.state]}${WORDS[state.state]}</span>
<p class="promise">${line.promise}</p>
${reasons.length > 0 ? html`<p class="reason">“${reasons.join("; ")}”</p>` : ""}
<p class="why">${state.why}</p>
${state.missing === undefined ? "" : html`<p class="missing"><b>Not built yet:</b>${state.missing}</p>`}
${state.fix === undefined ? "" : html`<p class="mend"><b>To mend it</b>${state.fix}</p>`}
<p class="source">${line.source}</p>
</li>`
}

function trySection(steps: readonly TryStep[]): Markup {
  return html`<section class="try" aria-labelledby="try">
<h2 id="try">Try it</h2>
<p>Paste these into a second terminal, in order. A click on a command selects all of it.</p>
<ol>${steps.map(
    (step) => html`<li><div><h3>${step.title}</h3><p>${step.about}</p></div>
<div><pre tabindex="0" role="region" aria-label="Command: ${step.title}"><code>${step.command}</code></pre><p class="answer">${step.answer}</p></div></li>`,
  )}</ol>
</section>`
}

function rowsOf(rows: readonly ChecklistRow[], ids: readonly LineId[]): readonly ChecklistRow[] {
  return ids.flatMap((id) => rows.filter((row) => row.line.id === id))
}

function counted(state: State, count: number): string {
  const words: Readonly<Record<State, string>> = {
    holds: count === 1 ? "holds" : "hold",
    weakened: "weakened",
    fails: count === 1 ? "fails" : "fail",
    partial: "partly built",
  }
  return words[state]
}

export function countStates(rows: readonly ChecklistRow[]): Record<State, number> {
  const counts: Record<State, number> = { holds: 0, weakened: 0, fails: 0, partial: 0 }
  for (const row of rows) counts[row.state.state]++
  return counts
}

function summary(rows: readonly ChecklistRow[]): Markup {
  const failing = rows.filter((row) => row.state.state === "fails")
  const weakened = rows.filter((row) => row.state.state === "weakened")
  const first =
    failing.length > 0
      ? html`<strong>${names(failing)} ${failing.length === 1 ? "fails" : "fail"}.</strong> The change that mends ${failing.length === 1 ? "it stands" : "them stands"} beside ${failing.length === 1 ? "it" : "each"}.`
      : html`<strong>Nothing that is built fails.</strong>`
  const second =
    weakened.length === 0
      ? ""
      : html` ${names(weakened)} ${weakened.length === 1 ? "is" : "are"} weakened; why stands beside ${weakened.length === 1 ? "it" : "each"}.`
  const partial = rows.filter((row) => row.state.state === "partial")
  const third =
    partial.length === 0
      ? ""
      : html` ${names(partial)} ${partial.length === 1 ? "holds as far as it is" : "hold as far as they are"} built.`
  return html`${first}${second}${third}`
}

function names(rows: readonly ChecklistRow[]): Markup[] {
  return rows.map((row, index) => {
    const glue = index === 0 ? "" : index === rows.length - 1 ? " and " : ", "
    return html`${glue}<a href="#${row.line.id}">${row.line.title}</a>`
  })
}
