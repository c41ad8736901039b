/** Builds the publishable package into dist: file to file, no bundler. */

import { spawnSync } from "node:child_process"
import { existsSync, globSync, readFileSync, rmSync } from "node:fs"

rmSync("dist", { recursive: true, force: true })
const compiled = spawnSync(
  process.execPath,
  ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"],
  { stdio: "inherit" },
)
if (compiled.status !== 0) process.exit(1)

const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
  exports: Record<string, string | Record<string, string>>
}
const named = Object.values(exports).flatMap((target) =>
  typeof target === "string" ? [target] : Object.values(target),
)
const missing = named.filter((path) => !existsSync(path))
const built = globSync("dist/**/*.js").length
console.log(`${built} files built, ${named.length} exports`)
if (missing.length > 0 || built === 0) {
  console.error(`Missing: ${missing.join(", ")}`)
  process.exit(1)
}
