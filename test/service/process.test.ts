import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { ask, command, cookiesOf, killAll, openFolder, type Running, serve } from "./process.ts"

const PASSWORD = "violet kettle ninety moss"
const EMAIL = "someone@example.com"
const run = promisify(execFile)

after(killAll)

const modeOf = (path: string) => statSync(path).mode & 0o777
const login = (port: number, email: string = EMAIL) =>
  ask(port, "/auth/login", { json: { email, password: PASSWORD } })

/** A sign-in of which the head has arrived. @returns what sends the body and tells the status */
async function loginWithoutBody(port: number): Promise<() => Promise<number>> {
  const body = JSON.stringify({ email: EMAIL, password: PASSWORD })
  const headers = {
    host: `localhost:${port}`,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    expect: "100-continue",
  }
  const sent = request({
    port,
    host: "127.0.0.1",
    path: "/auth/login",
    method: "POST",
    agent: false,
    headers,
  })
  const answer = once(sent, "response")
  answer.catch(() => {})
  sent.flushHeaders()
  await once(sent, "continue")
  return async () => {
    sent.end(body)
    const [response] = await answer
    response.resume()
    return response.statusCode
  }
}

async function until(what: () => Promise<boolean>, milliseconds: number): Promise<number> {
  const began = performance.now()
  while (!(await what()) && performance.now() - began < milliseconds) {
    await new Promise((later) => setTimeout(later, 25))
  }
  return performance.now() - began
}

