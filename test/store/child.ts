/** A process of its own for the tests of the file: opens it, or rotates sessions until it is killed. */

import { randomBytes } from "node:crypto"
import { appendFileSync } from "node:fs"
import { toBase64url } from "../../src/core/bytes.ts"
import { openSqlite } from "../../src/store/sqlite/index.ts"

const [, , what, path = "", log = ""] = process.argv
const store = await openSqlite({ path, exclusive: what === "rotate" })
if (what === "rotate") {
  const accountId = toBase64url(randomBytes(16))
  await store.createAccount({
    id: accountId,
    email: `${accountId.toLowerCase()}@example.com`,
    passwordHash: "h",
    roles: [],
    verified: true,
    events: [],
  })
  await Promise.all(Array.from({ length: 8 }, () => rotateForever(accountId)))
}
await store.close()

async function rotateForever(accountId: string): Promise<void> {
  const id = toBase64url(randomBytes(16))
  let hash = randomBytes(32)
  const about = {
    transport: "cookie",
    persistent: true,
    methods: ["pwd"],
    client: "",
    addressPrefix: "",
  } as const
  const session = { id, hash, salt: randomBytes(32), idleMs: 1e9, absoluteMs: 1e9, ...about }
  await store.startSession({ accountId, verifiedHash: "h", session, events: [] })
  for (let generation = 1; ; generation++) {
    const nextHash = randomBytes(32)
    const windows = { graceMs: 0, minRotateMs: 0, idleMs: 1e9, readyAt: 0 }
    const events = { reuse: [], "late-parent": [], rollback: [] }
    const result = await store.presentRefresh({
      sessionId: id,
      generation,
      hash,
      nextHash,
      nextSalt: randomBytes(32),
      transport: "cookie",
      events,
      mail: ({ email }) => ({
        purpose: "signed-out-for-safety",
        email,
        accountId: null,
        decoy: false,
        language: "en",
      }),
      ...windows,
    })
    if (result.verdict !== "rotated") process.exit(3)
    appendFileSync(log, `${id} ${generation + 1}\n`)
    hash = nextHash
  }
}
