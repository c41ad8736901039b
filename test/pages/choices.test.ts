/** Pages that are replaced, switched off or branded, and the part of every page that an operator relies on. */
import assert from "node:assert/strict"
import { describe, it, type TestContext } from "node:test"
import type { NightlatchOptions } from "../../src/index.ts"
import { createPages, readPages } from "../../src/pages/index.ts"
import { openStage, PASSWORD, signUp } from "../flows/stage.ts"
import { press } from "./form.ts"

async function open(t: TestContext, options: Partial<NightlatchOptions>) {
  const stage = await openStage(options)
  t.after(() => stage.close())
  return stage
}

describe("pages by choice", () => {
  it("a replaced page leads on, with its query; links and redirects name the replacement", async (t) => {
    const stage = await open(t, { pages: { signIn: "/hello", register: "/join", account: "/me" } })
    const lead = await stage.ask("/auth/sign-in?return=/x")
    assert.deepEqual([lead.status, lead.headers.location], [303, "/hello?return=/x"])
    // The token is in the fragment, which browsers carry along.
    assert.equal((await stage.ask("/auth/register")).headers.location, "/join")
    assert.match((await stage.ask("/auth/reset")).text, /href="\/hello"/)
    assert.equal((await stage.ask("/auth/form/sign-in", { method: "POST" })).status, 404)
    const browser = await signUp(stage, "someone@example.com")
    const out = await press(browser, "/auth/form/sign-out")
    assert.equal(out.headers.location, "/hello?done=out")
  })

  it("a page that is off is not there, and nothing links to it", async (t) => {
    const stage = await open(t, {
      pages: { register: "off", reset: "off", account: "off", diagnosis: false },
    })
    for (const page of ["register", "reset", "settings", "diagnosis", "diagnosis/probe"])
      assert.equal((await stage.ask(`/auth/${page}`)).status, page === "register" ? 405 : 404, page)
    const page = await stage.ask("/auth/sign-in")
    assert.doesNotMatch(page.text, /register|reset|settings|diagnosis/)
    await signUp(stage, "someone@example.com")
    const answer = await press(stage.browser(), "/auth/form/sign-in", {
      email: "someone@example.com",
      password: PASSWORD,
    })
    assert.equal(answer.headers.location, "/")
  })

  it("without mail links and registration the sign-in page offers neither", async (t) => {
    const stage = await open(t, { emailLink: { enabled: false }, registration: "closed" })
    const page = await stage.ask("/auth/sign-in")
    assert.doesNotMatch(page.text, /Mail me a link|Create an account/)
    assert.match((await stage.ask("/auth/register")).text, /Nobody can register here/)
  })

  it("a listed origin is reached over a page, another one never", async (t) => {
    const stage = await open(t, { pages: { returnOrigins: ["http://localhost:5173"] } })
    await signUp(stage, "someone@example.com")
    const signIn = (target: string) =>
      press(stage.browser(), `/auth/form/sign-in?${new URLSearchParams({ return: target })}`, {
        email: "someone@example.com",
        password: PASSWORD,
      })
    const answer = await signIn("http://localhost:5173/orders")
    assert.equal(answer.headers.location, "/auth/continue?return=http%3A%2F%2Flocalhost%3A5173%2Forders")
    const page = await stage.ask(String(answer.headers.location))
    assert.match(page.text, /content="0; url=http:\/\/localhost:5173\/orders"/)
    assert.equal((await signIn("http://localhost:5174/")).headers.location, "/auth/settings")
    const foreign = await stage.ask("/auth/continue?return=https://evil.example")
    assert.match(foreign.text, /url=\/auth\/settings"/)
    assert.doesNotMatch(foreign.text, /evil/)
  })

  it("brand: name, picture and colour", async (t) => {
    const stage = await open(t, {
      pages: { name: "Field <Library>", logoUrl: "/logo.svg", accent: "#2b4a8b" },
    })
    const page = await stage.ask("/auth/sign-in")
    assert.match(page.text, /<title>Sign in · Field &lt;Library&gt;<\/title>/)
    assert.match(page.text, /<img src="\/logo\.svg" alt=""/)
    assert.match((await stage.ask("/auth/style.css")).text, /--button: #2b4a8b; --on-button: #fff/)
  })

  it("every page has the content policy, no inline script or style, and is kept by nobody", async (t) => {
    const stage = await open(t, {})
    for (const path of [
      "sign-in",
      "register",
      "reset",
      "check-mail",
      "email-link?token=x",
      "diagnosis",
      "settings",
    ]) {
      const browser = await signUp(stage, `${path.replace(/\W.*/, "")}@example.com`)
      const page = await browser.ask(`/auth/${path}`)
      assert.match(
        String(page.headers["content-security-policy"]),
        /default-src 'none'.*script-src 'self'.*form-action 'self'.*frame-ancestors 'none'/,
      )
      assert.equal(page.headers["cache-control"], "no-store")
      assert.equal(page.headers["referrer-policy"], "same-origin")
      assert.doesNotMatch(page.text, /<style|style="|\son\w+=|<script(?! src="\/auth\/)/)
    }
  })
})

describe("pages for flows of others", () => {
  const policy = readPages(
    {},
    { origin: new URL("https://id.example.com"), basePath: "/auth", loopback: false },
    { add: assert.fail } as never,
  )
  const pages = createPages({
    basePath: "/auth",
    policy,
    headers: [["content-type", "text/html; charset=utf-8"]],
    minimumPassword: 15,
  } as never)
  const view = { path: "/auth/oauth/x/callback", query: "", header: () => undefined, headerValues: () => [] }
  const call = { view, session: undefined, params: {}, body: assert.fail } as never

  it("bounce: 200, the headers, and a path of our own or the default", () => {
    for (const [given, target] of [
      ["/orders?open=1", "/orders?open=1"],
      ["https://evil.example", "/auth/settings"],
      ["//evil.example", "/auth/settings"],
    ]) {
      const reply = pages.bounce(call, given ?? "", [["set-cookie", "a=b"]])
      assert.equal(reply.status, 200)
      assert.ok(reply.headers.some(([name, value]) => name === "set-cookie" && value === "a=b"))
      assert.ok(
        reply.body?.includes(`content="0; url=${target}"`) && reply.body.includes(`href="${target}"`),
        given,
      )
    }
  })

  it("problem: the status, the headers, the words for the code or its title, and a way on", () => {
    const kind = { status: 403, code: "oauth.refused", title: "The provider said no." }
    const refusal = {
      kind: "refusal",
      refusal: kind,
      reason: "private",
      headers: [["retry-after", "7"]],
    } as never
    const reply = pages.problem(call, refusal, undefined)
    assert.equal(reply.status, 403)
    assert.ok(reply.headers.some(([name]) => name === "retry-after"))
    assert.match(reply.body ?? "", /The provider said no\./)
    assert.match(reply.body ?? "", /href="\/auth\/sign-in"/)
    assert.doesNotMatch(reply.body ?? "", /private/)
    assert.match(
      pages.problem(call, refusal, "/auth/settings").body ?? "",
      /href="\/auth\/settings">Try again/,
    )
  })
})
