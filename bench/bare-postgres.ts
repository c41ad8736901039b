/** The statement that rotates a session, on as many connections as the service has, each session once at a time. */
import { randomBytes } from "node:crypto"
import pg from "pg"
import { openPostgres } from "../src/store/postgres/index.ts"
import { BARE_ROTATION, DAY, signInMany, type Token } from "./database.ts"

/** More than the clients of the load. */
const SESSIONS = 256
export const CONNECTIONS = 16

export class BarePostgres {
  readonly #pool: pg.Pool
  readonly #free: Token[]

  private constructor(pool: pg.Pool, tokens: Token[]) {
    this.#pool = pool
    this.#free = tokens
  }

  /** @param url of a database that has the schema, or gets it */
  static async open(url: string): Promise<BarePostgres> {
    const store = await openPostgres({ url })
    const tokens = await signInMany(store, SESSIONS)
    await store.close()
    const connectionString = url.replace(/\?.*$/, "")
    return new BarePostgres(new pg.Pool({ connectionString, max: CONNECTIONS }), tokens)
  }

  async rotate(): Promise<void> {
    const token = this.#free.shift()
    if (token === undefined) throw new Error("more at once than there are sessions")
    const next = randomBytes(32)
    const values = [token.bytes, next, next, DAY, token.generation, token.hash]
    const { rowCount } = await this.#pool.query({ name: "bare", text: BARE_ROTATION, values })
    if (rowCount !== 1) throw new Error("nothing rotated")
    token.generation++
    token.hash = next
    this.#free.push(token)
  }
}
