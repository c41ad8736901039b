/** https by the service itself, over real connections. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { chmodSync, renameSync, writeFileSync } from "node:fs"
import { Agent, type RequestOptions, request } from "node:https"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { connect, type PeerCertificate, type TLSSocket } from "node:tls"
import { createAuthority, type Issued, issueCertificate } from "./certificates.ts"
import { ask, command, freePort, killAll, openFolder, type Running, serve } from "./process.ts"

const authority = createAuthority("Test root")
const ca = authority.certificate
const localhost = (): Issued =>
  issueCertificate({ name: "localhost", names: ["localhost"], issuer: authority })

after(killAll)

/** As renewals do it: beside, then renamed over the old one. */
function put(folder: string, files: Partial<Issued>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, `${name}.pem`)
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
}

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly serial: string
}

function get(port: number, path: string, options: RequestOptions = {}, body?: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "localhost", port, path, ca, agent: false, ...options }, (response) => {
      const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate() as PeerCertificate
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part
      })
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, serial: serialNumber }),
      )
    })
    asked.on("error", reject)
    asked.end(body)
  })
}

/** @returns the version spoken, or the reason why none */
async function handshake(port: number, version: "TLSv1.1" | "TLSv1.2" | "TLSv1.3"): Promise<string> {
  const socket = connect({
    host: "localhost",
    port,
    ca,
    minVersion: version,
    maxVersion: version,
    // The client's own floor is below what is asked here.
    ciphers: "DEFAULT@SECLEVEL=0",
  })
  try {
    await once(socket, "secureConnect")
    return socket.getProtocol() ?? "none"
  } catch {
    return "refused"
  } finally {
    socket.destroy()
  }
}

describe("https by the service itself", () => {
  const folder = openFolder()
  let service: Running
  let redirectPort = 0
  before(async () => {
    put(folder.path, localhost())
    redirectPort = await freePort()
    const words = [
      "--tls-cert",
      "certificate.pem",
      "--tls-key",
      "key.pem",
      "--redirect-port",
      String(redirectPort),
    ]
    service = await serve(folder.path, words, { CI: "" })
  })
  after(async () => {
    await service.stop("SIGKILL")
    folder.remove()
  })

  it("answers by TLS 1.2 and 1.3 under the names of an https origin, and by nothing older", async () => {
    const { port } = service
    const me = await get(port, "/auth/me")
    assert.equal(me.status, 401)
    assert.match(service.output.text, new RegExp(`https://localhost:${port}/`))
    const body = JSON.stringify({ email: "someone@example.com" })
    const headers = { "content-type": "application/json", origin: `https://localhost:${port}` }
    const flow = await get(port, "/auth/email-link", { method: "POST", headers }, body)
    assert.equal(flow.status, 202, flow.text)
    assert.match(String(flow.headers["set-cookie"]), /^__Host-Http-[^;]+; .*Secure/)
    assert.equal(await handshake(port, "TLSv1.3"), "TLSv1.3")
    assert.equal(await handshake(port, "TLSv1.2"), "TLSv1.2")
    assert.equal(await handshake(port, "TLSv1.1"), "refused")
  })

  it("tells the checklist that plain http is refused", async () => {
    const { text } = await get(service.port, "/", { headers: { accept: "application/json" } })
    const { lines } = JSON.parse(text) as { lines: { id: string; state: string; why: string }[] }
    const line = lines.find(({ id }) => id === "https")
    assert.equal(line?.state, "holds", JSON.stringify(line))
  })

  it("has nothing to say to plain http on the same port", async () => {
    await assert.rejects(ask(service.port, "/auth/me"))
  })

  it("leads a page from plain http to https, and refuses every other request", async () => {
    const page = await ask(redirectPort, "/auth/sign-in?return=/x", { headers: { accept: "text/html,*/*" } })
    assert.equal(page.status, 308)
    assert.equal(page.headers.location, `https://localhost:${service.port}/auth/sign-in?return=/x`)
    const navigation = { "sec-fetch-mode": "navigate", accept: "text/html" }
    assert.equal((await ask(redirectPort, "/", { headers: navigation })).status, 308)
    for (const given of [
      { headers: {} },
      { headers: { accept: "application/json" } },
      { headers: { accept: "text/html", authorization: "Bearer x" } },
      { headers: { accept: "text/html", "sec-fetch-mode": "cors" } },
      { headers: { accept: "text/html" }, json: { email: "a@example.com" } },
      { headers: { accept: "text/html" }, method: "DELETE" },
    ]) {
      const answer = await ask(redirectPort, "/auth/login", given)
      assert.equal(answer.status, 403, JSON.stringify(given))
      assert.equal((JSON.parse(answer.text) as { code: string }).code, "https.required")
      assert.equal(answer.headers.location, undefined)
    }
    const elsewhere = await ask(redirectPort, "//evil.example/", { headers: { accept: "text/html" } })
    assert.equal(new URL(String(elsewhere.headers.location)).host, `localhost:${service.port}`)
  })

  it("takes up a renewed certificate without dropping a connection, and not one that is none", async () => {
    const { serial: first } = await get(service.port, "/healthz")
    const until = async (what: () => Promise<boolean>): Promise<void> => {
      const patience = performance.now() + 40_000
      while (!(await what())) {
        assert.ok(performance.now() < patience, service.output.text)
        await new Promise((later) => setTimeout(later, 250))
      }
    }
    put(folder.path, { key: localhost().key })
    await until(async () => service.output.text.includes("https.key_mismatch"))
    assert.equal((await get(service.port, "/healthz")).serial, first)

    const agent = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 })
    assert.equal((await get(service.port, "/healthz", { agent })).serial, first)
    put(folder.path, localhost())
    let asked = 0
    await until(async () => {
      const kept = await get(service.port, "/healthz", { agent })
      assert.deepEqual([kept.status, kept.serial], [200, first])
      asked++
      return (await get(service.port, "/healthz")).serial !== first
    })
    const kept = await get(service.port, "/healthz", { agent })
    assert.deepEqual([kept.status, kept.serial], [200, first], "the old connection goes on")
    assert.ok(asked > 0)
    assert.match(service.output.text, /a new certificate is in use/)
    agent.destroy()
  })
})

