/** The stylesheet of the checklist page. System fonts, no scripts, no other host; light, dark, phone and paper. */
export const CHECKLIST_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f7f5f0; --panel: #fffefb; --ink: #171a21; --muted: #575b65; --rule: #dcd7cc;
  --holds: #17663f; --weakened: #865400; --fails: #b0261d;
  --code: #1a1f2b; --code-ink: #ece8df; --code-muted: #a5abba; --accent: #2b4a8b;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", P052, "Book Antiqua", Georgia, serif;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0e1117; --panel: #151a22; --ink: #ebe7de; --muted: #a3a8b4; --rule: #272d38;
    --holds: #74d3a0; --weakened: #ebb860; --fails: #ff9086;
    --code: #080a0f; --code-ink: #e6e2d9; --code-muted: #8f96a5; --accent: #9db8f2;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 400 1rem/1.55 var(--sans); font-kerning: normal; text-rendering: optimizeLegibility;
}
main, header, footer { width: min(68rem, 100% - 2.5rem); margin-inline: auto; }
a { color: inherit; text-decoration-color: color-mix(in srgb, currentColor 40%, transparent); text-underline-offset: .2em; }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 2px; }
h1, h2, h3, p, ul, ol, dl, dd, pre { margin: 0; padding: 0; }
ul, ol { list-style: none; }
.away { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip:focus { position: fixed; inset: 1rem auto auto 1rem; width: auto; height: auto; clip-path: none; padding: .5rem 1rem; background: var(--panel); z-index: 1; }

header { display: flex; justify-content: space-between; align-items: center; gap: 1rem; padding-block: 1.75rem; }
.brand { display: flex; align-items: center; gap: .6rem; font: 600 1rem/1 var(--sans); letter-spacing: -.01em; text-decoration: none; }
.brand svg { width: 1.5rem; height: 1.5rem; }
.where { font: .8125rem/1.3 var(--mono); color: var(--muted); overflow-wrap: anywhere; text-align: right; }

.hero { padding-block: clamp(1.5rem, 6vw, 4.5rem) clamp(2rem, 5vw, 3.5rem); }
h1 { font: 400 clamp(2.9rem, 9.5vw, 6.25rem)/.98 var(--serif); letter-spacing: -.03em; text-wrap: balance; }
h1 b { font-weight: 400; font-variant-numeric: lining-nums; color: var(--holds); }
.hero.fails h1 b { color: var(--fails); }
.hero.weakened h1 b { color: var(--weakened); }
.lede { max-width: 38rem; margin-top: 1.5rem; font-size: 1.1875rem; line-height: 1.5; color: var(--muted); text-wrap: pretty; }
.lede strong { font-weight: 600; color: var(--ink); }

.key { display: flex; align-items: flex-end; height: 4.5rem; margin-top: clamp(2rem, 5vw, 3.25rem); }
.bow { flex: none; align-self: flex-end; width: 4.5rem; height: 4.5rem; margin-right: -2px; border: .8rem solid var(--ink); border-radius: 50%; }
.blade { flex: 1; display: flex; align-items: flex-end; gap: clamp(.35rem, 1.4vw, 1.1rem); padding: 0 .75rem 0 1.25rem; height: 3.35rem; border-bottom: .8rem solid var(--ink); border-radius: 0 0 .5rem 0; }
.blade ol { display: flex; gap: clamp(1px, .35vw, 4px); height: 100%; flex: var(--cuts); }
.blade ol.c2 { --cuts: 2; } .blade ol.c3 { --cuts: 3; } .blade ol.c4 { --cuts: 4; } .blade ol.c5 { --cuts: 5; }
.key li { flex: 1; min-width: 0; height: 100%; }
.key a { display: flex; height: 100%; align-items: flex-end; text-decoration: none; }
.key i { display: block; width: 100%; border-radius: 3px 3px 0 0; background: var(--tone); transition: opacity .15s; }
.key a:hover i { opacity: .65; }
.key .holds i { height: 100%; }
.key .weakened i { height: 66%; background: repeating-linear-gradient(135deg, var(--tone) 0 4px, transparent 4px 7px); border: 1.5px solid var(--tone); border-bottom: 0; }
.key .fails i { height: 24%; }
.key .partial i { height: 82%; background: linear-gradient(to top, var(--tone) 50%, transparent 50%); border: 1.5px dashed var(--tone); border-bottom: 0; }
.holds { --tone: var(--holds); } .weakened { --tone: var(--weakened); }
.fails { --tone: var(--fails); } .partial { --tone: var(--holds); }
.legend { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; margin-top: .9rem; font-size: .875rem; color: var(--muted); }
.legend b { font-weight: 600; color: var(--ink); font-variant-numeric: tabular-nums; }

.group { display: grid; grid-template-columns: 13rem 1fr; column-gap: 3rem; padding-block: 2.75rem 1rem; border-top: 1px solid var(--rule); }
.group > div { position: sticky; top: 2rem; align-self: start; padding-bottom: 1rem; }
h2 { font: italic 400 1.625rem/1.15 var(--serif); letter-spacing: -.01em; text-wrap: balance; }
.count { margin-top: .4rem; font-size: .875rem; color: var(--muted); font-variant-numeric: tabular-nums; }
.line { display: grid; grid-template-columns: 1fr auto; gap: .3rem 2rem; padding-bottom: 2rem; scroll-margin-top: 2rem; }
.line + .line { padding-top: 1.75rem; border-top: 1px solid var(--rule); }
.line:target h3 { text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: .3em; text-decoration-color: var(--tone); }
h3 { font: 600 1.125rem/1.35 var(--sans); letter-spacing: -.011em; }
.mark { display: inline-flex; align-items: center; gap: .45rem; height: 1.55rem; font-size: .875rem; font-weight: 600; color: var(--tone); white-space: nowrap; }
.mark svg { width: 1.125rem; height: 1.125rem; flex: none; }
.promise, .why, .mend, .source { grid-column: 1 / -1; max-width: 42rem; text-wrap: pretty; }
.promise { font-size: 1.0625rem; line-height: 1.5; }
.why { color: var(--muted); font-size: .9375rem; }
.reason { grid-column: 1 / -1; max-width: 42rem; margin-top: .5rem; font: italic 1.125rem/1.45 var(--serif); color: var(--weakened); }
.mend { margin-top: .5rem; padding: .7rem 1rem; background: var(--panel); border-left: 3px solid var(--tone); font-size: .9375rem; overflow-wrap: anywhere; }
.missing { color: var(--muted); font-size: .9375rem; }
.missing b { margin-right: .4em; font-weight: 600; color: var(--ink); }
.mend b { display: block; font-size: .8125rem; color: var(--tone); }
.source { margin-top: .15rem; font: .75rem/1.5 var(--mono); color: var(--muted); }

.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1.25rem 2.5rem; padding-block: 2rem; border-top: 1px solid var(--rule); }
.facts dt { font-size: .8125rem; color: var(--muted); }
.facts dd { margin-top: .1rem; font: .875rem/1.5 var(--mono); overflow-wrap: anywhere; }

