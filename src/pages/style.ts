/** One sheet for every page. System fonts, no other host; light and dark, 360 px to desktop. The variables are the brand. */
export function style(accent: string | undefined): string {
  return `:root {
  color-scheme: light dark;
  --paper: #f7f5f0; --panel: #fffefb; --ink: #171a21; --muted: #575b65; --rule: #dcd7cc; --edge: #868a93;
  --good: #17663f; --bad: #b0261d; --unknown: #62656d; --focus: #2b4a8b;
  --button: ${accent ?? "var(--ink)"}; --on-button: ${accent === undefined ? "var(--paper)" : "#fff"};
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", P052, "Book Antiqua", Georgia, serif;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0e1117; --panel: #151a22; --ink: #ebe7de; --muted: #a3a8b4; --rule: #272d38; --edge: #747b89;
    --good: #74d3a0; --bad: #ff9086; --unknown: #9aa0ac; --focus: #9db8f2;
  }
}
${STYLE}`
}

const STYLE = `
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100svh; display: grid; grid-template-rows: auto 1fr auto;
  background: var(--paper); color: var(--ink);
  font: 400 1rem/1.55 var(--sans); font-kerning: normal; text-rendering: optimizeLegibility;
}
[hidden] { display: none !important; }
h1, h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
a { color: inherit; text-decoration-color: color-mix(in srgb, currentColor 45%, transparent); text-underline-offset: .2em; }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 3px; border-radius: 2px; }
.away { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip:focus { position: fixed; inset: 1rem auto auto 1rem; width: auto; height: auto; clip-path: none; padding: .5rem 1rem; background: var(--panel); z-index: 1; }

header, footer { width: min(68rem, 100% - 2.5rem); margin-inline: auto; }
header { display: flex; justify-content: space-between; align-items: center; gap: 1rem; padding-block: 1.75rem; }
.brand { display: flex; align-items: center; gap: .6rem; font-weight: 600; line-height: 1.2; letter-spacing: -.01em; overflow-wrap: anywhere; }
.brand svg, .brand img { width: 1.5rem; height: 1.5rem; flex: none; object-fit: contain; }
.where { font: .8125rem/1.3 var(--mono); color: var(--muted); overflow-wrap: anywhere; text-align: right; }
footer { display: flex; flex-wrap: wrap; gap: .5rem 1.75rem; padding-block: 1.5rem 1.75rem; border-top: 1px solid var(--rule); font-size: .875rem; color: var(--muted); }

main { width: min(26rem, 100% - 2.5rem); margin-inline: auto; padding-block: clamp(1rem, 5vh, 4rem) 3rem; }
main.wide { width: min(68rem, 100% - 2.5rem); padding-top: clamp(.5rem, 2vh, 1.5rem); }
h1 { font: 400 clamp(2.35rem, 8vw, 3rem)/1.05 var(--serif); letter-spacing: -.025em; text-wrap: balance; }
h2 { font: italic 400 1.5rem/1.2 var(--serif); letter-spacing: -.01em; text-wrap: balance; }
h3 { font: 600 1.0625rem/1.35 var(--sans); letter-spacing: -.011em; }
.lede { margin-top: 1rem; font-size: 1.0625rem; color: var(--muted); text-wrap: pretty; }
.lede b { font-weight: 600; color: var(--ink); overflow-wrap: anywhere; }
.quiet, .hint { font-size: .875rem; color: var(--muted); text-wrap: pretty; }
.quiet { margin-top: 1.25rem; }

form { display: grid; gap: 1.1rem; margin-top: 1.75rem; }
.field { display: grid; gap: .35rem; }
label { font-size: .9375rem; font-weight: 600; }
input { font: inherit; color: inherit; }
input:not([type=checkbox]) { width: 100%; min-height: 3rem; padding: .6rem .85rem; background: var(--panel); border: 1px solid var(--edge); border-radius: 6px; }
input[aria-invalid] { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad); }
input.code { font: 1.5rem/1.2 var(--mono); letter-spacing: .25em; }
.tick { display: flex; align-items: center; gap: .6rem; font-weight: 400; min-height: 1.75rem; }
.tick input { width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--button); }
.secret { position: relative; }
.secret input { padding-right: 3.25rem !important; }
.secret button { position: absolute; inset: 1px 1px 1px auto; width: 3rem; min-height: 0; padding: 0; display: grid; place-items: center; background: none; border: 0; color: var(--muted); }
.secret button svg { width: 1.375rem; height: 1.375rem; }
button, .button { display: inline-flex; justify-content: center; align-items: center; min-height: 3rem; padding: .6rem 1.4rem; font: 600 1rem/1.2 var(--sans); text-align: center; text-decoration: none; color: var(--on-button); background: var(--button); border: 1px solid var(--button); border-radius: 6px; cursor: pointer; }
button:hover, .button:hover { opacity: .88; }
.second { color: var(--ink); background: none; border-color: var(--edge); }
.danger { color: var(--bad); background: none; border-color: var(--bad); }
.small { min-height: 2.5rem; padding: .4rem .95rem; font-size: .9375rem; }
main:not(.wide) form button, .providers .button { width: 100%; }
main:not(.wide) .secret button { width: 3rem; }
.actions { margin-top: 1.75rem; }
.links { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin-top: 1.5rem; font-size: .9375rem; color: var(--muted); }
.links a { color: var(--ink); }
.or { display: flex; align-items: center; gap: 1rem; margin-block: 1.5rem 1.1rem; font-size: .875rem; color: var(--muted); }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--rule); }
.providers { display: grid; gap: .75rem; }

.alert, .notice { padding: .8rem 1rem; background: var(--panel); border-left: 3px solid var(--good); font-size: .9375rem; text-wrap: pretty; }
.alert { border-color: var(--bad); }
.bot-check { display: grid; gap: .75rem; justify-items: start; font-size: .9375rem; color: var(--muted); text-wrap: pretty; }
.bot-check p:empty { display: none; }
h1 + .alert, h1 + .notice { margin-top: 1.5rem; }
.notice + form { margin-top: 1.5rem; }
.reference { margin-top: .25rem; font: .75rem/1.5 var(--mono); color: var(--muted); overflow-wrap: anywhere; }
.complete { margin-top: 2.25rem; padding-top: 1.75rem; border-top: 1px solid var(--rule); }
.complete .paste > p { margin-top: .5rem; color: var(--muted); font-size: .9375rem; }
.complete form { margin-top: 1.25rem; }
.js .plain, .js:not(.has-token) .optional, .js.has-token .ask, .js.has-token .paste { display: none; }
.js.has-token .complete { margin-top: 0; padding-top: 0; border: 0; }
.whence { margin-top: 1.25rem; border-block: 1px solid var(--rule); }
.whence div { display: grid; grid-template-columns: 6rem 1fr; gap: 1rem; padding-block: .6rem; }
.whence div + div { border-top: 1px solid var(--rule); }
.whence dt { color: var(--muted); font-size: .9375rem; }
.whence dd { overflow-wrap: anywhere; }
main > h2 { margin-top: 2rem; }

.top { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: end; gap: 1rem; padding-bottom: 2rem; }
.top form { margin: 0; }
.wide > .notice, .wide > .alert { margin-bottom: 1.5rem; }
.group { display: grid; grid-template-columns: 13rem minmax(0, 1fr); column-gap: 3rem; padding-block: 2.25rem; border-top: 1px solid var(--rule); }
.group > div > p { margin-top: .4rem; font-size: .875rem; color: var(--muted); text-wrap: pretty; }
.rows > li, .rows > div { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .75rem 1.5rem; padding-block: 1.1rem; }
.rows > li > div, .rows > div > div { flex: 1 1 12rem; min-width: 0; }
.rows > :first-child { padding-top: .2rem; }
.rows > :last-child { padding-bottom: 0; }
.rows > * + * { border-top: 1px solid var(--rule); }
.rows p { color: var(--muted); font-size: .9375rem; overflow-wrap: anywhere; }
.rows form { margin: 0; }
.rows .here { color: var(--good); font-weight: 600; font-size: .875rem; white-space: nowrap; }
details { flex: 0 0 100%; }
summary { width: fit-content; cursor: pointer; font-size: .9375rem; text-decoration: underline; text-decoration-color: color-mix(in srgb, currentColor 45%, transparent); text-underline-offset: .2em; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "+"; display: inline-block; width: 1.1rem; font-family: var(--mono); color: var(--muted); }
[open] > summary::before { content: "–"; }
details > form, .inside { flex: 0 0 100%; max-width: 26rem; margin: 1rem 0 .5rem !important; }
.rows .whole { flex: 0 0 100%; }
.rows .whole form { max-width: 26rem; margin: 0 0 .5rem; }
details form button { justify-self: start; }
.events { font-size: .9375rem; }
.events > li { align-items: baseline; gap: .1rem 1.5rem; padding-block: .7rem; }
.events > li > div { flex-basis: 16rem; }
.events time { color: var(--muted); font-size: .875rem; }

.verdict { margin-top: 2rem; padding: 1.25rem 1.5rem; background: var(--panel); border-left: 4px solid var(--tone); }
.verdict h2 { font: 600 .875rem/1.4 var(--sans); letter-spacing: 0; color: var(--tone); }
.verdict p { margin-top: .3rem; font-size: 1.1875rem; line-height: 1.4; text-wrap: pretty; }
.verdict p + p { font-size: 1rem; color: var(--muted); }
.good { --tone: var(--good); } .bad { --tone: var(--bad); } .unknown { --tone: var(--unknown); }
.checks > li { align-items: baseline; flex-wrap: nowrap; }
.checks .mark { font-size: .875rem; font-weight: 600; color: var(--tone); white-space: nowrap; }
.checks .mark::before { content: ""; display: inline-block; width: .7rem; height: .7rem; margin-right: .5rem; border-radius: 50%; background: var(--tone); }
.checks .bad .mark::before { border-radius: 1px; transform: rotate(45deg); }
.checks .unknown .mark::before { background: none; border: 2px dashed var(--tone); }
.facts dt { color: var(--muted); font-size: .875rem; }
.facts dd { font: .875rem/1.5 var(--mono); overflow-wrap: anywhere; }
.facts > div { justify-content: start; align-items: baseline; gap: .1rem 1.5rem; padding-block: .6rem; }
.facts dt { flex: 0 0 14rem; }
.facts dd { flex: 1 1 16rem; min-width: 0; }

@media (max-width: 52rem) {
  .group { grid-template-columns: minmax(0, 1fr); row-gap: 1.5rem; }
}
@media (max-width: 34rem) {
  header { padding-block: 1.25rem; }
}
@media (prefers-reduced-motion: no-preference) { button, .button { transition: opacity .15s; } }
@media (forced-colors: active) { button, .button { border-color: ButtonText; } }
`
