/** The script that renews published ranges, against a mirror: what it takes, and what it does not touch the file for. */
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, it } from "node:test"
import { promisify } from "node:util"
import { CLOUDFLARE, CLOUDFRONT, FASTLY } from "../src/checklist/proxy/published-ranges.ts"

const run = promisify(execFile)
const SCRIPT = join(import.meta.dirname, "../scripts/proxy-ranges.ts")
const FILE = join(import.meta.dirname, "../src/checklist/proxy/published-ranges.ts")

const four = (ranges: readonly string[]) => ranges.filter((range) => !range.includes(":"))
const six = (ranges: readonly string[]) => ranges.filter((range) => range.includes(":"))
const aws = (ranges: readonly string[]) =>
  JSON.stringify({
    prefixes: [
      { ip_prefix: "3.5.0.0/16", service: "EC2" },
      ...four(ranges).map((ip_prefix) => ({ ip_prefix, service: "CLOUDFRONT_ORIGIN_FACING" })),
    ],
    ipv6_prefixes: six(ranges).map((ipv6_prefix) => ({ ipv6_prefix, service: "CLOUDFRONT_ORIGIN_FACING" })),
  })
const fastly = (ranges: readonly string[]) =>
  JSON.stringify({ addresses: four(ranges), ipv6_addresses: six(ranges) })

function pages(lists: {
  cloudflare?: readonly string[]
  cloudfront?: readonly string[]
  fastly?: readonly string[]
}): Map<string, string> {
  const {
    cloudflare = CLOUDFLARE.ranges,
    cloudfront = CLOUDFRONT.ranges,
    fastly: fast = FASTLY.ranges,
  } = lists
  return new Map([
    ["/www.cloudflare.com/ips-v4", four(cloudflare).join("\n")],
    ["/www.cloudflare.com/ips-v6", `${six(cloudflare).join("\n")}\n`],
    ["/ip-ranges.amazonaws.com/ip-ranges.json", aws(cloudfront)],
    ["/api.fastly.com/public-ip-list", fastly(fast)],
  ])
}

const folder = mkdtempSync(join(tmpdir(), "ranges-"))
let served = pages({})
const mirror = createServer((request, response) => {
  const body = served.get(request.url ?? "")
  response.writeHead(body === undefined ? 404 : 200).end(body)
})
before(() => new Promise<void>((resolve) => mirror.listen(0, "127.0.0.1", resolve)))
after(() => {
  mirror.close()
  rmSync(folder, { recursive: true })
})

/** @returns what it printed, and what it wrote: undefined when it wrote nothing */
async function renew(): Promise<{
  out: string
  error: string
  code: number
  written: string | undefined
  nginx: string | undefined
}> {
  const [to, nginx] = [join(folder, "ranges.ts"), join(folder, "ranges.conf")]
  for (const file of [to, nginx]) writeFileSync(file, "untouched")
  const from = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`
  const ran = await run(process.execPath, [SCRIPT, "--from", from, "--to", to, "--nginx", nginx]).then(
    ({ stdout, stderr }) => ({ out: stdout, error: stderr, code: 0 }),
    (error) => ({ out: String(error.stdout), error: String(error.stderr), code: Number(error.code) }),
  )
  const [written, conf] = [to, nginx].map((file) => {
    const text = readFileSync(file, "utf8")
    return text === "untouched" ? undefined : text
  })
  return { ...ran, written, nginx: conf }
}

it("writes the same file from the same lists, but for the day", async () => {
  served = pages({})
  const ran = await renew()
  assert.equal(ran.code, 0, ran.error)
  assert.match(ran.out, new RegExp(`^cloudflare: ${CLOUDFLARE.ranges.length} ranges, 0 new, 0 gone$`, "m"))
  const withoutDays = (text = "") => text.replaceAll(/asOf: ".{10}"/g, "")
  assert.equal(withoutDays(ran.written), withoutDays(readFileSync(FILE, "utf8")))
  const withoutDay = (text = "") => text.replace(/state of .{10}/, "")
  const conf = readFileSync(join(import.meta.dirname, "../deploy/nginx/cloudflare-ranges.conf"), "utf8")
  assert.equal(withoutDay(ran.nginx), withoutDay(conf))
  assert.match(ran.written ?? "", new RegExp(`asOf: "${new Date().toISOString().slice(0, 10)}"`))
})

it("takes what is new, of the right service only", async () => {
  served = pages({ cloudfront: [...CLOUDFRONT.ranges.slice(1), "64.252.0.0/18"] })
  const ran = await renew()
  assert.match(ran.out, new RegExp(`^cloudfront: ${CLOUDFRONT.ranges.length} ranges, 1 new, 1 gone$`, "m"))
  assert.match(ran.written ?? "", /"64\.252\.0\.0\/18"/)
  assert.doesNotMatch(ran.written ?? "", /3\.5\.0\.0/)
})

it("touches nothing when an answer is missing, cut off or too good to be true", async () => {
  const broken: [what: string, lists: Map<string, string>, says: RegExp][] = [
    ["missing", new Map([...pages({})].slice(1)), /www\.cloudflare\.com answered 404/],
    [
      "cut off",
      pages({ fastly: FASTLY.ranges.slice(0, 9) }),
      new RegExp(`9 ranges, where there were ${FASTLY.ranges.length}`),
    ],
    [
      "everybody",
      pages({ fastly: [...FASTLY.ranges, "0.0.0.0/0"] }),
      /0\.0\.0\.0\/0: it trusts far too many/,
    ],
    ["private", pages({ cloudflare: [...CLOUDFLARE.ranges, "10.0.0.0/8"] }), /not of the internet/],
    ["a name", pages({ cloudflare: [...CLOUDFLARE.ranges, "unix"] }), /not of the internet/],
    [
      "a page",
      new Map([...pages({}), ["/www.cloudflare.com/ips-v4", "<html>later</html>"]]),
      new RegExp(`${six(CLOUDFLARE.ranges).length + 1} ranges, where`),
    ],
    ["no JSON", new Map([...pages({}), ["/api.fastly.com/public-ip-list", "later"]]), /fastly: .*JSON/],
    ["other JSON", new Map([...pages({}), ["/api.fastly.com/public-ip-list", "{}"]]), /fastly: /],
  ]
  for (const [what, lists, says] of broken) {
    served = lists
    const ran = await renew()
    assert.equal(ran.code, 1, what)
    assert.match(ran.error, says, what)
    assert.match(ran.error, /Nothing was written\./)
    assert.deepEqual([ran.written, ran.nginx], [undefined, undefined], what)
  }
})