describe("the service as a process", () => {
  const folder = openFolder()
  let service: Running

  before(async () => {
    await run("git", ["init", "-q"], { cwd: folder.path })
    service = await serve(folder.path)
  })
  after(async () => {
    await service.stop("SIGKILL")
    folder.remove()
  })

  it("made a secret that git ignores and a database that only its user reads, and says so", async () => {
    assert.equal(modeOf(join(folder.path, ".env")), 0o600)
    assert.match(readFileSync(join(folder.path, ".env"), "utf8"), /^NIGHTLATCH_SECRET=nl_secret_\S{43}$/m)
    assert.match(readFileSync(join(folder.path, ".gitignore"), "utf8"), /^\.env$/m)
    const { stdout } = await run("git", ["status", "--porcelain"], { cwd: folder.path })
    assert.equal(stdout, "?? .gitignore\n")
    assert.equal(modeOf(join(folder.path, "data")), 0o700)
    assert.equal(modeOf(join(folder.path, "data", "nightlatch.db")), 0o600)
    assert.equal(modeOf(join(folder.path, "data", "inbox-key")), 0o600)
    assert.match(service.output.text, /\.env/)
    assert.match(service.output.text, new RegExp(`http://localhost:${service.port}/`))
    const secret = /nl_secret_\S{43}/.exec(readFileSync(join(folder.path, ".env"), "utf8"))?.[0] ?? ""
    assert.ok(!service.output.text.includes(secret))
  })

  it("answers health checks, its own host only, and nothing else to strangers", async () => {
    assert.deepEqual((await ask(service.port, "/healthz")).status, 200)
    assert.deepEqual((await ask(service.port, "/readyz")).status, 200)
    for (const host of ["evil.example", "127.0.0.1", `localhost:${service.port}.evil.example`]) {
      assert.equal((await ask(service.port, "/", { headers: { host } })).status, 421, host)
    }
    assert.match(service.output.text, /the Host \\"evil\.example\\" is neither .*NIGHTLATCH_HOSTS/)
    assert.equal((await ask(service.port, "/orders")).status, 401)
    assert.equal((await ask(service.port, "/", { headers: { "x-forwarded-for": "1.2.3.4" } })).status, 403)
  })

  it("shows the checklist of this very instance, as a page and as JSON", async () => {
    const page = await ask(service.port, "/")
    assert.equal(page.status, 200)
    assert.match(page.text, /<!doctype html>/i)
    const json = await ask(service.port, "/", { headers: { accept: "application/json" } })
    const { lines, counts } = JSON.parse(json.text)
    assert.ok(lines.length >= 15 && counts.fails === 0)
    const key = readFileSync(join(folder.path, "data", "inbox-key"), "utf8").trim()
    assert.ok(!page.text.includes(key) && !json.text.includes(key))
  })

  it("tells a second process that the file is taken", async () => {
    const second = await command(folder.path, ["serve", "--port", "0"])
    assert.equal(second.code, 2)
    assert.match(second.error, /another Nightlatch service runs on this file/)
    assert.doesNotMatch(second.error, /\bat .*\.ts:\d+/)
  })

  it("tells a taken port", async () => {
    const other = openFolder()
    const second = await command(other.path, ["serve", "--port", String(service.port)])
    other.remove()
    assert.equal(second.code, 2)
    assert.match(second.error, /another program listens on this port/)
    assert.match(second.error, /--port 3001/)
  })

  it("hears what the command line does to accounts within two seconds", async () => {
    const made = await command(
      folder.path,
      ["user", "create", EMAIL, "--password-stdin", "--role", "reader"],
      `${PASSWORD}\n`,
    )
    assert.deepEqual([made.code, made.error], [0, ""])
    assert.match(made.out, /^Created someone@example\.com /)
    const signedIn = await login(service.port)
    assert.equal(signedIn.status, 200, signedIn.text)
    const headers = { cookie: cookiesOf(signedIn), origin: `http://localhost:${service.port}` }
    const me = () => ask(service.port, "/auth/me", { headers })
    assert.deepEqual(JSON.parse((await me()).text).roles, ["reader"])

    const roles = (...words: string[]) => command(folder.path, ["user", "roles", EMAIL, ...words])
    assert.equal((await roles()).out, `${EMAIL}: reader\n`)
    assert.equal((await roles("--role", "admin", "--role=editor")).out, `${EMAIL}: admin, editor\n`)
    assert.ok((await until(async () => (await me()).status === 401, 5_000)) < 2_000)
    const refreshed = await ask(service.port, "/auth/refresh", { method: "POST", headers })
    const renewed = { ...headers, cookie: cookiesOf(refreshed) }
    const after = await ask(service.port, "/auth/me", { headers: renewed })
    assert.deepEqual(JSON.parse(after.text).roles, ["admin", "editor"])

    const listed = await command(folder.path, ["user", "list", "--json"])
    const account = JSON.parse(listed.out)
    assert.deepEqual([account.email, account.roles], [EMAIL, ["admin", "editor"]])
    assert.doesNotMatch(listed.out, /argon2/)
    assert.equal((await roles("--none")).out, `${EMAIL}: no roles\n`)
    assert.match((await command(folder.path, ["user", "list"])).out, /someone@example\.com +active/)

    assert.equal((await command(folder.path, ["user", "disable", EMAIL])).code, 0)
    const off = () => ask(service.port, "/auth/me", { headers: renewed })
    assert.ok((await until(async () => (await off()).status === 401, 5_000)) < 2_000)
    assert.equal((await login(service.port)).status, 401)
    assert.equal((await command(folder.path, ["user", "enable", EMAIL])).code, 0)
    assert.equal((await login(service.port)).status, 200)

    const invited = await command(folder.path, ["user", "invite", "guest@example.com"])
    assert.equal(invited.code, 0)
    const key = readFileSync(join(folder.path, "data", "inbox-key"), "utf8").trim()
    const inbox = async () =>
      (
        JSON.parse(
          (
            await ask(service.port, "/auth/dev/inbox", {
              headers: { authorization: `Bearer ${key}`, accept: "application/json" },
            })
          ).text,
        ).messages as { to: string }[]
      ).map(({ to }) => to)
    await until(async () => (await inbox()).includes("guest@example.com"), 10_000)
    assert.ok((await inbox()).includes("guest@example.com"))

    assert.equal((await command(folder.path, ["user", "delete", EMAIL])).code, 0)
    assert.equal((await login(service.port)).status, 401)
    const events = await command(folder.path, ["events", "--json"])
    for (const type of [
      "account.created",
      "account.disabled",
      "account.enabled",
      "account.deleted",
      "account.invited",
    ]) {
      assert.ok(events.out.includes(`"${type}"`), type)
    }
    assert.ok(!events.out.includes(EMAIL), "events keep only the id")
  })

  it("lets go of a client that sends nothing, and of one that sends a byte now and then", async () => {
    const slow = openFolder()
    const config = { overload: { headerSeconds: 1, requestSeconds: 2, idleSeconds: 1 } }
    writeFileSync(join(slow.path, "nightlatch.config.json"), JSON.stringify(config))
    const other = await serve(slow.path)
    const lasts = (first: string) =>
      new Promise<number>((resolve) => {
        const began = performance.now()
        const socket = connect(other.port, "127.0.0.1", () => socket.write(first))
        const drip = setInterval(() => socket.write("a"), 300)
        socket.on("error", () => {})
        socket.resume()
        socket.on("close", () => {
          clearInterval(drip)
          resolve(performance.now() - began)
        })
      })
    const head = `POST /auth/login HTTP/1.1\r\nHost: localhost:${other.port}\r\n`
    const times = await Promise.all([
      lasts("GET /"),
      lasts(`${head}X-Slow: `),
      lasts(`${head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`),
    ])
    for (const time of times) assert.ok(time < 6_000, times.join(" "))
    assert.equal((await ask(other.port, "/healthz")).status, 200)
    await other.stop("SIGTERM")
    slow.remove()
  })
})

