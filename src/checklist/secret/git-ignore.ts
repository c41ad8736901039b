/**
 * Whether git would ignore a file. Git itself is asked when it is there; without it the `.gitignore` files are read, and
 * what they say unclearly counts as "not ignored": the caller then adds a line of its own, which costs nothing.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"

const GIT_DEADLINE_MS = 5000

/** @param name a file name in that folder; the file need not exist */
export function isIgnored(folder: string, name: string): boolean {
  const root = repositoryOf(folder)
  return (root === undefined ? undefined : askGit(folder, name)) ?? readRules(root ?? folder, folder, name)
}

function repositoryOf(folder: string): string | undefined {
  let at = resolve(folder)
  while (!existsSync(join(at, ".git"))) {
    const up = dirname(at)
    if (up === at) return undefined
    at = up
  }
  return at
}

/** Undefined when there is no git, or git will not speak about this repository. A tracked file is not ignored. */
function askGit(folder: string, name: string): boolean | undefined {
  try {
    const options = { cwd: folder, stdio: "ignore", timeout: GIT_DEADLINE_MS } as const
    execFileSync("git", ["-c", "core.fsmonitor=false", "check-ignore", "--quiet", "--", name], options)
    return true
  } catch (error) {
    return (error as { status?: unknown }).status === 1 ? false : undefined
  }
}

/** The last matching line of the nearest file decides. Source: gitignore(5). */
function readRules(root: string, folder: string, name: string): boolean {
  let ignored = false
  for (const at of foldersBetween(resolve(root), resolve(folder))) {
    const path = relative(at, join(resolve(folder), name))
      .split(sep)
      .join("/")
    for (const line of linesOf(join(at, ".gitignore"))) {
      const negated = line.startsWith("!")
      const matches = matchesPattern(negated ? line.slice(1) : line, path)
      if (matches === true) ignored = !negated
      else if (matches === undefined && negated) ignored = false
    }
  }
  return ignored
}

function foldersBetween(root: string, folder: string): readonly string[] {
  const steps = relative(root, folder).split(sep).filter(Boolean)
  return [root, ...steps.map((_, index) => join(root, ...steps.slice(0, index + 1)))]
}

function linesOf(path: string): readonly string[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, "utf8").split(/\r?\n/)
  return lines.map((line) => line.trimEnd()).filter((line) => line !== "" && !line.startsWith("#"))
}

/** Undefined for what is not read here: character classes, escapes, and patterns for folders only. */
function matchesPattern(pattern: string, path: string): boolean | undefined {
  if (/[[\]\\]/.test(pattern) || pattern.endsWith("/")) return undefined
  const anchored = pattern.includes("/")
  const subject = anchored ? path : path.slice(path.lastIndexOf("/") + 1)
  const expression = pattern
    .replace(/^\//, "")
    .replace(/[.+^${}()|]/g, "\\$&")
    .replace(/\*\*\/|\*\*|\*|\?/g, (glob) => {
      if (glob === "**/") return "(?:[^/]+/)*"
      return glob === "**" ? ".*" : glob === "*" ? "[^/]*" : "[^/]"
    })
  return new RegExp(`^${expression}$`).test(subject)
}
