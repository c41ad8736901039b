/**
 * "Why am I not signed in?" What this very request shows, and what a script finds out about the browser: in the order of
 * causes, and the first that is wrong is the one to change. It tells a visitor only about the own request.
 */
import { html } from "hono/html"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import type { Reply, RequestView } from "../core/request.ts"
import { cookieNames, probeRoutes } from "./diagnosis-probe.ts"
import { type Markup, page, time } from "./layout.ts"
import { bouncePage, refusedPage } from "./problem.ts"
import { looksSameSite } from "./same-site.ts"
import type { Site } from "./site.ts"
import { fill, only, readVisit, type Visit } from "./visit.ts"
import { cameFromElsewhere, visitorOf } from "./visitor.ts"
import type { DiagnosisWords } from "./words.ts"

type State = keyof DiagnosisWords["state"]
type CheckName = keyof DiagnosisWords["check"]
type Verdict = keyof DiagnosisWords["verdict"]

interface Check {
  readonly name: CheckName
  readonly state: State
  readonly values?: Readonly<Record<string, string>>
}

/** What the service itself saw; undefined when the guard refused before anything was asked. */
interface Seen {
  readonly verdict: Verdict | undefined
  readonly access: keyof DiagnosisWords["access"] | undefined
}

export function diagnosisRoutes(site: Site): readonly FlowRoute[] {
  if (!site.policy.diagnosis) return []
  const path = `${site.basePath}/diagnosis`
  return [
    {
      name: "page-diagnosis",
      method: "GET",
      path,
      // The guard verifies the access token, if there is one: whether it did is part of the answer.
      access: "public",
      summary: 'The page "Why am I not signed in?".',
      async run(call) {
        const visit = readVisit(site, call.view)
        if (cameFromElsewhere(call.view) && !visit.query.has("again"))
          return bouncePage(visit, visit.href(path, { again: "1", from: only(visit.query, "from") }), [])
        return diagnosisPage(
          visit,
          { verdict: await verdictOf(site, call.view), access: accessOf(call) },
          200,
        )
      },
      refused(view, refusal, instance) {
        const visit = readVisit(site, view)
        const { code, status } = refusal.refusal
        return code === "cookie.duplicate" || code === "https.required"
          ? diagnosisPage(visit, { verdict: undefined, access: undefined }, status)
          : refusedPage(visit, refusal, instance, visit.href(path))
      },
    },
    ...probeRoutes(site),
  ]
}

async function verdictOf(site: Site, view: RequestView): Promise<Verdict> {
  const { refresh } = view.credentials
  if (refresh === undefined) return "none"
  const peek = await site.sessions.peek(refresh, "cookie")
  if (peek === undefined) return "foreign"
  if (visitorOf(site, peek) !== undefined) return "good"
  return ["late-parent", "reuse", "rollback"].includes(peek.verdict) ? "safety" : "ended"
}

function accessOf({ view, session }: FlowCall): Seen["access"] {
  if (session !== undefined) return "good"
  return view.credentials.access === undefined ? "none" : "bad"
}

/** In the order of causes: what comes first makes what comes later impossible. */
function checksOf(visit: Visit, { verdict, access }: Seen): readonly Check[] {
  const { site, view } = visit
  const { origin } = site.policy
  const { duplicate } = view.credentials
  const seen = `${view.secure ? "https" : "http"}://${view.header("host") ?? ""}`
  const state = (good: boolean): State => (good ? "good" : "bad")
  const known = verdict === "good"
  const here = URL.parse(`${origin.protocol}//${view.header("host")}`)?.host === origin.host
  return [
    // What was seen stays open while it is right: the script compares the address bar as well.
    { name: "origin", state: state(here), ...(here ? {} : { values: { seen } }) },
    { name: "https", state: state(origin.protocol === "http:" || view.secure) },
    { name: "twice", state: state(duplicate === undefined), values: { cookie: duplicate ?? "" } },
    { name: "csrf", state: "unknown" },
    { name: "cookies", state: "unknown" },
    { name: "someCookies", state: "unknown" },
    { name: "clock", state: "unknown" },
    ...fromChecks(visit),
    {
      name: "session",
      state: verdict === undefined ? "unknown" : state(known),
      values: { verdict: visit.words.diagnosis.verdict[verdict ?? "none"] },
    },
    { name: "access", state: known ? state(access === "good") : "unknown" },
  ]
}

