import { html } from "hono/html"
import type { FlowCall, FlowRoute } from "../../core/flow.ts"
import { renderRefusal } from "../../core/problem.ts"
import { type HeaderList, jsonReply, type Reply } from "../../core/request.ts"
import { type RefusalKind, refuse } from "../../core/verdict.ts"
import type { DevelopmentGate } from "./development-gate.ts"
import type { Inbox, InboxMail } from "./inbox.ts"

/** The same as for a path that does not exist: from outside there is no inbox. */
const NOT_FOUND: RefusalKind = { status: 404, code: "route.unknown", title: "There is nothing here." }

/** For a person at this very machine, who has opened the address without the key. */
const KEY_MISSING: RefusalKind = {
  status: 404,
  code: "inbox.key",
  title: "The inbox opens by the link with its key, which the terminal of the service shows.",
}

/** The development inbox as a page and as JSON. */
export function inboxRoutes(input: {
  readonly inbox: Inbox
  readonly gate: DevelopmentGate
  readonly basePath: string
  readonly pageHeaders: HeaderList
}): readonly FlowRoute[] {
  const { inbox, gate, basePath } = input
  const path = `${basePath}/dev/inbox`
  const hidden = (): Reply => renderRefusal(refuse(NOT_FOUND, "not a local peer with the inbox's key"))

  function show({ view }: FlowCall): Reply {
    const key = new URLSearchParams(view.query).get("key")
    if (key !== null) {
      if (!gate.isLocal(view) || !gate.isKey(key)) return hidden()
      // Out of the address bar and the history, into a cookie.
      const headers: HeaderList = [
        ["location", path],
        ["set-cookie", gate.cookie],
        ["cache-control", "no-store"],
        ["referrer-policy", "no-referrer"],
      ]
      return { status: 303, headers, body: null }
    }
    if (!gate.admits(view)) {
      const person = gate.isLocal(view) && (view.header("accept") ?? "").includes("text/html")
      return person ? renderRefusal(refuse(KEY_MISSING, "a local browser without the inbox's key")) : hidden()
    }
    if ((view.header("accept") ?? "").includes("application/json"))
      return jsonReply(200, { messages: inbox.list().map(asJson) }, [["vary", "Accept"]])
    return {
      status: 200,
      headers: [...input.pageHeaders, ["vary", "Accept"]],
      body: String(page(inbox.list(), path)),
    }
  }

  return [
    {
      name: "dev-inbox",
      method: "GET",
      path,
      access: "public",
      summary: "The development inbox.",
      run: show,
    },
    {
      name: "dev-inbox-style",
      method: "GET",
      path: `${path}.css`,
      access: "public",
      summary: "Its style sheet.",
      run: ({ view }) =>
        gate.isLocal(view)
          ? {
              status: 200,
              headers: [
                ["content-type", "text/css; charset=utf-8"],
                ["cache-control", "no-store"],
              ],
              body: STYLE,
            }
          : hidden(),
    },
  ]
}

function asJson({ at, to, subject, text, link, code }: InboxMail): object {
  return {
    at: new Date(at).toISOString(),
    to,
    subject,
    text,
    link: link ?? null,
    token: link?.split(/[#?]token=/)[1] ?? null,
    code: code ?? null,
  }
}

function page(mails: readonly InboxMail[], path: string): unknown {
  const list =
    mails.length === 0
      ? html`<p class="empty">No mail yet. Register an address, and it arrives here.</p>`
      : mails.map(
          (mail) =>
            html`<article><header><h2>${mail.subject}</h2><p>to <b>${mail.to}</b> · <time>${new Date(mail.at).toISOString().slice(11, 19)} UTC</time></p></header><pre>${mail.text.trim()}</pre>${mail.link === undefined ? "" : html`<a class="open" href="${mail.link}">Open the link</a>`}</article>`,
        )
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Inbox · Nightlatch</title><link rel="stylesheet" href="${path}.css"></head><body><main><h1>Development inbox</h1><p class="note">Mails of this process, in memory. Only this machine sees them, and only without SMTP.</p>${list}</main></body></html>`
}

const STYLE = `:root{color-scheme:light dark;--ground:#f5f5f1;--card:#fff;--ink:#1d1e1b;--soft:#62645d;--line:#dcdcd4;--green:#1f5f4a}
@media (prefers-color-scheme:dark){:root{--ground:#151714;--card:#1e211d;--ink:#ebece6;--soft:#a2a69b;--line:#343832;--green:#8fd1b5}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:44rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}h1{font-size:1.7rem;letter-spacing:-.02em;margin:0}
.note,.empty,header p{color:var(--soft)}header p{margin:.2rem 0 0;font-size:.9rem}h2{font-size:1.05rem;margin:0}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.25rem;margin:1rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:.92rem/1.5 ui-monospace,monospace;margin:1rem 0}
.open{display:inline-block;padding:.5rem 1rem;border-radius:8px;border:1px solid var(--green);color:var(--green);text-decoration:none;font-weight:600}
.open:focus-visible{outline:3px solid var(--green);outline-offset:2px}`
