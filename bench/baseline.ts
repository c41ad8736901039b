/** What the service is compared with: the bare statement, and the bare hash. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hash, verify } from "@node-rs/argon2"
import { BareStore } from "./bare-store.ts"
import { answer } from "./process.ts"

const PASSWORD = "violet kettle ninety moss"
const HASHING = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** The statement that rotates, FULL, so many to a commit, in a loop without anything else. */
function updates(batch: number, milliseconds: number): number {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-bench-"))
  const store = new BareStore(join(folder, "bare.db"))
  let done = 0
  const began = performance.now()
  while (performance.now() - began < milliseconds) {
    store.begin()
    for (let count = 0; count < batch; count++) store.rotate()
    store.commit()
    done += batch
  }
  const perSecond = (done / (performance.now() - began)) * 1000
  store.close()
  rmSync(folder, { recursive: true, force: true })
  return perSecond
}

async function hashes(concurrency: number, milliseconds: number): Promise<number> {
  const stored = await hash(PASSWORD, HASHING)
  let done = 0
  const began = performance.now()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() - began < milliseconds) {
        if (!(await verify(stored, PASSWORD))) throw new Error("wrong")
        done++
      }
    }),
  )
  return (done / (performance.now() - began)) * 1000
}

answer((question) =>
  question.kind === "updates"
    ? updates(Number(question.batch), Number(question.milliseconds))
    : hashes(Number(question.concurrency), Number(question.milliseconds)),
)