/** The application that sent the visitor here, if it says so: may its pages read and change, and do cookies travel? */
function fromChecks({ site, query }: Visit): readonly Check[] {
  const given = only(query, "from") ?? ""
  const url = URL.parse(given)
  const { origin } = site.policy
  if (url === null || url.origin !== given || url.origin === origin.origin) return []
  const values = { from: given }
  return [
    { name: "from", state: site.corsOrigins.includes(given) ? "good" : "bad", values },
    { name: "site", state: looksSameSite(url, origin) ? "good" : "bad", values },
  ]
}

function diagnosisPage(visit: Visit, seen: Seen, status: number): Reply {
  const { site, words } = visit
  const own = words.diagnosis
  const { origin } = site.policy
  const general = { origin: origin.origin, host: origin.host, refresh: `${site.basePath}/refresh` }
  const checks = checksOf(visit, seen)
  const first = checks.find(({ state }) => state === "bad")
  const say = (text: string, check: Check): string => fill(text, { ...general, ...check.values })
  const headline =
    first === undefined
      ? verdict("good", own.result, own.allWell, own.allWellFix)
      : verdict(
          "bad",
          own.change,
          say(own.check[first.name].bad, first),
          say(own.check[first.name].fix, first),
        )
  return page(visit, {
    title: own.title,
    status,
    script: "diagnosis.js",
    wide: true,
    body: html`<h1>${own.title}</h1>
<p class="lede">${own.lede}</p>
<div id="diagnosis" data-origin="${origin.origin}" data-probe="${site.basePath}/diagnosis/probe" data-title="${own.result}" data-testing="${own.testing}" data-well="${own.allWell}" data-well-fix="${own.allWellFix}" data-change="${own.change}" data-good="${own.state.good}" data-bad="${own.state.bad}" data-yes="${own.fact.yes}" data-no="${own.fact.no}">
${headline}
<p class="quiet plain">${own.noScript}</p>
<section class="group" aria-labelledby="checks"><div><h2 id="checks">${own.checks}</h2></div>
<ol class="rows checks">${checks.map((check) => checkItem(own, check, say))}</ol></section>
${facts(visit, seen)}
<p class="actions"><a class="button second" href="${visit.href(visit.view.path, { from: only(visit.query, "from") })}">${own.again}</a></p>
</div>`,
  })
}

function verdict(state: State, title: string, what: string, fix: string): Markup {
  return html`<section class="verdict ${state}" id="verdict" aria-live="polite"><h2>${title}</h2><p>${what}</p><p>${fix}</p></section>`
}

function checkItem(own: DiagnosisWords, check: Check, say: (text: string, check: Check) => string): Markup {
  const texts = own.check[check.name]
  const [good, bad, fix] = [texts.good, texts.bad, texts.fix].map((text) => say(text, check))
  const shown = check.state === "good" ? good : check.state === "bad" ? bad : ""
  return html`<li class="${check.state}" data-check="${check.name}" data-good="${good}" data-bad="${bad}" data-fix="${fix}"><div><h3>${texts.name}</h3><p>${shown}</p></div><span class="mark">${own.state[check.state]}</span></li>`
}

function facts(visit: Visit, { verdict: refresh, access }: Seen): Markup {
  const { site, view, words } = visit
  const own = words.diagnosis
  const ours = new Set<string>([...Object.values(site.cookies.names), site.cookies.flow("sign_in").name])
  const came = cookieNames(view.headerValues("cookie")).filter((name) => ours.has(name))
  const rows: readonly (readonly [string, string | Markup])[] = [
    [own.fact.origin, site.policy.origin.origin],
    [own.fact.seen, view.header("host") ?? ""],
    [own.fact.cookies, came.length === 0 ? own.fact.noCookies : came.join(", ")],
    [own.fact.refresh, refresh === undefined ? own.fact.notTested : own.verdict[refresh]],
    [own.fact.access, access === undefined ? own.fact.notTested : own.access[access]],
    [own.fact.time, time(visit, site.clock())],
    [own.fact.fetch, FETCH_SITES.find((each) => each === view.header("sec-fetch-site")) ?? "–"],
  ]
  return html`<section class="group" aria-labelledby="facts"><div><h2 id="facts">${own.facts}</h2></div>
<dl class="rows facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
<div><dt>${own.fact.partitioned}</dt><dd id="partitioned">${own.fact.notTested}</dd></div></dl></section>`
}

const FETCH_SITES = ["none", "same-origin", "same-site", "cross-site"]
