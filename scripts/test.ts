/**
 * Runs the tests and counts them: `npm test`, or `npm test -- src/checklist/cors` for a part. Failures are shown whole, the
 * rest as one line a file. The last line is `N passed, N failed, N skipped`, alone.
 */
import { globSync, statSync } from "node:fs"
import { cpus } from "node:os"
import { relative } from "node:path"
import { run } from "node:test"
import { spec } from "node:test/reporters"

const long = process.env.NIGHTLATCH_TEST_SCALE === "long"
const FOLDERS = ["src", "test", "examples"]
/** Needs the built package: `npm run check` runs it after the build. */
const PACKAGE = "test/package/"

function filesOf(asked: readonly string[]): string[] {
  if (asked.length === 0) {
    return FOLDERS.flatMap((folder) => globSync(`${folder}/**/*.test.ts`))
      .filter((path) => !path.startsWith(PACKAGE))
      .sort()
  }
  return asked.flatMap((path) => {
    const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    return folder ? globSync(`${path}/**/*.test.ts`).sort() : [path]
  })
}

const files = filesOf(process.argv.slice(2))
const counts = { passed: 0, failed: 0, skipped: 0 }
const skips: string[] = []
const durations: { file: string; seconds: number }[] = []
/** What a file may take before its time is printed: where to look when the whole takes too long. */
const SLOW_SECONDS = 10
const TEST_MS = long ? 1_800_000 : 180_000
const began = performance.now()

if (files.length === 0) {
  console.error("No test file matches.")
} else {
  // The runner's own limit is for tests: a file that keeps something open after its last one would run for ever.
  const stopped = new AbortController()
  const silence = setTimeout(() => {
    console.error("No test has ended for too long: what still runs is stopped.")
    stopped.abort(new Error("stopped: it did not end"))
  }, TEST_MS + 60_000)
  const stream = run({
    files,
    // One more than there are processors: there is always a test that waits for a clock.
    concurrency: Math.min(cpus().length, 4) + 1,
    timeout: TEST_MS,
    signal: stopped.signal,
  })
  stream.on("test:complete", () => void silence.refresh())
  const failures = new spec()
  failures.pipe(process.stderr)
  stream.on("test:pass", ({ name, file, skip, details }) => {
    if (details.type === "suite") return
    if (skip === undefined || skip === false) counts.passed++
    else {
      counts.skipped++
      skips.push(`${place(file)}: ${name}${typeof skip === "string" ? ` (${skip})` : ""}`)
    }
  })
  stream.on("test:fail", (event) => {
    if (event.details.type === "suite") return
    counts.failed++
    failures.write({ type: "test:fail", data: event })
  })
  stream.on("test:summary", ({ file, duration_ms }) => {
    if (file !== undefined) durations.push({ file: place(file), seconds: duration_ms / 1000 })
  })
  stream.on("test:diagnostic", ({ message, file }) => {
    // What a test has counted: files read, states explored. The runner's own totals have no file.
    if (
      file !== undefined &&
      !/^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(message)
    ) {
      console.log(`${place(file)}: ${message}`)
    }
  })
  for await (const _ of stream);
  clearTimeout(silence)
  failures.end()
}

durations.sort((a, b) => b.seconds - a.seconds)
for (const { file, seconds } of durations.filter((each) => each.seconds >= SLOW_SECONDS))
  console.log(`${seconds.toFixed(0).padStart(4)} s  ${file}`)
for (const skip of skips) console.log(`skipped  ${skip}`)
console.log(`${files.length} files in ${((performance.now() - began) / 1000).toFixed(0)} s`)
if (counts.passed + counts.failed === 0) {
  console.error("No test ran.")
  counts.failed++
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0

function place(file: string | undefined): string {
  return file === undefined ? "?" : relative(process.cwd(), file)
}
