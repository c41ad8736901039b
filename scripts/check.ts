/**
 * All that has to hold before a change lands. Every step runs, also after one that failed; the last line is the sum of the
 * tests, alone: `N passed, N failed, N skipped`. A failed step counts as one failed. `--tested`: `npm test` has just run on
 * this machine with its services, so only what a machine without them shows is run of it again.
 */
import { spawn } from "node:child_process"
import { globSync } from "node:fs"

interface Step {
  readonly name: string
  readonly command: readonly string[]
  /** What the tests keep their rows in; it takes the services of a machine that has them. */
  readonly store?: "postgres" | "fleet"
  /** As on a machine that has nothing but npm. */
  readonly bare?: true
}

const node = process.execPath
const bin = (name: string) => `node_modules/${name}`
const attacks = (...names: readonly string[]) => names.map((name) => `test/attacks/${name}.test.ts`)
const FLEET_FLOWS = globSync("test/flows/*.test.ts").filter((path) => !path.endsWith("attempts.test.ts"))
const services = process.env.REQUIRE_SERVICES === "1"
const tested = process.argv.includes("--tested")
/** Those that look for a service, and have to pass or be left out where there is none. */
const LOOKING = [
  "test/store",
  "test/browser",
  "test/docs.test.ts",
  ...globSync("test/service/{postgres,move}.test.ts"),
]
const STEPS: readonly Step[] = [
  {
    name: "format and lint",
    command: [node, bin("@biomejs/biome/bin/biome"), "ci", "--error-on-warnings", "."],
  },
  { name: "types", command: [node, bin("typescript/bin/tsc")] },
  { name: "types in a browser", command: [node, bin("typescript/bin/tsc"), "-p", "tsconfig.client.json"] },
  { name: "unused code", command: [node, bin("knip/bin/knip.js")] },
  tested
    ? { name: "tests without services", command: [node, "scripts/test.ts", ...LOOKING], bare: true }
    : { name: "tests", command: [node, "scripts/test.ts"] },
  {
    name: "flows and attacks on PostgreSQL",
    command: [
      node,
      "scripts/test.ts",
      "test/flows",
      ...attacks("browser", "canary", "endpoints", "enumeration", "matrix", "robots"),
    ],
    store: "postgres",
  },
  {
    name: "flows and attacks on three instances",
    // What is left out looks into one process: hashes, and its inbox.
    command: [
      node,
      "scripts/test.ts",
      ...FLEET_FLOWS,
      ...attacks("browser", "canary", "endpoints", "enumeration", "matrix", "robots"),
    ],
    store: "fleet",
  },
  { name: "build", command: [node, "scripts/build.ts"] },
  { name: "packed package", command: [node, "scripts/test.ts", "test/package"] },
]

const COUNTS = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m
const total = { passed: 0, failed: 0, skipped: 0 }
const summary: string[] = []

for (const step of STEPS) {
  console.log(`\n== ${step.name}`)
  if (step.store !== undefined && !services) {
    console.log("skipped: REQUIRE_SERVICES=1 runs it, on a machine with PostgreSQL")
    total.skipped++
    continue
  }
  const began = performance.now()
  const { status, output } = await runStep(step)
  const counts = COUNTS.exec(output)
  total.passed += Number(counts?.[1] ?? 0)
  total.failed += Number(counts?.[2] ?? 0) || (status === 0 ? 0 : 1)
  const skipped = Number(counts?.[3] ?? 0)
  // Without services some have to be left out, and those have run with them before.
  if (step.bare !== true) total.skipped += skipped
  else if (skipped === 0) total.failed++
  const seconds = ((performance.now() - began) / 1000).toFixed(0).padStart(4)
  summary.push(`${status === 0 ? "ok    " : "FAILED"} ${seconds} s  ${step.name}`)
}

console.log(`\n${summary.join("\n")}\n`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 ? 1 : 0

function runStep({
  command: [program = "", ...rest],
  store,
  bare,
}: Step): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    let output = ""
    const { REQUIRE_SERVICES, ...without } = process.env
    const env: NodeJS.ProcessEnv =
      bare === true ? { ...without, NIGHTLATCH_TEST_SERVICES: "none" } : { ...process.env }
    if (store !== undefined) env.NIGHTLATCH_TEST_STORE = store
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"], env })
    child.stdout.setEncoding("utf8")
    child.stdout.on("data", (text: string) => {
      output += text
      process.stdout.write(text)
    })
    child.on("error", () => resolve({ status: 1, output }))
    child.on("close", (code) => resolve({ status: code ?? 1, output }))
  })
}
