/** The bundle's TLS as a scanner sees it: testssl.sh, with every check that needs no Internet (`npm run long`: all of them). */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { it } from "node:test"
import { useBundle } from "./bundle.ts"
import { DOMAIN } from "./edge.ts"
import { openScratch, run, withPrograms } from "./programs.ts"

const long = process.env.NIGHTLATCH_TEST_SCALE === "long"

/** What is the test's own certificate authority and not the bundle. */
const ALLOWED: Readonly<Record<string, string>> = {
  cert_chain_of_trust: "the root of the test is in no store of the system",
  cert_revocation: "the test's authority publishes no list of revoked certificates; Let's Encrypt does",
  overall_grade: "capped by the chain of trust",
  DNS_CAArecord: "there is no DNS for the test's name",
}
const BAD = ["MEDIUM", "HIGH", "CRITICAL", "FATAL"]

interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

withPrograms("the bundle's TLS", ["nginx", "envsubst", "testssl"], () => {
  const scratch = openScratch()
  const bundle = useBundle(scratch)

  it("has nothing that testssl.sh finds worth a word", async (t) => {
    const checks = long ? ["--full"] : ["--fast", "-p", "-s", "-f", "-P", "-S", "-h", "-U"]
    const common = ["--ip", "127.0.0.1", "--warnings", "off", "--color", "0", "--quiet", "--nodns", "min"]
    const ran = await run(
      [
        "testssl",
        ...common,
        ...checks,
        "--jsonfile",
        scratch.at("found.json"),
        `https://${DOMAIN}:${bundle.edge.https}`,
      ],
      {},
      scratch.path,
    )
    const found = JSON.parse(readFileSync(scratch.at("found.json"), "utf8")) as Finding[]
    const of = (id: string) => found.find((finding) => finding.id === id)?.finding ?? ran.output
    t.diagnostic(`${found.length} findings`)
    assert.ok(found.length > 50, ran.output)
    assert.match(of("TLS1_2"), /^offered/)
    assert.match(of("TLS1_3"), /^offered/)
    for (const id of ["SSLv2", "SSLv3", "TLS1", "TLS1_1"]) assert.match(of(id), /^not offered/)
    assert.match(of("HSTS_time"), /31536000/)
    const bad = found.filter(
      ({ id, severity }) => BAD.includes(severity) && ALLOWED[id.split(" ")[0] ?? ""] === undefined,
    )
    assert.deepEqual(bad, [])
  })
})
