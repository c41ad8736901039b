import type { Facts, LineState } from "../../core/facts.ts"

const OTHERS = 0o077

export function state(facts: Facts): LineState {
  const { location, fileMode, folderMode, durable } = facts.database
  if (location === "memory") {
    return {
      state: "weakened",
      why: "The database is in memory: nobody else can reach it, and a restart forgets accounts and revocations.",
      fix: "Name a file: NIGHTLATCH_DATABASE=data/nightlatch.db",
    }
  }
  if (fileMode === undefined || folderMode === undefined) {
    return {
      state: "weakened",
      why: "SQLite in a local file, reachable over no network; this system has no permission bits to check.",
      fix: "Make sure that only the user of the service can open the file.",
    }
  }
  if ((fileMode & OTHERS) !== 0) {
    return {
      state: "fails",
      why: `Other users of this machine can open the database file (mode ${octal(fileMode)}).`,
      fix: "Run chmod 600 on the database file.",
    }
  }
  if (!durable) {
    return {
      state: "weakened",
      why: "Commits are not durable: a power cut can bring back a session that was ended.",
      fix: "Remove the option that makes commits faster.",
    }
  }
  if ((folderMode & OTHERS) !== 0) {
    return {
      state: "weakened",
      why: `SQLite in a file of mode ${octal(fileMode)}, reachable over no network; other users can look into its folder (mode ${octal(folderMode)}).`,
      fix: "Keep the database in a folder of its own and run chmod 700 on it.",
    }
  }
  return {
    state: "holds",
    why: `SQLite in a file of mode ${octal(fileMode)} in a folder of mode ${octal(folderMode)}, reachable over no network.`,
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0")
}
