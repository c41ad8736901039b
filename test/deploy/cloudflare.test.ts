/** The bundle behind Cloudflare, with a stand-in for it: an authority of our own, and addresses of loopback as its edge. */
import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "node:test"
import { CLOUDFLARE as CLOUDFLARE_RANGES } from "../../src/checklist/proxy/published-ranges.ts"
import { type Authority, createAuthority, issueCertificate } from "../service/certificates.ts"
import { command } from "../service/process.ts"
import { useBundle } from "./bundle.ts"
import { DOMAIN, openEdge, putCertificate } from "./edge.ts"
import { BUNDLE, openScratch, run, withPrograms } from "./programs.ts"
import { speak, statusesOf } from "./visitor.ts"

const CLOUDFLARE = {
  "address.inc.template": "address-cloudflare.inc.template",
  "edge.inc.template": "edge-cloudflare.inc.template",
}
const EDGE_ADDRESS = "127.0.4.1"

it("the list of Cloudflare's addresses is the service's own, with its date (npm run proxy-ranges writes both)", () => {
  const text = readFileSync(join(BUNDLE, "nginx/cloudflare-ranges.conf"), "utf8")
  assert.match(
    text,
    new RegExp(`^# .*https://www\\.cloudflare\\.com/ips-v4.*, state of ${CLOUDFLARE_RANGES.asOf}\\.$`, "m"),
  )
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
  assert.deepEqual(
    lines,
    CLOUDFLARE_RANGES.ranges.map((range) => `set_real_ip_from ${range};`),
  )
  assert.ok(lines.length >= 20)
})

withPrograms("the bundle behind Cloudflare", ["nginx", "envsubst"], () => {
  const scratch = openScratch()
  const pull: Authority = createAuthority("Origin pull")
  const shown = (authority: Authority) => {
    const { certificate, key } = issueCertificate({ name: "edge", issuer: authority })
    return { cert: certificate, key }
  }
  const genuine = shown(pull)
  writeFileSync(scratch.at("pull.pem"), pull.certificate)
  writeFileSync(scratch.at("ranges"), "set_real_ip_from 127.0.4.0/24;\n")
  const bundle = useBundle(scratch, {
    variants: CLOUDFLARE,
    variables: { LATCH_ORIGIN_PULL_CA: scratch.at("pull.pem") },
    files: { "cloudflare-ranges.inc": scratch.at("ranges") },
  })

  it("refuses whoever passes it by", async () => {
    for (const options of [{}, shown(createAuthority("Origin pull")), shown(createAuthority("Another"))]) {
      const got = await bundle.visit({ options, from: EDGE_ADDRESS })
      assert.equal(got.status, 400, got.text)
      assert.doesNotMatch(got.text, /alive/)
    }
    assert.equal((await bundle.visit({ options: genuine, from: EDGE_ADDRESS })).status, 200)
  })

  it("hears the client's address from Cloudflare, and from nobody else", async () => {
    const login = (from: string, address: string) =>
      bundle.visit({
        path: "/auth/login",
        options: genuine,
        json: { email: "ada@example.com", password: "violet kettle ninety moss" },
        headers: { "CF-Connecting-IP": address, "X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1" },
        from,
      })
    assert.equal((await login(EDGE_ADDRESS, "198.51.100.7")).status, 401)
    assert.equal((await login("127.0.5.1", "203.0.113.7")).status, 401)
    const { out } = await command(bundle.behind.folder, ["events"])
    assert.match(out, /from 198\.51\.100\.0\/24$/m)
    assert.match(out, /from 127\.0\.5\.0\/24$/m)
    assert.doesNotMatch(out, /203\.0\.113|192\.0\.2/)
  })

  it("limits the client, and an IPv6 subscriber as one", async () => {
    const ask = (address: string) =>
      bundle.visit({ options: genuine, from: EDGE_ADDRESS, headers: { "CF-Connecting-IP": address } })
    const text = Array.from(
      { length: 250 },
      (_, index) =>
        `GET /healthz HTTP/1.1\r\nHost: ${DOMAIN}\r\nCF-Connecting-IP: 2001:db8:1:1::${index.toString(16)}\r\n\r\n`,
    )
    const to = { port: bundle.edge.https, tls: true, from: EDGE_ADDRESS, options: genuine }
    const statuses = statusesOf(await speak(to, text.join("")))
    assert.equal(statuses.length, 250)
    assert.ok(statuses.filter((status) => status === 429).length > 50, statuses.join(" "))
    assert.equal((await ask("2001:db8:1:2::1")).status, 200)
    assert.equal((await ask("198.51.100.8")).status, 200)
  })

  it("takes the real list as well", async () => {
    const real = openScratch()
    try {
      await openEdge(real, {
        upstream: "127.0.0.1:1",
        variants: CLOUDFLARE,
        variables: { LATCH_ORIGIN_PULL_CA: scratch.at("pull.pem") },
        files: { "cloudflare-ranges.inc": join(BUNDLE, "nginx/cloudflare-ranges.conf") },
      })
      putCertificate(real)
      // Through a pipe: nginx opens /dev/stdout by name.
      const test = 'nginx -t -p "$0/" -c "$0/nginx.conf" 2>&1 | cat'
      const { output } = await run(["sh", "-c", test, real.path], {}, real.path)
      assert.match(output, /test is successful/)
      assert.doesNotMatch(output, /\[(?:warn|emerg)\]/)
    } finally {
      real.remove()
    }
  })
})
