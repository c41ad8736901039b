/** The browser helper as the package has it: compiled against the browser's types alone. */
import { execFile } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

/** @returns the emitted scripts, by path */
export async function emitClient(): Promise<ReadonlyMap<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-client-"))
  try {
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc")
    const settings = ["--noEmit", "false", "--allowImportingTsExtensions", "false", "--declaration", "false"]
    const project = ["-p", "tsconfig.client.json", "--isolatedDeclarations", "false", "--outDir", folder]
    await promisify(execFile)(process.execPath, [compiler, ...project, ...settings], { cwd: ROOT })
    const scripts = globSync("**/*.js", { cwd: folder })
    return new Map(scripts.map((path) => [path, readFileSync(join(folder, path), "utf8")]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
