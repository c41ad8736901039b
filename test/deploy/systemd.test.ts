/** The units for a machine without containers: well-formed, closed, and no tighter than the service can live with. */
import assert from "node:assert/strict"
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { after, describe, it } from "node:test"
import { ask, freePort } from "../service/process.ts"
import { BUNDLE, openScratch, ROOT, run, start, until, withPrograms } from "./programs.ts"

const FOLDER = join(BUNDLE, "systemd")
const unit = (name: string): string => readFileSync(join(FOLDER, name), "utf8")
/** The least that systemd gives to what it can check of a unit: 0 is closed, 10 is open. */
const MOST_EXPOSED = 2.0

describe("the systemd units", () => {
  it("hand secrets over as credentials and hold none", () => {
    const text = unit("nightlatch.service")
    for (const name of ["secret", "operator-token", "smtp-url"])
      assert.match(text, new RegExp(`^LoadCredential=nightlatch-${name}:/etc/nightlatch/${name}$`, "m"))
    assert.doesNotMatch(text, /^(?:Environment|ExecStart)=.*(?:SECRET|TOKEN|SMTP_URL|PASSWORD)=/m)
    assert.match(text, /MemoryDenyWriteExecute=yes is not possible: V8/)
  })
})

withPrograms("the systemd units, as systemd sees them", ["systemd-analyze"], () => {
  const scratch = openScratch()
  after(() => scratch.remove())
  const units = globSync("*.{service,timer}", { cwd: FOLDER })

  it("are well-formed", async () => {
    assert.equal(units.length, 3)
    // The service's Node and its folder are not on this machine.
    mkdirSync(scratch.at("units"))
    for (const name of units)
      writeFileSync(scratch.at(`units/${name}`), unit(name).replaceAll("/usr/bin/node", process.execPath))
    const paths = units.map((name) => scratch.at(`units/${name}`))
    const checked = await run(["systemd-analyze", "verify", "--man=no", ...paths], {}, scratch.path, {
      as: "tests",
    })
    const ours = checked.output.split("\n").filter((line) => units.some((name) => line.includes(name)))
    assert.deepEqual(ours, [], checked.output)
    writeFileSync(
      scratch.at("units/nightlatch.service"),
      `${unit("nightlatch.service")}\nNoSuchSetting=yes\n[Service]\nMemoryMaxx=1\n`,
    )
    const broken = await run(
      ["systemd-analyze", "verify", "--man=no", scratch.at("units/nightlatch.service")],
      {},
      scratch.path,
      { as: "tests" },
    )
    assert.match(broken.output, /NoSuchSetting|MemoryMaxx/)
  })

  for (const name of units.filter((each) => each.endsWith(".service"))) {
    it(`${name} is closed as far as a service in JavaScript can be`, async (t) => {
      const judge = async (path: string): Promise<number> => {
        const { output } = await run(
          ["systemd-analyze", "security", "--offline=true", "--no-pager", path],
          {},
          scratch.path,
          { as: "tests" },
        )
        return Number(/Overall exposure level for \S+: (\d+\.\d+)/.exec(output)?.[1] ?? Number.NaN)
      }
      const exposure = await judge(join(FOLDER, name))
      t.diagnostic(`${basename(name)}: exposure ${exposure}`)
      assert.ok(exposure <= MOST_EXPOSED, `${exposure}`)
      writeFileSync(
        scratch.at(name),
        unit(name).replace(/^(?:Protect|Private|Restrict|SystemCall|Capability)\w+=.*$/gm, ""),
      )
      assert.ok((await judge(scratch.at(name))) > MOST_EXPOSED, "an open one is told apart")
    })
  }
})

withPrograms("the filter of system calls", ["systemd-analyze", "strace"], () => {
  const scratch = openScratch()
  after(() => scratch.remove())

  it("lets everything through that the service does", async (t) => {
    const listed = await run(["systemd-analyze", "syscall-filter"], {}, scratch.path, { as: "tests" })
    const allowed = allowedBy(unit("nightlatch.service"), listed.output)
    assert.ok(allowed.size > 100 && !allowed.has("mount") && !allowed.has("setuid") && allowed.has("read"))

    const port = await freePort()
    const trace = scratch.at("calls")
    const node = [process.execPath, join(ROOT, "src/cli/main.ts"), "serve", "--port", String(port)]
    writeFileSync(trace, "")
    mkdirSync(scratch.at("service"), { mode: 0o700 })
    const traced = start(
      ["strace", "-f", "-qq", "-o", trace, ...node],
      { CI: "" },
      scratch.at("service"),
      scratch.at("service.log"),
      "tests",
    )
    await until(() => traced.output().includes('"msg":"ready"'), 60, traced.output)
    const json = { email: "ada@example.com", password: "violet kettle ninety moss" }
    assert.equal((await ask(port, "/auth/login", { json })).status, 401)
    assert.equal((await ask(port, "/auth/register", { json: { email: json.email } })).status, 202)
    assert.equal((await ask(port, "/")).status, 200)
    // strace hands a signal on to nobody: the service ends with its group.
    process.kill(-(traced.child.pid ?? 0), "SIGTERM")
    await traced.stop()

    const calls = new Set(
      [...readFileSync(trace, "utf8").matchAll(/^\d+ +(?:<\.\.\. )?([a-z_]\w*)[( ]/gm)].map(
        ([, call]) => call ?? "",
      ),
    )
    t.diagnostic(`${calls.size} calls, ${allowed.size} allowed`)
    assert.ok(calls.size > 30 && calls.has("futex"))
    // SQLite gives its files to the owner of their folder when it is root, which this unit's service never is.
    if (process.getuid?.() === 0) calls.delete("fchown")
    assert.deepEqual(
      [...calls].filter((call) => !allowed.has(call)),
      [],
    )
  })
})

/** The calls that the lines `SystemCallFilter=` leave, after the groups that systemd lists. */
function allowedBy(text: string, list: string): ReadonlySet<string> {
  const groups = new Map<string, string[]>()
  let members: string[] = []
  for (const line of list.split("\n")) {
    if (line.startsWith("@")) {
      members = []
      groups.set(line.trim(), members)
    } else if (/^ {4}[@a-z_]/.test(line)) members.push(line.trim())
  }
  const flat = (name: string): readonly string[] =>
    name.startsWith("@") ? (groups.get(name) ?? []).flatMap(flat) : [name]
  const allowed = new Set<string>()
  for (const [, value = ""] of text.matchAll(/^SystemCallFilter=(.+)$/gm)) {
    const names = value.replace(/^~/, "").split(" ").flatMap(flat)
    for (const name of names) value.startsWith("~") ? allowed.delete(name) : allowed.add(name)
  }
  return allowed
}
