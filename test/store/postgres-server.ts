/** A database of one's own on a real server, for as long as some tests run. */
import { randomBytes } from "node:crypto"
import { after, before, describe } from "node:test"
import pg from "pg"

const server = { host: "127.0.0.1", port: 5432, user: "postgres" }

export interface Database {
  readonly url: string
  drop(): Promise<void>
}

/** @param body gets the URL of a new database, which is there from the first `before` on */
export function withDatabase(name: string, body: (url: () => string) => void): void {
  describe(name, () => {
    let database: Database | undefined
    before(async () => {
      database = await createDatabase()
    })
    after(() => database?.drop())
    body(() => database?.url ?? "")
  })
}

export async function createDatabase(): Promise<Database> {
  const name = `nightlatch_test_${randomBytes(6).toString("hex")}`
  await ask(`CREATE DATABASE ${name}`)
  return {
    url: `postgres://${server.user}@${server.host}:${server.port}/${name}`,
    drop: () => ask(`DROP DATABASE ${name} WITH (FORCE)`),
  }
}

async function ask(text: string): Promise<void> {
  const client = new pg.Client({ ...server, database: "postgres" })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
