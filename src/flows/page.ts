import { html } from "hono/html"
import type { FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import type { FlowParts } from "./parts.ts"

const CACHED = ["cache-control", "public, max-age=3600"] as const

/** The two forms that mails link to. The token stays in the fragment: the script reads it and nobody else sees it. */
export function pageRoutes(parts: FlowParts): readonly FlowRoute[] {
  const { basePath } = parts
  const asset = (name: string, path: string, type: string, body: string): FlowRoute => ({
    name,
    method: "GET",
    path: `${basePath}/${path}`,
    access: "public",
    summary: "Part of the form pages.",
    run: () => ({ status: 200, headers: [["content-type", `${type}; charset=utf-8`], CACHED], body }),
  })
  const form = (name: string, title: string, ask: string, complete: string): FlowRoute => ({
    name: `${name}-page`,
    method: "GET",
    path: `${basePath}/${name}`,
    access: "public",
    summary: "The form a mail links to.",
    run: (): Reply => ({
      status: 200,
      headers: parts.pageHeaders,
      body: String(page({ basePath, title, ask, complete })),
    }),
  })
  return [
    form("register", "Create your account", `${basePath}/register`, `${basePath}/register/complete`),
    form("reset", "Reset your password", `${basePath}/password/forgot`, `${basePath}/password/reset`),
    asset("form-script", "form.js", "text/javascript", SCRIPT),
    asset("form-style", "form.css", "text/css", STYLE),
  ]
}

function page(input: { basePath: string; title: string; ask: string; complete: string }): unknown {
  const { basePath, title } = input
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="stylesheet" href="${basePath}/form.css"><script type="module" src="${basePath}/form.js"></script></head>
<body><main><h1>${title}</h1>
<form id="ask" data-target="${input.ask}" hidden>
<label for="email">Mail address</label><input id="email" name="email" type="email" autocomplete="email" required>
<button>Send me a link</button></form>
<form id="complete" data-target="${input.complete}" hidden>
<label for="password">New password</label><input id="password" name="password" type="password" autocomplete="new-password" minlength="15" maxlength="256" required aria-describedby="hint">
<p id="hint">At least 15 characters. Four unrelated words are good and easy to type.</p>
<button>Save the password</button></form>
<p id="message" role="status" aria-live="polite"></p>
<noscript><p>This page needs JavaScript: the link's secret part is read on your side only.</p></noscript>
</main></body></html>`
}

const SCRIPT = `const token = new URLSearchParams(location.hash.slice(1)).get("token")
if (token !== null) history.replaceState(null, "", location.pathname)
const form = document.getElementById(token === null ? "ask" : "complete")
const message = document.getElementById("message")
form.hidden = false
form.querySelector("input").focus()
form.addEventListener("submit", async (event) => {
  event.preventDefault()
  const button = form.querySelector("button")
  const fields = Object.fromEntries(new FormData(form))
  button.disabled = true
  message.className = ""
  message.textContent = "One moment…"
  try {
    const response = await fetch(form.dataset.target, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(token === null ? fields : { token, ...fields }),
    })
    if (response.ok) {
      form.hidden = true
      message.className = "good"
      message.textContent = done(response.status)
      return
    }
    const problem = await response.json().catch(() => ({}))
    message.className = "bad"
    message.textContent = problem.title ?? "That did not work. Try again in a moment."
  } catch {
    message.className = "bad"
    message.textContent = "The service does not answer. Try again in a moment."
  }
  button.disabled = false
})
function done(status) {
  if (status === 202) return "If the address can be used, a mail is on its way. You can close this page."
  return status === 201 ? "Your account is ready, and you are signed in." : "Your password is changed. Sign in with it."
}
`

const STYLE = `:root{color-scheme:light dark;--ground:#f5f5f1;--card:#fff;--ink:#1d1e1b;--soft:#5d6058;--line:#8b8e84;--green:#1f5f4a;--on:#fff;--red:#a2261d}
@media (prefers-color-scheme:dark){:root{--ground:#151714;--card:#1e211d;--ink:#ebece6;--soft:#a9ada1;--line:#70756a;--green:#8fd1b5;--on:#10231b;--red:#ff9d92}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);color:var(--ink);font:17px/1.55 system-ui,sans-serif}
main{width:min(26rem,100% - 2rem);background:var(--card);padding:2rem;border-radius:14px;box-shadow:0 1px 3px #0002}
h1{font-size:1.45rem;letter-spacing:-.015em;margin:0 0 1.2rem}label{display:block;font-weight:600;margin-bottom:.35rem}
input{width:100%;font:inherit;padding:.65rem .75rem;border:1px solid var(--line);border-radius:8px;background:transparent;color:inherit}
#hint{color:var(--soft);font-size:.9rem;margin:.5rem 0 0}button{width:100%;margin-top:1.2rem;font:inherit;font-weight:600;padding:.7rem;border:0;border-radius:8px;background:var(--green);color:var(--on);cursor:pointer}
button:disabled{opacity:.6;cursor:default}:focus-visible{outline:3px solid var(--green);outline-offset:2px}
#message{min-height:1.5em;margin:1rem 0 0}.good{color:var(--green)}.bad{color:var(--red)}`