describe("a service with a public origin", () => {
  const token = "nl_secret_h5Lk2PzQw8XcV1bN6mT9rY3uJ0dF7gSaE4iOoKpRtZM"
  const folder = openFolder()
  let service: Running
  const https = { host: "api.example.com", "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9" }

  before(async () => {
    service = await serve(folder.path, [], {
      NIGHTLATCH_ORIGIN: "https://api.example.com",
      NIGHTLATCH_SECRET: "nl_secret_Vq3xT0mJ8sYc4bWzR7uKpE1aHnGdL5iO9fXtZ2vQkBw",
      NIGHTLATCH_SMTP_URL: "smtps://mailer:word@127.0.0.1:1",
      NIGHTLATCH_MAIL_FROM: "accounts@example.com",
      NIGHTLATCH_TRUSTED_PROXIES: "127.0.0.0/8",
      NIGHTLATCH_HOSTS: "10.0.0.5:3000",
      NIGHTLATCH_OPERATOR_TOKEN: token,
    })
  })
  after(async () => {
    await service.stop("SIGKILL")
    folder.remove()
  })

  it("has no inbox, writes no secret, and shows the checklist to the operator only", async () => {
    assert.ok(!existsSync(join(folder.path, ".env")))
    assert.equal((await ask(service.port, "/auth/dev/inbox", { headers: https })).status, 404)
    assert.equal((await ask(service.port, "/", { headers: https })).status, 401)
    const bearer = { ...https, authorization: `Bearer ${token}` }
    const seen = await ask(service.port, "/", { headers: { ...bearer, accept: "application/json" } })
    assert.equal(seen.status, 200)
    assert.match(String(seen.headers["strict-transport-security"]), /max-age=31536000/)
    assert.equal((await ask(service.port, `/?token=${token}`, { headers: https })).status, 401)
  })

  it("refuses plain http, whoever says what about it", async () => {
    const plain = await ask(service.port, "/auth/me", { headers: { ...https, "x-forwarded-proto": "http" } })
    assert.ok([400, 403, 421, 426].includes(plain.status), String(plain.status))
    const none = await ask(service.port, "/auth/me", { headers: { host: "api.example.com" } })
    assert.equal(none.status, plain.status)
  })

  it("answers health checks by plain http, by the origin's name or a listed one", async () => {
    for (const host of ["api.example.com", "10.0.0.5:3000"]) {
      for (const [path, text] of [
        ["/healthz", "alive\n"],
        ["/readyz", "ready\n"],
      ] as const) {
        const probed = await ask(service.port, path, { headers: { host } })
        assert.deepEqual([probed.status, probed.text], [200, text], `${host} ${path}`)
        assert.equal(probed.headers["x-content-type-options"], "nosniff")
      }
    }
    assert.equal((await ask(service.port, "/healthz", { headers: { host: "evil.example" } })).status, 421)
  })
})

