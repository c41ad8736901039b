/** What README says, done: its commands in a shell, its programs run, its table made from the schema, its links followed. */
import assert from "node:assert/strict"
import { execFile, spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it, type TestContext } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { generateSecret } from "../src/checklist/secret/index.ts"
import { google } from "../src/index.ts"
import { configurationTable } from "../src/service/settings.ts"
import { trySteps } from "../src/service/try-it.ts"
import { openStage } from "./flows/stage.ts"
import { ask, cookiesOf, freePort, openFolder } from "./service/process.ts"

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL("..", import.meta.url))
const README = readFileSync(join(ROOT, "README.md"), "utf8")
const SCRIPTS = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts as Record<string, string>

const FRAMEWORKS = readFileSync(join(ROOT, "docs/frameworks.md"), "utf8")

const blocksOf = (language: string, page = README): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, text]) => text ?? "",
  )

/** A folder that is the project for npm, with data of its own. */
function openCopy(t: TestContext): string {
  const { path, remove } = openFolder()
  t.after(remove)
  for (const name of ["package.json", "src", "bin", "scripts", "node_modules"]) {
    symlinkSync(join(ROOT, name), join(path, name))
  }
  return path
}

/** As on a machine of a user's own, where CI is not set. */
const environment = (more: Record<string, string> = {}) => {
  const { CI: _, ...rest } = process.env
  return { ...rest, ...more }
}

async function ready(port: number): Promise<void> {
  const patience = performance.now() + 20_000
  for (;;) {
    const answer = await ask(port, "/readyz").catch(() => undefined)
    if (answer?.status === 200) return
    if (performance.now() > patience) throw new Error("not ready after 20 s")
    await new Promise((later) => setTimeout(later, 50))
  }
}

interface Started {
  /** Standard output so far. */
  readonly output: () => string
  /** Ends it as a terminal does. @returns the exit code, or null when only the signal ended it */
  readonly stop: () => Promise<number | null>
}

/** Starts a program in a group of its own, so that what npm starts ends with it. */
function start(
  t: TestContext,
  folder: string,
  words: readonly string[],
  more: Record<string, string>,
): Started {
  const [program = "", ...rest] = words
  const child = spawn(program, rest, {
    cwd: folder,
    env: environment(more),
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  })
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text
  })
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGTERM")
    return ended
  }
  t.after(stop)
  return { output: () => output, stop }
}

