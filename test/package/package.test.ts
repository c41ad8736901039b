/** The package as a stranger gets it: packed, installed elsewhere, run. */
import assert from "node:assert/strict"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { after, before, describe, it } from "node:test"
import { promisify } from "node:util"

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, "../..")
const node = process.execPath

describe("the packed package", () => {
  let folder: string
  let tarball: string

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "nightlatch-package-"))
    const { stdout } = await run(
      "npm",
      ["pack", "--json", "--ignore-scripts", "--pack-destination", folder],
      { cwd: ROOT, maxBuffer: 1e8 },
    )
    const listed = JSON.parse(stdout.slice(stdout.indexOf("["))) as { filename: string }[]
    tarball = join(folder, listed[0]?.filename ?? "")
    await run("npm", ["init", "-y"], { cwd: folder })
    await run("npm", ["install", tarball, "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder })
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  it("installs few packages", (t) => {
    const modules = join(folder, "node_modules")
    const count = readdirSync(modules)
      .filter((name) => !name.startsWith("."))
      .flatMap((name) => (name.startsWith("@") ? readdirSync(join(modules, name)) : [name])).length
    t.diagnostic(`${count} packages`)
    assert.ok(count > 5 && count <= 35, String(count))
  })

  it("has what its pages link to, but for the pictures", () => {
    const home = join(folder, "node_modules/nightlatch")
    let links = 0
    for (const page of ["README.md", ...globSync("docs/*.md", { cwd: home })]) {
      const text = readFileSync(join(home, page), "utf8")
      for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        if (target === "docs/screenshots") continue
        links++
        assert.ok(existsSync(join(home, dirname(page), target)), `${page}: ${target}`)
      }
    }
    assert.ok(links > 20, String(links))
  })

  it("exports what it says", async () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      exports: Record<string, unknown>
    }
    const paths = Object.keys(exports).filter((path) => path !== "./package.json")
    assert.ok(paths.length >= 4 && paths.includes("./client"))
    for (const path of paths) {
      const name = JSON.stringify(path.replace(/^\./, "nightlatch"))
      const { stdout } = await run(
        node,
        ["-e", `import(${name}).then((m) => console.log(Object.keys(m).length))`],
        { cwd: folder },
      )
      assert.ok(Number(stdout) > 0, path)
    }
  })

  it("passes publint and are-the-types-wrong", async () => {
    await run(node, [join(ROOT, "node_modules/publint/src/cli.js"), "--strict", "--pack", "false", "."], {
      cwd: ROOT,
    })
    await run(
      node,
      [join(ROOT, "node_modules/@arethetypeswrong/cli/dist/index.js"), tarball, "--profile", "esm-only"],
      { cwd: ROOT },
    )
  })

  it("starts, gets ready and stops", async (t) => {
    const bin = join(folder, "node_modules/nightlatch/bin/nightlatch.js")
    assert.match((await run(node, [bin, "--help"], { cwd: folder })).stdout, /serve/)
    const port = await freePort()
    const began = performance.now()
    const child = spawn(node, [bin, "serve", "--port", String(port)], {
      cwd: folder,
      stdio: "ignore",
      env: { ...process.env, CI: "" },
    })
    try {
      await waitUntilReady(`http://localhost:${port}/readyz`, child)
      t.diagnostic(`${(performance.now() - began).toFixed(0)} ms from start to ready`)
    } finally {
      child.kill("SIGTERM")
    }
    assert.equal(await new Promise((done) => child.once("exit", done)), 0)
  })

  it("tells an old Node what it needs", async (t) => {
    const old = await run("/usr/bin/node", ["--version"]).then(
      ({ stdout }) => stdout,
      () => "",
    )
    if (!/^v(?:1\d|20|22)\./.test(old)) return t.skip("there is no old Node on this machine")
    const bin = join(folder, "node_modules/nightlatch/bin/nightlatch.js")
    await assert.rejects(run("/usr/bin/node", [bin, "--help"]), (error: { stderr: string }) =>
      /24\.7/.test(error.stderr),
    )
    return undefined
  })
})

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
}

async function waitUntilReady(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    assert.equal(child.exitCode, null, "the service ended")
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return
    await new Promise((later) => setTimeout(later, 25))
  }
  assert.fail("not ready within 10 s")
}
