/** The images: what their Dockerfile says, what is sent to the engine, and whether what they are made of runs. */
import assert from "node:assert/strict"
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { after, describe, it } from "node:test"
import { isSent, judgeDockerfile, readDockerfile } from "./dockerfile.ts"
import { openScratch, ROOT, run } from "./programs.ts"

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8")
const DOCKERFILE = read("deploy/Dockerfile")
const IGNORE = read(".dockerignore")
const FINAL = ["service", "tools", "certificates"]

describe("the images' Dockerfile", () => {
  const stages = readDockerfile(DOCKERFILE)
  const copied = stages.flatMap(({ instructions }) =>
    instructions
      .filter(({ word, rest }) => word === "COPY" && !rest.startsWith("--from"))
      .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1)),
  )

  it("is pinned, without root and without secrets", () => {
    assert.deepEqual(judgeDockerfile(DOCKERFILE, FINAL), [])
    const node = new Set(stages.map(({ from }) => from).filter((from) => from.startsWith("node:")))
    assert.equal(node.size, 1)
  })

  it("copies what is there and is sent, and nothing secret is", () => {
    assert.ok(copied.length > 8)
    for (const path of copied) {
      assert.ok(existsSync(join(ROOT, path)), path)
      const files = statSync(join(ROOT, path)).isDirectory()
        ? globSync(`${path}/**/*`, { cwd: ROOT })
        : [path]
      assert.ok(
        files.some((file) => isSent(file, IGNORE)),
        path,
      )
    }
    for (const path of [
      ".env",
      ".git/config",
      "data/nightlatch.db",
      "deploy/.env",
      "deploy/secrets/root-secret",
      "node_modules/x/y.js",
      "src/a/b.test.ts",
      "test/x.ts",
    ])
      assert.ok(!isSent(path, IGNORE), path)
    for (const path of ["package.json", "src/cli/main.ts", "bin/nightlatch.js", "deploy/database/roles"])
      assert.ok(isSent(path, IGNORE), path)
  })

  const planted: readonly (readonly [string, string])[] = [
    ["an image that moves", DOCKERFILE.replaceAll("node:24.19.0-trixie-slim", "node:24-slim")],
    ["one without a version", DOCKERFILE.replace(/certbot\/certbot:\S+/, "certbot/certbot")],
    ["root at the end", DOCKERFILE.replace("USER 10001:10001\nHEALTHCHECK NONE", "HEALTHCHECK NONE")],
    ["a user by name", DOCKERFILE.replaceAll("USER 10001:10001", "USER node")],
    ["a secret that stays", DOCKERFILE.replace("ENV HOST", "ENV NIGHTLATCH_SECRET=x HOST")],
    ["a secret while it is built", `${DOCKERFILE}ARG NPM_TOKEN\n`],
    ["a URL that is added", `${DOCKERFILE}ADD https://example.com/x /x\n`],
    ["a script from elsewhere", `${DOCKERFILE}RUN curl -fsSL https://example.com/x | sh\n`],
    ["the whole folder", DOCKERFILE.replace("COPY src src", "COPY . .")],
    ["versions that move", DOCKERFILE.replace("npm ci --ignore-scripts", "npm install --ignore-scripts")],
    ["no health", DOCKERFILE.replace(/^HEALTHCHECK .*$/gm, "")],
  ]
  for (const [name, text] of planted) {
    it(`would not be taken with ${name}`, () => {
      assert.notEqual(text, DOCKERFILE)
      assert.notDeepEqual(judgeDockerfile(text, FINAL), [])
    })
  }
})