describe("README", () => {
  it("names commands that exist, and nothing that is not tried here or by .ci/run", () => {
    const known = [
      ["npm ci\nnpm start\n", "npm ci"],
      ["npm start -- --tolerated-delay 0.3\n", "start"],
      ["npm test\nnpm run check\n", "npm run"],
    ]
    const shell = blocksOf("sh")
    assert.equal(shell.length, 6)
    // The file that npm pack makes here; test/package installs it.
    const { name, version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))
    const install = shell.find((block) => block.startsWith("npm install")) ?? ""
    assert.ok(install.includes(`/${name}-${version}.tgz hono @hono/node-server\n`), install)
    assert.ok(dependencies.hono !== undefined && dependencies["@hono/node-server"] !== undefined)
    for (const [block] of known) assert.ok(shell.includes(block ?? ""), block)
    const ci = readFileSync(join(ROOT, ".ci/run"), "utf8")
    for (const line of ["npm ci", "npm test", "npm run --silent check"]) assert.ok(ci.includes(line), line)
    for (const [, name = ""] of README.matchAll(/npm run (?:-s )?([a-z]+)/g)) assert.ok(SCRIPTS[name], name)
  })

  it("catches a thief, and manages accounts", async (t) => {
    const folder = openCopy(t)
    const port = await freePort()
    const [, , demonstration = "", accounts = ""] = blocksOf("sh")
    start(t, folder, ["npm", "start", "--", "--tolerated-delay", "0.3"], { PORT: String(port) })
    await ready(port)
    const shell = async (text: string) => {
      // Aliases are for a person's shell; a script has to ask for them.
      const script = `shopt -s expand_aliases\n${text.replaceAll("localhost:3000", `localhost:${port}`)}`
      const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], {
        cwd: folder,
        env: environment(),
      })
      return stdout
    }
    const out = await shell(demonstration)
    const statuses = out.split("\n").flatMap((line) => /(?:^|\})(\d{3})$/.exec(line)?.[1] ?? [])
    assert.deepEqual(statuses, ["202", "201", "200", "200", "200", "401"], out)
    assert.match(out, /"methods":\["pwd"\]/)
    assert.match(out, /"code":"session\.ended"/)
    assert.match(out, /An old refresh token was used again/)
    assert.ok(out.indexOf("session.ended") < out.lastIndexOf('"status":401'), "me is refused afterwards")

    const managed = await shell(accounts)
    assert.match(managed, /Created grace@example\.com/)
    assert.match(managed, /grace@example\.com +active +admin/)
    assert.match(managed, /Disabled ada@example\.com/)
    assert.match(managed, /nl_secret_\S{43}/)
  })

  it("is not the only place with commands that work: those of the checklist page do as well", async (t) => {
    const folder = openCopy(t)
    const port = await freePort()
    start(t, folder, ["npm", "start", "--", "--tolerated-delay", "0.3"], { PORT: String(port) })
    await ready(port)
    const steps = trySteps({
      origin: `http://localhost:${port}`,
      basePath: "/auth",
      inboxKeyFile: join(folder, "data", "inbox-key"),
      toleratedDelaySeconds: 0.3,
      commandLine: "npm run -s nightlatch --",
    })
    // A person reads before pasting the next one: the mail has arrived by then.
    const script = steps.map(({ command }) => command).join("\nsleep 1\n")
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], {
      cwd: folder,
      env: environment(),
    })
    const statuses = [...stdout.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status)
    assert.deepEqual(statuses, ["202", "201", "200", "200", "200", "200", "401"], stdout)
    assert.match(stdout, /"code":"session\.ended"/)
    assert.ok(stdout.includes(steps.at(-1)?.answer ?? "?"), stdout)
  })

  it("stops with npm, which passes a signal on to the shell alone", async (t) => {
    const folder = openCopy(t)
    const port = await freePort()
    const options = { cwd: folder, env: environment({ PORT: String(port) }), detached: true } as const
    const npm = spawn("npm", ["start"], { ...options, stdio: "ignore" })
    const ended = new Promise((resolve) => npm.once("exit", resolve))
    t.after(() => {
      try {
        process.kill(-(npm.pid ?? 0), "SIGKILL")
      } catch {
        // The whole group has ended, as it should.
      }
    })
    await ready(port)
    npm.kill("SIGTERM")
    await ended
    const patience = performance.now() + 20_000
    const answers = () =>
      ask(port, "/readyz").then(
        () => true,
        () => false,
      )
    while ((await answers()) && performance.now() < patience) {
      await new Promise((later) => setTimeout(later, 50))
    }
    assert.equal(await answers(), false, "the service lives on without npm")
  })

  const hello = ["Hello.", { public: 200, orders: 401 }] as const
  const programs = {
    Hono: hello,
    "node:http": ["", { public: 401, orders: 401 }],
    Express: hello,
    Fastify: hello,
  } as const
  const texts = [...blocksOf("ts"), ...blocksOf("ts", FRAMEWORKS)]
  for (const [index, [name, expected]] of Object.entries(programs).entries()) {
    const program = texts[index] ?? ""
    it(`runs its program, or that of docs/frameworks.md, for ${name}`, async (t) => {
      const folder = openCopy(t)
      const port = await freePort()
      // The package as its own sources: what `nightlatch` resolves to once it is built.
      const text = program
        .replaceAll('"nightlatch"', JSON.stringify(join(ROOT, "src/index.ts")))
        .replaceAll(/"nightlatch\/(\w+)"/g, (_, name) =>
          JSON.stringify(join(ROOT, `src/adapters/${name}.ts`)),
        )
        .replaceAll("3000", String(port))
      mkdirSync(join(folder, "app"))
      writeFileSync(join(folder, "app/main.ts"), text)
      const words = [process.execPath, "app/main.ts"]
      const started = start(t, folder, words, { NIGHTLATCH_SECRET: generateSecret() })
      const patience = performance.now() + 20_000
      let answer = await ask(port, "/").catch(() => undefined)
      while (answer === undefined && performance.now() < patience) {
        await new Promise((later) => setTimeout(later, 50))
        answer = await ask(port, "/").catch(() => undefined)
      }
      const [body, statuses] = expected
      assert.equal(answer?.status, statuses.public)
      if (body !== "") assert.equal(answer?.text, body)
      assert.equal((await ask(port, "/orders")).status, statuses.orders)
      assert.equal((await ask(port, "/auth/register", { json: { email: "ada@example.com" } })).status, 202)

      // The inbox's address is on the screen, and the mail in it.
      const printed = /^Mails of development: (http:\S+)$/m.exec(started.output())?.[1] ?? ""
      const inbox = await ask(port, printed.slice(printed.indexOf("/auth")))
      assert.equal(inbox.status, 303, started.output())
      const headers = { cookie: cookiesOf(inbox) }
      const mailed = async () => (await ask(port, "/auth/dev/inbox", { headers })).text.includes("#token=")
      while (!(await mailed()) && performance.now() < patience + 20_000) {
        await new Promise((later) => setTimeout(later, 50))
      }
      assert.ok(await mailed())
      const { stdout } = await run(process.execPath, [join(ROOT, "src/cli/main.ts"), "user", "list"], {
        cwd: folder,
      })
      assert.match(stdout, /No accounts\./)
      assert.equal(await started.stop(), 0, "the program closes what it opened")
    })
  }

  it("has no other program", () => assert.equal(texts.length, Object.keys(programs).length))

  it("has the table of settings that the schema makes", () => {
    const table = /<!-- settings -->\n([\s\S]*?)<!-- \/settings -->/.exec(README)?.[1]
    assert.equal(table, `${configurationTable()}\n`)
  })

  for (const name of ["README.md", "SECURITY.md", "CONTRIBUTING.md", "bench/README.md"]) {
    it(`leads nowhere that is not there: ${name}`, () => {
      const text = readFileSync(join(ROOT, name), "utf8")
      for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (!/^https?:/.test(target)) assert.ok(existsSync(join(ROOT, name, "..", target)), target)
      }
    })
  }

  it("lists every route in docs/endpoints.md", async (t) => {
    const stage = await openStage({
      oauth: {
        providers: [google({ clientId: "x.apps.googleusercontent.com", clientSecret: "x".repeat(24) })],
      },
    })
    t.after(() => stage.close())
    const text = readFileSync(join(ROOT, "docs/endpoints.md"), "utf8")
    const routes = stage.latch.routes.filter(({ path }) => !/\/form\/|\/probe$|\.(?:css|js|svg)$/.test(path))
    t.diagnostic(`${routes.length} routes`)
    assert.ok(routes.length > 30)
    for (const { method, path } of routes) {
      const row = `\`${method} ${path.replace("/oauth/google", "/oauth/:provider")}\``
      assert.ok(text.includes(row), row)
    }
  })

  it("is short, without the table that is made", () => {
    const { length } = README.replace(/<!-- settings -->[\s\S]*<!-- \/settings -->/, "").split("\n")
    assert.ok(length < 210, `${length} lines`)
  })
})
