/**
 * Reads the ranges that content delivery networks publish and writes src/checklist/proxy/published-ranges.ts. What looks
 * wrong (an error, a list that lost a third, a private or too wide range) changes nothing: whoever is in it is believed.
 * `npm run proxy-ranges -- --from http://127.0.0.1:8080` asks a mirror with the same paths instead of the providers.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as z from "zod"
import { type PublishedRanges, readProxy } from "../src/checklist/proxy/index.ts"
import { CLOUDFLARE, CLOUDFRONT, FASTLY } from "../src/checklist/proxy/published-ranges.ts"
import { isPublicAddress } from "../src/core/address.ts"
import { Faults } from "../src/core/misuse.ts"

const FILE = "src/checklist/proxy/published-ranges.ts"
/** Cloudflare's, for the nginx of the deploy bundle. */
const NGINX = "deploy/nginx/cloudflare-ranges.conf"
const MOST_BYTES = 8_000_000
const TIMEOUT_MS = 30_000
/** A list that lost more than this has been cut off, or answers a question we did not ask. */
const LEAST_KEPT = 2 / 3

interface Source {
  readonly name: string
  readonly known: PublishedRanges
  readonly urls: readonly string[]
  read(bodies: readonly string[]): string[]
}

const AWS_LIST = z.object({
  prefixes: z.array(z.object({ service: z.string(), ip_prefix: z.string() })),
  ipv6_prefixes: z.array(z.object({ service: z.string(), ipv6_prefix: z.string() })),
})
const FASTLY_LIST = z.object({ addresses: z.array(z.string()), ipv6_addresses: z.array(z.string()) })
const FACING = "CLOUDFRONT_ORIGIN_FACING"

const SOURCES: readonly Source[] = [
  {
    name: "CLOUDFLARE",
    known: CLOUDFLARE,
    urls: ["https://www.cloudflare.com/ips-v4", "https://www.cloudflare.com/ips-v6"],
    read: (bodies) => bodies.flatMap((body) => body.split(/\s+/).filter((line) => line !== "")),
  },
  {
    name: "CLOUDFRONT",
    known: CLOUDFRONT,
    urls: ["https://ip-ranges.amazonaws.com/ip-ranges.json"],
    read([body = ""]) {
      const { prefixes, ipv6_prefixes } = AWS_LIST.parse(JSON.parse(body))
      return [
        ...prefixes.filter(({ service }) => service === FACING).map((each) => each.ip_prefix),
        ...ipv6_prefixes.filter(({ service }) => service === FACING).map((each) => each.ipv6_prefix),
      ]
    },
  },
  {
    name: "FASTLY",
    known: FASTLY,
    urls: ["https://api.fastly.com/public-ip-list"],
    read([body = ""]) {
      const { addresses, ipv6_addresses } = FASTLY_LIST.parse(JSON.parse(body))
      return [...addresses, ...ipv6_addresses]
    },
  },
]

const { values } = parseArgs({
  options: {
    from: { type: "string" },
    to: { type: "string", default: FILE },
    nginx: { type: "string", default: NGINX },
  },
})
const asOf = new Date().toISOString().slice(0, 10)
const next: Record<string, PublishedRanges> = {}
for (const source of SOURCES) {
  try {
    const ranges = source.read(await Promise.all(source.urls.map((url) => ask(url, values.from))))
    check(ranges, source.known.ranges)
    next[source.name] = { asOf, ranges }
    const before = new Set(source.known.ranges)
    const added = ranges.filter((range) => !before.has(range)).length
    const gone = [...before].filter((range) => !ranges.includes(range)).length
    console.log(`${source.name.toLowerCase()}: ${ranges.length} ranges, ${added} new, ${gone} gone`)
  } catch (error) {
    console.error(`${source.name.toLowerCase()}: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
if (process.exitCode === 1) console.error("Nothing was written.")
else {
  writeFileSync(values.to, write(next))
  if (next.CLOUDFLARE !== undefined) writeFileSync(values.nginx, writeNginx(next.CLOUDFLARE))
}

async function ask(url: string, mirror: string | undefined): Promise<string> {
  const { host, pathname } = new URL(url)
  const answer = await fetch(mirror === undefined ? url : `${mirror}/${host}${pathname}`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: "error",
  })
  if (answer.status !== 200) throw new Error(`${host} answered ${answer.status}`)
  const body = await answer.text()
  if (body.length > MOST_BYTES) throw new Error(`${host} answered more than ${MOST_BYTES} bytes`)
  return body
}

function check(ranges: readonly string[], before: readonly string[]): void {
  if (ranges.length < before.length * LEAST_KEPT)
    throw new Error(`${ranges.length} ranges, where there were ${before.length}`)
  const faults = new Faults()
  const { blocks } = readProxy({ trusted: ranges }, faults)
  const [fault] = faults.list
  if (fault !== undefined)
    throw new Error(`${ranges[Number(fault.path.split(".").at(-1))]}: ${fault.problem}`)
  if (blocks.length !== ranges.length || !blocks.every(({ network }) => isPublicAddress(network)))
    throw new Error("a range is not of the internet")
}

function write(lists: Readonly<Record<string, PublishedRanges>>): string {
  const text = readFileSync(FILE, "utf8")
  const head = text.slice(0, text.indexOf("export const "))
  const parts = Object.entries(lists).map(
    ([name, { asOf, ranges }]) =>
      `export const ${name}: PublishedRanges = {\n  asOf: "${asOf}",\n  ranges: [\n${ranges.map((range) => `    "${range}",\n`).join("")}  ],\n}\n`,
  )
  return head + parts.join("\n")
}

function writeNginx({ asOf, ranges }: PublishedRanges): string {
  const head =
    "# Addresses that Cloudflare connects from. Source: https://www.cloudflare.com/ips-v4 and /ips-v6"
  return `${head}, state of ${asOf}.\n${ranges.map((range) => `set_real_ip_from ${range};\n`).join("")}`
}
