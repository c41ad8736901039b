/** The plan of the building: which folder may import which, no cycles, and what a folder has to hold. */
import assert from "node:assert/strict"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { describe, it } from "node:test"

const ROOT = resolve(import.meta.dirname, "..")

/** Request-time rooms may name these others; everything not listed is refused. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "bot-check": ["rate-limit"],
  header: ["https"],
}

const ALL_ROOMS = "checklist"
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  store: ["core"],
  guard: ["core", ALL_ROOMS],
  flows: ["core", "store", ALL_ROOMS],
  pages: ["core", "store", ALL_ROOMS, "flows"],
  adapters: ["core", "guard"],
  latch: ["core", "store", ALL_ROOMS, "guard", "flows", "pages"],
  index: ["core", ALL_ROOMS, "guard", "latch"],
  testing: ["core", "store", "latch"],
  service: ["core", "store", ALL_ROOMS, "guard", "flows", "adapters", "latch", "index"],
  cli: ["core", "store", ALL_ROOMS, "flows", "latch", "index", "service"],
  client: [],
}

interface Edge {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

/** Every import of one of our files, static, dynamic or of a type. */
function edgesOf(path: string, text: string): Edge[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")
  const edges: Edge[] = []
  for (const match of code.matchAll(
    /\b(import|export)\s+(type\s)?[^"'`;]*?from\s+["'](\.[^"']+)["']|\bimport\s*\(\s*["'](\.[^"']+)["']\s*\)|\bimport\s+["'](\.[^"']+)["']/g,
  )) {
    const target = match[3] ?? match[4] ?? match[5] ?? ""
    edges.push({
      from: path,
      to: relative(ROOT, resolve(ROOT, dirname(path), target)),
      typeOnly: match[2] !== undefined,
    })
  }
  return edges
}

const floorOf = (path: string): string =>
  path.startsWith("src/index.") ? "index" : (path.split("/")[1] ?? "")
const roomOf = (path: string): string => path.split("/")[2] ?? ""

function faultOf({ from, to, typeOnly }: Edge): string | undefined {
  const [source, target] = [floorOf(from), floorOf(to)]
  if (source === "checklist") {
    if (target === "core") return undefined
    if (target === "store")
      return typeOnly && to === "src/store/store.ts" ? undefined : "a room takes only the types of the store"
    if (target !== "checklist") return `a room imports ${target}`
    const [mine, other] = [roomOf(from), roomOf(to)]
    if (mine === other) return undefined
    return ROOMS[mine]?.includes(other) === true && to.endsWith("/index.ts")
      ? undefined
      : `the room ${mine} imports ${to}`
  }
  if (source === target) return undefined
  if (FLOORS[source]?.includes(target) !== true) return `${source} imports ${target}`
  if (["flows", "pages"].includes(source) && target === "store" && !(typeOnly && to === "src/store/store.ts"))
    return `${source} take only the types of the store`
  return target === "checklist" && !to.endsWith("/index.ts") ? "a room is entered by its door" : undefined
}

function cycleIn(edges: readonly Edge[]): string | undefined {
  const graph = Map.groupBy(edges, (edge) => edge.from)
  const done = new Set<string>()
  const path: string[] = []
  const visit = (node: string): string | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node].join(" -> ")
    if (done.has(node)) return undefined
    path.push(node)
    for (const edge of graph.get(node) ?? []) {
      const found = visit(edge.to)
      if (found !== undefined) return found
    }
    path.pop()
    done.add(node)
    return undefined
  }
  for (const node of graph.keys()) {
    const found = visit(node)
    if (found !== undefined) return found
  }
  return undefined
}

/** Written in pieces, so that this file does not hold them. */
const LEFT = new RegExp(`\\b(?:${["TO", "FIX"].join("DO|")}ME|X{3}|HAC[K])\\b`)
/** A list of words. */
const LONG = ["src/checklist/password/common-passwords.ts"]

/** Words that stand for something this project does not do. */
function forbiddenIn(path: string, text: string): string[] {
  const found: string[] = []
  const environment = ["NODE", "ENV"].join("_")
  if (text.includes(environment)) found.push(`${path}: ${environment}`)
  const mayRead =
    /^src\/(?:service|cli)\//.test(path) || path.endsWith(".test.ts") || !path.startsWith("src/")
  if (!mayRead && text.includes("process.env")) found.push(`${path}: process.env`)
  if (LEFT.test(text)) found.push(`${path}: left for later`)
  if (/(?:^|\/)(?:utils?|helpers?|common|lib|misc)(?:\/|\.ts$)/.test(path))
    found.push(`${path}: a name that says nothing`)
  const lines = text.split("\n").length
  if (path.startsWith("src/") && !path.endsWith(".test.ts") && !LONG.includes(path) && lines > 400)
    found.push(`${path}: ${lines} lines`)
  return found
}

