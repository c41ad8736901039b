import type { Facts, LineState, PostgresFacts, SqliteFacts } from "../../core/facts.ts"

const OTHERS = 0o077

export function state({ database }: Facts): LineState {
  return database.engine === "sqlite" ? ofFile(database) : ofServer(database)
}

function ofServer(facts: PostgresFacts): LineState {
  const { version, reach, verified, superuser, owner, durable } = facts
  const how = {
    socket: "by a socket of this machine",
    loopback: "on this machine's loopback interface",
    network: "over TLS with a certificate that was verified for the host's name",
  }[reach]
  if (reach === "network" && !verified) {
    return {
      state: "fails",
      why: "Nobody has verified that the server at the other end of the network is the database.",
      fix: "Use sslmode=verify-full, with sslrootcert for a certificate authority of your own.",
    }
  }
  if (facts.publicAddress) {
    return {
      state: "fails",
      why: `PostgreSQL ${version} answers at an address of the internet: whoever learns the password comes in from anywhere.`,
      fix: "Put the database into a private network of the service's, and name it by its address there.",
    }
  }
  if (superuser) {
    return {
      state: "fails",
      why: `PostgreSQL ${version} ${how}, as a superuser: whoever gets the URL owns the whole server.`,
      fix: "Make the two roles of: nightlatch migrate --roles",
    }
  }
  if (facts.defaultPassword) {
    return {
      state: "fails",
      why: "The password of the database is a published default, or the name of its user or database.",
      fix: "Set one that nobody can guess, for example what nightlatch secret prints: ALTER ROLE … PASSWORD '…'.",
    }
  }
  if (facts.trusting) {
    return {
      state: reach === "network" ? "fails" : "weakened",
      why: `The server asks for no password: ${reach === "network" ? "whoever reaches it" : "every program on this machine"} comes in as this role.`,
      fix: "Write scram-sha-256 for trust in the server's pg_hba.conf, and give the role a password.",
    }
  }
  if (!durable) {
    return {
      state: "weakened",
      why: "synchronous_commit is off: a crash of the server can bring back a session that was ended.",
      fix: "Set synchronous_commit = on for the database.",
    }
  }
  if (owner) {
    return {
      state: "weakened",
      why: `PostgreSQL ${version} ${how}, by a role that may change the tables and so what keeps events append-only.`,
      fix: "Run with the restricted role of: nightlatch migrate --roles",
    }
  }
  return {
    state: "holds",
    why: `PostgreSQL ${version} ${how}, by a role that can only do what the service does.`,
  }
}

function ofFile({ location, fileMode, folderMode, durable }: SqliteFacts): LineState {
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