describe("stopping and dying", () => {
  it("finishes what is in flight when it is told to stop", async () => {
    const folder = openFolder()
    await command(folder.path, ["user", "create", EMAIL, "--password-stdin"], `${PASSWORD}\n`)
    const service = await serve(folder.path)
    // The 100 tells that the request is in flight; its body comes when the service was told to stop.
    const requests = await Promise.all(Array.from({ length: 3 }, () => loginWithoutBody(service.port)))
    const stopped = service.stop("SIGTERM")
    await until(async () => service.output.text.includes("stopping"), 20_000)
    for (const status of await Promise.all(requests.map((finish) => finish())))
      assert.ok(status === 200 || status === 429, String(status))
    const code = await stopped
    assert.equal(code, 0)
    assert.ok(!existsSync(join(folder.path, "data", "inbox-key")))
    assert.match(service.output.text, /"msg":"stopped"/)
    folder.remove()
  })

  it("keeps every session through kill -9", async () => {
    const folder = openFolder()
    await command(folder.path, ["user", "create", EMAIL, "--password-stdin"], `${PASSWORD}\n`)
    let service = await serve(folder.path, ["--tolerated-delay", "0.2", "--origin", "http://localhost:3000"])
    const host = { host: "localhost:3000", origin: "http://localhost:3000" }
    let cookie = cookiesOf(
      await ask(service.port, "/auth/login", { json: { email: EMAIL, password: PASSWORD }, headers: host }),
    )
    for (let death = 0; death < 3; death++) {
      await new Promise((later) => setTimeout(later, 1_700))
      const answer = ask(service.port, "/auth/refresh", { method: "POST", headers: { ...host, cookie } })
      answer.catch(() => {})
      await new Promise((later) => setTimeout(later, death * 2))
      await service.stop("SIGKILL")
      const got = await answer.catch(() => undefined)
      if (got?.status === 200) cookie = mergeCookies(cookie, cookiesOf(got))
      service = await serve(folder.path, ["--tolerated-delay", "0.2", "--origin", "http://localhost:3000"])
      const again = await ask(service.port, "/auth/refresh", { method: "POST", headers: { ...host, cookie } })
      assert.equal(again.status, 200, `death ${death}: ${again.text}`)
      cookie = mergeCookies(cookie, cookiesOf(again))
      const me = await ask(service.port, "/auth/me", { headers: { ...host, cookie } })
      assert.equal(me.status, 200)
    }
    await service.stop("SIGTERM")
    folder.remove()
  })

  it("refuses a database that others can read, and one that is newer than the program", async () => {
    const folder = openFolder()
    assert.equal((await command(folder.path, ["migrate"])).code, 0)
    const path = join(folder.path, "data", "nightlatch.db")
    chmodSync(path, 0o644)
    const open = await command(folder.path, ["serve", "--port", "0"])
    assert.equal(open.code, 2)
    assert.match(open.error, /chmod 600/)
    chmodSync(path, 0o600)
    const { DatabaseSync } = await import("node:sqlite")
    const raw = new DatabaseSync(path)
    raw.exec("PRAGMA user_version = 9999")
    raw.close()
    const newer = await command(folder.path, ["serve", "--port", "0"])
    assert.notEqual(newer.code, 0)
    assert.match(newer.error, /newer/)
    folder.remove()
  })

  it("tells an old Node what it needs", async (t) => {
    const version = await run("/usr/bin/node", ["--version"]).then(
      ({ stdout }) => stdout,
      () => "",
    )
    if (!/^v(?:1\d|20|22)\./.test(version)) return t.skip("there is no old Node on this machine")
    const bin = fileURLToPath(new URL("../../bin/nightlatch.js", import.meta.url))
    await assert.rejects(run("/usr/bin/node", [bin, "serve"]), /needs Node 24\.7 or newer/)
    return undefined
  })
})

/** Later values win, as in a browser. */
function mergeCookies(old: string, fresh: string): string {
  const pairs = [...old.split("; "), ...fresh.split("; ")]
    .filter((pair) => pair.includes("="))
    .map((pair) => [pair.slice(0, pair.indexOf("=")), pair] as const)
  return [...new Map(pairs).values()].join("; ")
}