const files = globSync(["src/**/*.ts", "test/**/*.ts", "examples/**/*.ts", "scripts/*.ts", "bench/**/*.ts"], {
  cwd: ROOT,
}).sort()
const read = (path: string) => readFileSync(join(ROOT, path), "utf8")
const sources = files.filter((path) => path.startsWith("src/") && !path.endsWith(".test.ts"))

describe("the building", () => {
  const edges = sources.flatMap((path) => edgesOf(path, read(path)))

  it("imports only what the plan allows", (t) => {
    t.diagnostic(`${sources.length} files, ${edges.length} edges`)
    assert.ok(sources.length > 100 && edges.length > 300, "the plan looked at next to nothing")
    for (const edge of edges) assert.ok(existsSync(join(ROOT, edge.to)), `${edge.from} imports ${edge.to}`)
    const faults = edges.flatMap((edge) => {
      const fault = faultOf(edge)
      return fault === undefined ? [] : [`${edge.from} -> ${edge.to}: ${fault}`]
    })
    assert.deepEqual(faults, [])
  })

  it("has no cycles, not even of types", () => assert.equal(cycleIn(edges), undefined))

  it("holds whole rooms", (t) => {
    const rooms = globSync("src/checklist/*", { cwd: ROOT })
    t.diagnostic(`${rooms.length} rooms`)
    assert.ok(rooms.length >= 15)
    for (const room of rooms) {
      for (const file of ["README.md", "index.ts"])
        assert.ok(existsSync(join(ROOT, room, file)), `${room}/${file} is missing`)
      assert.ok(globSync(`${room}/*.test.ts`, { cwd: ROOT }).length > 0, `${room} has no test`)
      assert.match(read(`${room}/index.ts`), /\bstate\b/, `${room} does not say whether its line holds`)
    }
  })

  it("reads the environment in two places, leaves nothing for later, names its folders", () => {
    assert.deepEqual(
      files.flatMap((path) => forbiddenIn(path, read(path))),
      [],
    )
  })
})

describe("the plan itself finds", () => {
  const planted: readonly [string, string][] = [
    ["src/core/x.ts", 'import { a } from "../store/store.ts"'],
    ["src/store/x.ts", 'import { a } from "../flows/index.ts"'],
    ["src/checklist/cors/x.ts", 'import { a } from "../csrf/index.ts"'],
    ["src/checklist/cors/x.ts", 'import { a } from "../../store/store.ts"'],
    ["src/checklist/header/x.ts", 'import { a } from "../https/options.ts"'],
    ["src/guard/x.ts", 'import type { A } from "../flows/index.ts"'],
    ["src/flows/x.ts", 'import { a } from "../store/sqlite/index.ts"'],
    ["src/flows/x.ts", 'import { a } from "../pages/index.ts"'],
    ["src/pages/x.ts", 'import { a } from "../store/store.ts"'],
    ["src/pages/x.ts", 'import type { A } from "../latch/latch.ts"'],
    ["src/adapters/x.ts", 'import { a } from "../checklist/cors/index.ts"'],
    ["src/latch/x.ts", 'const a = await import("../service/server.ts")'],
    ["src/service/x.ts", 'export { a } from "../cli/main.ts"'],
    ["src/client/x.ts", 'import type { A } from "../core/session.ts"'],
    ["src/service/x.ts", 'import { a } from "../client/index.ts"'],
  ]
  for (const [path, text] of planted) {
    it(`${path}: ${text}`, () => assert.ok(edgesOf(path, text).some((edge) => faultOf(edge) !== undefined)))
  }
  it("a cycle of types", () => {
    const edge = (from: string, to: string) => ({ from, to, typeOnly: true })
    assert.equal(cycleIn([edge("a", "b"), edge("b", "c"), edge("c", "b")]), "b -> c -> b")
    assert.equal(cycleIn([edge("a", "b"), edge("a", "c"), edge("b", "c")]), undefined)
  })
  it("words that do not belong", () => {
    assert.equal(forbiddenIn("src/core/x.ts", "process.env.A").length, 1)
    assert.equal(forbiddenIn("src/core/utils/x.ts", "").length, 1)
    assert.equal(forbiddenIn("src/core/x.ts", ["// TO", "DO later"].join("")).length, 1)
    assert.equal(forbiddenIn("src/service/x.ts", "process.env.A").length, 0)
  })
})
