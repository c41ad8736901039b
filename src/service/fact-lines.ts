import type { Facts } from "../core/facts.ts"

/** What an operator wants to see of this instance at a glance, in words. */
export function factLines(facts: Facts): readonly (readonly [name: string, value: string])[] {
  const { database, token, session, password, rateLimit, proxy } = facts
  const feed = session.feedAgeMs
  return [
    ["Database", databaseLine(database)],
    ["Access token", `${token.algorithm}, ${duration(token.lifetimeSeconds)}, ${count(token.keys, "key")}`],
    ["Session", `${duration(session.idleSeconds)} idle, ${duration(session.absoluteSeconds)} at most`],
    ["Tolerated delay", `${session.toleratedDelaySeconds} s`],
    ["Revocations", feed === undefined ? "not read yet" : `read ${(feed / 1000).toFixed(1)} s ago`],
    [
      "Passwords",
      password.enabled
        ? `argon2id, ${Math.round(password.memoryKib / 1024)} MiB, ${count(password.concurrency, "thread")}`
        : "off",
    ],
    ["Rate limits", `${count(rateLimit.keys, "key")} in memory, ${rateLimit.capacity} at most`],
    ["Trusted proxies", proxy.trusted.length === 0 ? "none" : proxy.trusted.join(", ")],
  ]
}

function databaseLine(database: Facts["database"]): string {
  if (database.engine === "postgres") {
    const by = { socket: "by a local socket", loopback: "on this machine", network: "over TLS" }[
      database.reach
    ]
    return `PostgreSQL ${database.version} ${by}`
  }
  const mode = database.fileMode === undefined ? "" : `, mode ${octal(database.fileMode)}`
  return `SQLite in ${database.location === "file" ? `a file${mode}` : "memory, gone at the end"}`
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0")
}

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? "" : "s"}`
}

function duration(seconds: number): string {
  const units = [
    ["day", 86_400],
    ["hour", 3600],
    ["min", 60],
  ] as const
  for (const [word, size] of units) {
    if (seconds >= size && seconds % size === 0) {
      return word === "min" ? `${seconds / size} min` : count(seconds / size, word)
    }
  }
  return `${seconds} s`
}