.try { padding-block: clamp(2.5rem, 7vw, 4.5rem) 1rem; border-top: 2px solid var(--ink); }
.try > h2 { font: 400 clamp(2.1rem, 5vw, 3.25rem)/1.05 var(--serif); letter-spacing: -.025em; }
.try > p { max-width: 38rem; margin-top: .9rem; font-size: 1.0625rem; color: var(--muted); text-wrap: pretty; }
.try ol { margin-top: 2.25rem; counter-reset: step; }
.try li { display: grid; grid-template-columns: 13rem minmax(0, 1fr); column-gap: 3rem; padding-bottom: 1.75rem; }
.try h3 { display: flex; gap: .7rem; }
.try h3::before { counter-increment: step; content: counter(step); font: italic 400 1.25rem/1.2 var(--serif); color: var(--muted); min-width: 1.1rem; }
.try li p { margin: .25rem 0 .75rem 1.8rem; font-size: .9375rem; color: var(--muted); }
.answer::before { content: "→ "; }
pre { overflow-x: auto; padding: .95rem 1.15rem; background: var(--code); color: var(--code-ink); border-radius: 6px; font: .8438rem/1.6 var(--mono); tab-size: 2; }
pre code { font: inherit; user-select: all; -webkit-user-select: all; }
.answer { margin: .5rem 0 0 1.15rem; font: .8125rem/1.5 var(--mono); color: var(--muted); overflow-wrap: anywhere; }

footer { display: flex; flex-wrap: wrap; gap: .5rem 1.75rem; margin-top: 2.5rem; padding-block: 1.5rem 3rem; border-top: 1px solid var(--rule); font-size: .875rem; color: var(--muted); }
footer code { font-family: var(--mono); font-size: .8125rem; }

.gate { max-width: 34rem; padding-block: clamp(3rem, 12vh, 8rem); }
.gate h1 { font-size: clamp(2.6rem, 8vw, 4.25rem); }
.gate p { margin-top: 1.25rem; color: var(--muted); }
.gate form { margin-top: 2rem; display: grid; gap: .5rem; }
.gate label { font-size: .875rem; font-weight: 600; }
.gate input { padding: .75rem .9rem; font: 1rem var(--mono); color: var(--ink); background: var(--panel); border: 1px solid var(--muted); border-radius: 6px; }
.gate button { justify-self: start; margin-top: .75rem; padding: .75rem 1.5rem; font: 600 1rem var(--sans); color: var(--paper); background: var(--ink); border: 0; border-radius: 6px; cursor: pointer; }
.gate form .wrong { margin: 0; font-size: .9375rem; color: var(--fails); }
.gate code { font-family: var(--mono); font-size: .9em; color: var(--ink); overflow-wrap: anywhere; }

@media (max-width: 52rem) {
  .group, .try li { grid-template-columns: minmax(0, 1fr); }
  .group { padding-top: 2rem; }
  .group > div { position: static; display: flex; align-items: baseline; justify-content: space-between; gap: 1rem; padding-bottom: 1.5rem; }
  .count { margin: 0; white-space: nowrap; }
}
@media (max-width: 34rem) {
  header { align-items: flex-start; padding-block: 1.25rem; }
  .key { height: 3rem; } .bow { width: 3rem; height: 3rem; border-width: .55rem; } .blade { height: 2.5rem; border-bottom-width: .55rem; padding-inline: .6rem .4rem; }
  .line { grid-template-columns: minmax(0, 1fr); }
  .mark { order: -1; }
  .try li p { margin-left: 0; }
  pre { border-radius: 0; margin-inline: -1.25rem; padding-inline: 1.25rem; white-space: pre-wrap; overflow-wrap: anywhere; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } .key i { transition: none; } }
@media print { .try, .skip { display: none; } .line { break-inside: avoid; } .group > div { position: static; } }
@media (forced-colors: active) { .key i { background: CanvasText; } .key .partial i { height: 82%; background: linear-gradient(to top, var(--tone) 50%, transparent 50%); border: 1.5px dashed var(--tone); border-bottom: 0; }
.key .partial i { background: Canvas; } .bow, .blade { border-color: CanvasText; } }
`