describe("https that would not work", () => {
  const folder = openFolder()
  after(() => folder.remove())
  const start = async (words: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
    const ran = await command(folder.path, ["serve", "--port", "0", ...words], "", { CI: "", ...environment })
    assert.equal(ran.code, 2, ran.out + ran.error)
    assert.doesNotMatch(ran.out + ran.error, /BEGIN|at file:/)
    return ran.out + ran.error
  }
  const both = ["--tls-cert", "certificate.pem", "--tls-key", "key.pem"]

  it("does not start, and every refusal names its fix", async () => {
    put(folder.path, localhost())
    assert.match(await start(["--tls-cert", "certificate.pem"]), /https\.half/)
    assert.match(
      await start(both, { NIGHTLATCH_TRUSTED_PROXIES: "1" }),
      /NIGHTLATCH_TRUSTED_PROXIES: .*configuration\.hops_with_tls/,
    )
    assert.match(await start([...both, "--origin", "http://localhost:3000"]), /https\.plain_origin/)
    assert.match(await start([...both, "--origin", "https://api.example.com"]), /https\.certificate_name/)
    assert.match(await start(["--tls-cert", "nowhere.pem", "--tls-key", "key.pem"]), /https\.unreadable/)
    const [from, to] = [new Date(Date.now() - 9e9), new Date(Date.now() - 1e9)]
    const expired = issueCertificate({ name: "localhost", names: ["localhost"], issuer: authority, from, to })
    put(folder.path, expired)
    assert.match(await start(both), /https\.certificate_expired[\s\S]*[Rr]enew/)
    put(folder.path, localhost())
    chmodSync(join(folder.path, "key.pem"), 0o644)
    assert.match(await start(both), /https\.key_readable[\s\S]*chmod 600/)
  })
})
