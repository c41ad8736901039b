/** What we say ourselves about a connection. */
export class LinkError extends Error {
  override readonly name = "LinkError"
}

/** Words of Redis that say what an operator has to change. */
const WORDS: Readonly<Record<string, string>> = {
  MOVED: "it is a Redis Cluster, which is not supported: give it a single server",
  CROSSSLOT: "it is a Redis Cluster, which is not supported: give it a single server",
  CLUSTERDOWN: "it is a Redis Cluster, which is not supported: give it a single server",
  NOAUTH: "it asks for a password",
  WRONGPASS: "it does not accept user and password",
  NOPERM: "its access rules do not let this user do what is needed",
  READONLY: "it is a replica, which cannot count",
  OOM: "its memory is full",
  MISCONF: "it cannot save and therefore refuses to write",
  LOADING: "it is still loading",
  MASTERDOWN: "it is a replica without its master",
  BUSY: "it is busy with another script",
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "its name has no address",
}

/**
 * Why Redis is gone, in words: its own code, the system's, or ours. Nothing else that a server or a library says is repeated,
 * since a message may hold what was sent.
 */
export function reasonOf(error: unknown, depth: number = 0): string {
  if (!(error instanceof Error) || depth > 3) return "unknown"
  if (error.cause !== undefined) return reasonOf(error.cause, depth + 1)
  const { code } = error as NodeJS.ErrnoException
  const word = typeof code === "string" ? code : wordOf(error.message)
  if (word !== undefined) return WORDS[word] === undefined ? word : `${WORDS[word]} (${word})`
  return error instanceof LinkError ? error.message : error.name
}

/** The word with which an error of Redis begins; what a user may not do inside a script has none of its own in Redis 7. */
function wordOf(message: string): string | undefined {
  if (message.startsWith("ERR The user executing the script can't")) return "NOPERM"
  return /^-?([A-Z]{2,20})\b/.exec(message)?.[1]
}