describe("the service's image", () => {
  const scratch = openScratch()
  after(() => scratch.remove())
  const app = scratch.at("app")
  const node = (...words: readonly string[]) =>
    run([process.execPath, ...words], { NIGHTLATCH_STATE_FOLDER: scratch.at("state") }, app, { as: "tests" })
  interface Lock {
    readonly packages: Readonly<
      Record<string, { readonly version?: string; readonly optional?: boolean; readonly dev?: boolean }>
    >
  }

  it("gets the two drivers in the locked versions, and nothing of development", async () => {
    mkdirSync(app)
    for (const name of ["package.json", "package-lock.json"]) cpSync(join(ROOT, name), join(app, name))
    const moved = await node(join(ROOT, "deploy/image/with-drivers.js"))
    assert.equal(moved.code, 0, moved.output)
    const lock = JSON.parse(readFileSync(join(app, "package-lock.json"), "utf8")) as Lock
    const whole = JSON.parse(read("package-lock.json")) as Lock
    const paths = Object.keys(lock.packages).filter((path) => path !== "")
    for (const name of ["pg", "redis", "pg-protocol", "@redis/client", "hono", "zod"])
      assert.ok(paths.includes(`node_modules/${name}`), name)
    for (const name of ["typescript", "node", "yaml", "playwright-core"])
      assert.ok(!paths.includes(`node_modules/${name}`), name)
    for (const path of paths) {
      assert.equal(lock.packages[path]?.version, whole.packages[path]?.version)
      // What belongs to another system is not here.
      if (existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(app, path), { recursive: true })
      else assert.equal(lock.packages[path]?.optional, true, path)
    }
  })

  it("is listed by npm sbom as it is installed", async () => {
    const own = process.env.npm_execpath
    const npm = own?.endsWith(".js") === true ? [process.execPath, own] : ["npm"]
    const words = ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx"]
    const listed = await run([...npm, ...words], { PATH: process.env.PATH ?? "" }, app, { as: "tests" })
    assert.equal(listed.code, 0, listed.output)
    const { bomFormat, components } = JSON.parse(listed.output) as {
      bomFormat: string
      components: { name: string; hashes?: unknown[] }[]
    }
    assert.equal(bomFormat, "CycloneDX")
    assert.ok(components.length > 30 && components.every(({ hashes }) => (hashes?.length ?? 0) > 0))
    assert.deepEqual(
      ["pg", "redis", "jose"].filter((name) => !components.some((each) => each.name === name)),
      [],
    )
  })

  it("is built from what is sent, and runs on what is installed", async () => {
    const sent = globSync(["src/**/*.ts", "bin/*", "scripts/build.ts", "tsconfig*.json"], {
      cwd: ROOT,
    }).filter((path) => isSent(path, IGNORE))
    assert.ok(sent.length > 200 && !sent.some((path) => path.endsWith(".test.ts")))
    const build = scratch.at("build")
    for (const path of [...sent, "package.json"]) cpSync(join(ROOT, path), join(build, path))
    symlinkSync(join(ROOT, "node_modules"), join(build, "node_modules"))
    const built = await run([process.execPath, "scripts/build.ts"], {}, build, { as: "tests" })
    assert.equal(built.code, 0, built.output)
    cpSync(join(build, "dist"), join(app, "dist"), { recursive: true })
    cpSync(join(build, "bin"), join(app, "bin"), { recursive: true })
    const help = await node("bin/nightlatch.js", "--help")
    assert.equal(help.code, 0, help.output)
    const roles = await node("bin/nightlatch.js", "migrate", "--roles")
    assert.match(roles.output, /CREATE ROLE nightlatch_service LOGIN;/)
    // The drivers are found and used: nothing answers there.
    const nowhere = await node("bin/nightlatch.js", "migrate", "--database", "postgres://a@127.0.0.1:1/b")
    assert.doesNotMatch(nowhere.output, /driver_missing|npm install/)
    assert.match(nowhere.output, /ECONNREFUSED|not answer|reach|connect/i)
    const redis = await node(
      "--input-type=module",
      "--eval",
      "const { createClient } = await import('redis'); console.log(typeof createClient)",
    )
    assert.equal(redis.output.trim(), "function")
  })
})
