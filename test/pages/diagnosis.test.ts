/** "Why am I not signed in?", as far as the request alone tells. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Answer, openStage, PASSWORD, type Stage, signUp } from "../flows/stage.ts"

const headline = ({ text }: Answer): string =>
  (/id="verdict"[^>]*>(.*?)<\/section>/s.exec(text)?.[1] ?? "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()

describe("the diagnosis", () => {
  let stage: Stage
  let people = 0
  const email = () => `person${people++}@example.com`
  const path = "/auth/diagnosis"
  before(async () => {
    stage = await openStage({ cors: { origins: ["http://localhost:5173"] }, hosts: ["127.0.0.1:4000"] })
  })
  after(() => stage.close())

  it("nobody signed in here: sign in", async () => {
    assert.match(
      headline(await stage.ask(path)),
      /^Change this first No refresh cookie came.*Sign in again\.$/,
    )
  })

  it("all well for who is signed in", async () => {
    const browser = await signUp(stage, email())
    const page = await browser.ask(path)
    assert.match(headline(page), /All is well here/)
    assert.deepEqual(page.setCookies, [])
    // Names of cookies are told, never a value.
    for (const value of browser.jar.values()) assert.ok(!page.text.includes(value))
  })

  it("no access token: the application has to refresh", async () => {
    const browser = await signUp(stage, email())
    for (const name of [...browser.jar.keys()]) if (name.includes("access")) browser.jar.delete(name)
    assert.match(headline(await browser.ask(path)), /no valid access token.*POST \/auth\/refresh/)
  })

  it("a session that has ended, a cookie of another service, and one out of a backup", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const ended = browser.copy()
    await browser.post("/auth/logout")
    assert.match(headline(await ended.ask(path)), /session has ended/)
    for (const [name, value] of ended.jar)
      if (name.includes("refresh")) ended.jar.set(name, `${value.slice(0, -4)}AAAA`)
    assert.match(headline(await ended.ask(path)), /none of this service/)
    const other = stage.browser()
    await other.post("/auth/login", { email: address, password: PASSWORD })
    const old = other.copy()
    for (let turn = 0; turn < 2; turn++) {
      await stage.tick(60_000)
      assert.equal((await other.post("/auth/refresh")).status, 200)
    }
    assert.match(headline(await old.ask(path)), /ended for safety/)
    assert.equal((await other.ask("/auth/me")).status, 200, "looking ended it")
  })

  it("a cookie that came twice, which every other request is refused for", async () => {
    const browser = await signUp(stage, email())
    const [name = "", value = ""] = [...browser.jar].find(([each]) => each.includes("access")) ?? []
    const page = await stage.ask(path, { headers: { cookie: `${name}=${value}; ${name}=x` } })
    assert.equal(page.status, 400)
    assert.match(headline(page), /came twice.*Delete the cookies/)
    assert.ok(headline(page).includes(name))
    assert.ok(!page.text.includes(value))
  })

  it("another address than the configured one comes before everything else", async () => {
    const page = await stage.ask(path, { headers: { host: "127.0.0.1:4000" } })
    assert.match(
      headline(page),
      /opened as http:\/\/127\.0\.0\.1:4000, but .*Open http:\/\/localhost:\d+ instead/,
    )
  })

  it("the application's origin: not listed, of another site, listed; nonsense is ignored", async () => {
    const from = (origin: string) => stage.ask(`${path}?${new URLSearchParams({ from: origin })}`)
    assert.match(
      headline(await from("http://localhost:8080")),
      /not listed.*Add http:\/\/localhost:8080 to cors\.origins/,
    )
    const listed = await from("http://localhost:5173")
    assert.match(headline(listed), /No refresh cookie/)
    assert.match(listed.text, /http:\/\/localhost:5173 and this service are one site/)
    assert.match((await from("https://app.example.com")).text, /class="bad" data-check="site"/)
    for (const nonsense of ["javascript:alert(1)", "https://a.example/<script>", '"><script>', "a"]) {
      const page = await from(nonsense)
      assert.doesNotMatch(page.text, /data-check="from"/, nonsense)
      assert.doesNotMatch(page.text, /<script>|javascript:/)
    }
  })

  it("probes hold nothing, come back by name, and end with the answer", async () => {
    const browser = stage.browser()
    const planted = await browser.post(`${path}/probe`)
    assert.equal(planted.status, 204)
    assert.equal(planted.setCookies.length, 5)
    for (const cookie of planted.setCookies)
      assert.match(cookie, /^[\w-]*nightlatch_probe_\w+=1; Max-Age=60; Path=\/; Secure; HttpOnly; SameSite=/)
    const read = await browser.ask(`${path}/probe`)
    assert.deepEqual(read.json.missing, [])
    assert.ok(Number(read.json.now) >= 1_800_000_000_000)
    assert.equal(browser.jar.size, 0)
    assert.deepEqual((await browser.ask(`${path}/probe`)).json.seen, [])
    const foreign = await browser.ask(`${path}/probe`, {
      method: "POST",
      headers: { origin: "https://evil.example" },
    })
    assert.equal(foreign.status, 403)
  })

  it("speaks German too", async () => {
    const page = await stage.ask(`${path}?lang=de`)
    assert.match(headline(page), /^Ändern Sie das zuerst/)
  })

  it("https: clear text on an https origin is the one thing, before any cookie", async (t) => {
    const secure = await openStage({
      origin: "https://id.example.com",
      pages: { diagnosis: true },
      mail: { smtpUrl: "smtp://127.0.0.1:1", from: "accounts@example.com" },
    })
    t.after(() => secure.close())
    const page = await secure.ask(path, { headers: { host: "id.example.com" } })
    assert.equal(page.status, 403)
    assert.match(headline(page), /in clear.*NIGHTLATCH_TRUSTED_PROXIES/)
  })
})
