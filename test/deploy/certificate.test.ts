/**
 * The bundle's way to a certificate: nginx, certbot and the bundle's own scripts against a real ACME server, over HTTP-01.
 * Only names and ports differ from a deployment.
 */
import assert from "node:assert/strict"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { Agent } from "node:https"
import { after, before, it } from "node:test"
import { connect } from "node:tls"
import { type Pebble, startPebble } from "./authority.ts"
import { DOMAIN, type Edge, openEdge, startEdge } from "./edge.ts"
import { openScratch, type Program, run, start, until, withPrograms } from "./programs.ts"
import { type Behind, startBehind } from "./service.ts"
import { speak, statusOf, visit } from "./visitor.ts"

/** A visitor comes this often; the service lets 600 a minute of one address through. */
const EVERY_MS = 110
const VISITORS = 8

withPrograms(
  "the bundle's certificate",
  ["nginx", "envsubst", "certbot", "pebble", "pebble-challtestsrv", "openssl"],
  () => {
    const scratch = openScratch()
    let behind: Behind
    let edge: Edge
    let pebble: Pebble
    let watcher: Program | undefined
    const script = (...words: readonly string[]) =>
      run(
        ["sh", scratch.at("deploy/certificates/certificates"), ...words],
        { ...edge.environment, ...pebble.environment },
        scratch.path,
      )
    const log = () => `${edge.nginx.output()}\n${watcher?.output() ?? ""}`

    before(async () => {
      // Other tests keep a small machine busy; shedding has tests of its own.
      mkdirSync(scratch.at("service"))
      writeFileSync(scratch.at("service/nightlatch.config.json"), '{ "overload": { "loopDelayMs": 5000 } }')
      behind = await startBehind(scratch)
      edge = await openEdge(scratch, { upstream: `127.0.0.1:${behind.running.port}` })
      pebble = await startPebble(scratch, edge.http)
    })
    after(async () => {
      await watcher?.stop()
      await edge.stop()
      await pebble.stop()
      await behind.stop()
      scratch.remove()
    })

    it("begins with a placeholder that no client takes, so that nginx starts and the challenge can be answered", async () => {
      const made = await script("placeholder")
      assert.equal(made.code, 0, made.output)
      const path = scratch.at("certificates/current.pem")
      assert.equal(statSync(path).mode & 0o777, 0o600)
      const first = readFileSync(path, "utf8")
      assert.equal((await script("placeholder")).code, 0)
      assert.equal(readFileSync(path, "utf8"), first, "it is made once")
      await startEdge(edge)
      watcher = start(
        ["sh", "-c", '. "$0"; wait', scratch.at("deploy/nginx/reload-on-renewal.sh")],
        edge.environment,
        scratch.path,
        scratch.at("reload.log"),
      )
      await assert.rejects(visit({ port: edge.https, ca: pebble.root }), /self.signed|unable to/i)
      assert.match(
        await speak({ port: edge.https, tls: true }, `GET /healthz HTTP/1.1\r\nHost: ${DOMAIN}\r\n\r\n`),
        /^HTTP\/1\.1 200/,
      )
    })

    it("is asked for once the challenge can be read, and taken up without a restart", async () => {
      const issued = await script("issue")
      assert.equal(issued.code, 0, `${issued.output}\n${log()}`)
      await until(
        async () =>
          visit({ port: edge.https, ca: pebble.root }).then(
            () => true,
            () => false,
          ),
        15,
        log,
      )
      const got = await visit({ port: edge.https, ca: pebble.root, path: "/auth/me" })
      assert.equal(got.status, 401, got.text)
      assert.equal(statSync(scratch.at("certificates/current.pem")).mode & 0o777, 0o600)
    })

    it("is renewed under load: no request fails, no connection is dropped", async (t) => {
      const { serial: before } = await visit({ port: edge.https, ca: pebble.root })
      const seen = { answers: 0, renewed: 0, retried: 0 }
      const failures: string[] = []
      let going = true
      const visitor = async (number: number, agent: Agent | undefined): Promise<void> => {
        const from = `127.0.1.${number}`
        const once = () =>
          visit({
            port: edge.https,
            ca: pebble.root,
            path: number % 2 === 0 ? "/.well-known/jwks.json" : "/auth/sign-in",
            from,
            ...(agent === undefined ? {} : { agent }),
          })
        while (going) {
          try {
            // A connection at rest may be closed at any time; whoever had just begun to use it asks again (RFC 9112, 9.3.1).
            const got = await once().catch((error: Error & { reused?: boolean; code?: string }) => {
              if (error.reused !== true || !["ECONNRESET", "EPIPE"].includes(error.code ?? "")) throw error
              seen.retried++
              return once()
            })
            if (got.status !== 200) failures.push(`${got.status} ${got.text.slice(0, 200)}`)
            seen.answers++
            if (got.serial !== "" && got.serial !== before) seen.renewed++
          } catch (error) {
            failures.push(String(error))
          }
          await new Promise((later) => setTimeout(later, EVERY_MS))
        }
      }
      const agents = Array.from({ length: VISITORS / 2 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
      const visitors = [
        ...agents.map((agent, index) => visitor(index + 1, agent)),
        ...Array.from({ length: VISITORS / 2 }, (_, index) => visitor(index + 101, undefined)),
      ]
      // A request that is under way when the configuration changes: its body comes letter by letter.
      const body = JSON.stringify({ email: "someone@example.com", password: "not the right one at all" })
      const slow = connect({ host: "127.0.0.1", port: edge.https, servername: DOMAIN, ca: pebble.root })
      let slowAnswer = ""
      let sent = 0
      let drip: NodeJS.Timeout | undefined
      try {
        await until(
          () => seen.answers > 100,
          20,
          () => failures.join("\n"),
        )
        slow.on("data", (part) => {
          slowAnswer += part.toString("latin1")
        })
        slow.on("error", (error) => failures.push(`slow: ${error}`))
        slow.write(
          `POST /auth/login HTTP/1.1\r\nHost: ${DOMAIN}\r\nOrigin: https://${DOMAIN}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
        )
        drip = setInterval(() => slow.write(body.slice(sent, ++sent)), 500)
        const renewed = await script("renew", "--force-renewal")
        assert.equal(renewed.code, 0, renewed.output)
        await until(
          () => seen.renewed > 40,
          20,
          () => `${JSON.stringify(seen)}\n${log()}`,
        )
        clearInterval(drip)
        assert.ok(sent < body.length, "the body was still on its way")
        slow.write(body.slice(sent))
        await until(
          () => slowAnswer.includes("\r\n\r\n"),
          10,
          () => `${slowAnswer}\n${log()}`,
        )
      } finally {
        going = false
        clearInterval(drip)
        slow.destroy()
        await Promise.all(visitors)
        for (const agent of agents) agent.destroy()
      }
      t.diagnostic(JSON.stringify(seen))
      assert.deepEqual(failures, [])
      assert.ok(seen.answers > 300, JSON.stringify(seen))
      assert.equal(statusOf(slowAnswer), 401, slowAnswer)
      assert.notEqual((await visit({ port: edge.https, ca: pebble.root })).serial, before)
      assert.match(watcher?.output() ?? "", /a new certificate is in use/)
    })

    it("stays as it is when a renewal brings something that is no certificate", async () => {
      const { serial } = await visit({ port: edge.https, ca: pebble.root })
      const broken = await run(
        [
          "sh",
          "-c",
          'mkdir broken && echo none >broken/fullchain.pem && echo none >broken/privkey.pem && RENEWED_LINEAGE=$PWD/broken sh "$0"',
          scratch.at("deploy/certificates/install"),
        ],
        edge.environment,
        scratch.path,
      )
      assert.equal(broken.code, 0, broken.output)
      await until(() => /emerg/.test(watcher?.output() ?? ""), 10, log)
      assert.equal((await visit({ port: edge.https, ca: pebble.root })).serial, serial)
    })

    it("comes by itself when the containers start: placeholder, certificate, renewals, until they are stopped", async () => {
      const fresh = openScratch()
      const started: Program[] = []
      const own = await openEdge(fresh, { upstream: `127.0.0.1:${behind.running.port}` })
      const authority = await startPebble(fresh, own.http)
      try {
        const environment = { ...own.environment, ...authority.environment, LATCH_RENEW_EVERY: "1" }
        const keeper = start(
          ["sh", fresh.at("deploy/certificates/certificates")],
          environment,
          fresh.path,
          fresh.at("keeper.log"),
        )
        started.push(keeper)
        await until(() => existsSync(fresh.at("certificates/current.pem")), 10, keeper.output)
        await until(() => /does not serve/.test(keeper.output()), 10, keeper.output)
        await startEdge(own)
        started.push(
          start(
            ["sh", "-c", '. "$0"; wait', fresh.at("deploy/nginx/reload-on-renewal.sh")],
            environment,
            fresh.path,
            fresh.at("reload.log"),
          ),
        )
        const served = () =>
          visit({ port: own.https, ca: authority.root }).then(
            ({ status }) => status === 200,
            () => false,
          )
        await until(served, 30, () => `${keeper.output()}\n${own.nginx.output()}`)
        // It goes on looking whether a renewal is due, and ends at once when it is told to.
        const looks = () =>
          readFileSync(fresh.at("certbot/logs/letsencrypt.log"), "utf8").split("No renewals were attempted")
            .length - 1
        await until(() => looks() >= 2, 20, keeper.output)
        assert.doesNotMatch(keeper.output(), /failed|no certificate;/)
        await keeper.stop()
        assert.equal(keeper.child.exitCode, 0, keeper.output())
      } finally {
        await Promise.all(started.map((program) => program.stop()))
        await own.stop()
        await authority.stop()
        fresh.remove()
      }
    })

    it("is not asked for while the challenge cannot be read, and tells the wrong word how it is used", async () => {
      const wrong = await script("reissue")
      assert.equal(wrong.code, 2)
      assert.match(wrong.output, /certificates placeholder \| issue \| renew/)
      const nowhere = start(
        ["sh", scratch.at("deploy/certificates/certificates")],
        { ...edge.environment, ...pebble.environment, LATCH_EDGE: "http://127.0.0.1:1" },
        scratch.path,
        scratch.at("nowhere.log"),
      )
      await until(
        () => /does not serve latch\.example\.com yet/.test(nowhere.output()),
        10,
        () => nowhere.output(),
      )
      await nowhere.stop()
      assert.doesNotMatch(nowhere.output(), /certbot|Traceback/)
    })
  },
)
