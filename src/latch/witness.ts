/**
 * Attack: an older copy of the database in its place. What was revoked since is valid again: sessions, disabled accounts,
 * old passwords; and nobody notices. Promise: a small file outside the database holds the highest value of a counter that
 * rises in it; a database with a lower one does not start until somebody has said so (`nightlatch restore --acknowledge`,
 * which ends every session). Limit: what happened since the last rise, at most a minute without a revocation, is not told.
 */
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { open, rename } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import * as z from "zod"
import { makeFolder } from "../checklist/database/index.ts"
import type { Logger } from "../core/logger.ts"
import { MisuseError } from "../core/misuse.ts"
import type { DatabasePlace, Mark, Store } from "../store/store.ts"

const EVERY_MS = 60_000
/** Revocations that come together share one rise. */
const GATHER_MS = 1_000
const MODE = 0o600

const Shape = z.strictObject({ lineage: z.int().min(0), counter: z.int().min(0) })

/** @returns undefined for a database in memory, which has no earlier copies */
export function witnessPath(place: DatabasePlace, stateFolder: string | undefined): string | undefined {
  if (place.kind === "postgres") return join(resolve(stateFolder ?? "./data"), "nightlatch.witness")
  return place.path === ":memory:" ? undefined : `${resolve(place.path)}.witness`
}

/** @returns undefined when there is none @throws MisuseError `store.witness_unreadable` when it is something else */
export function readWitness(path: string): Mark | undefined {
  try {
    return Shape.parse(JSON.parse(readFileSync(path, "utf8")))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw new MisuseError([
      {
        code: "store.witness_unreadable",
        path,
        problem: "the witness of the database cannot be read, so an older copy would not be noticed",
        fix: "If the database is the newest there is, remove the file. Else: nightlatch restore --acknowledge",
      },
    ])
  }
}

/** Whole or not at all, also when the machine loses power. */
export async function writeWitness(path: string, { lineage, counter }: Mark): Promise<void> {
  makeFolder(dirname(path))
  // Instances that share a folder write at the same moment.
  const fresh = `${path}.${randomBytes(4).toString("hex")}`
  const file = await open(fresh, "wx", MODE)
  try {
    await file.writeFile(`${JSON.stringify({ lineage, counter })}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
}

export interface Witness {
  /** Something was revoked: the counter rises soon. */
  note(): void
  /** Raises it once more. */
  stop(): Promise<void>
}

const NONE: Witness = { note() {}, stop: () => Promise.resolve() }

/**
 * @throws MisuseError `store.went_back`, `store.witness_unreadable`
 * @throws UnavailableError when the store does not answer
 */
export async function startWitness(input: {
  readonly store: Pick<Store, "readMark" | "raiseMark" | "recordEvents">
  /** Undefined: no witness is kept. */
  readonly path: string | undefined
  readonly logger: Logger
  /** Milliseconds; default a minute. */
  readonly everyMs?: number
}): Promise<Witness> {
  const { store, path, logger } = input
  if (path === undefined) return NONE
  const witness = readWitness(path)
  const found = await store.readMark()
  if (witness === undefined) logger.info({ file: path }, "store: no witness of the database yet, one is made")
  else if (witness.lineage !== found.lineage)
    logger.warn({ file: path }, "store: another database than before, a new witness is made")
  else if (found.counter < witness.counter) throw wentBack()
  let last = found.counter
  let working: Promise<void> | undefined
  let soon: NodeJS.Timeout | undefined
  let failing = false

  async function rise(): Promise<void> {
    try {
      const mark = await store.raiseMark()
      if (mark.counter <= last) await alarm()
      else await writeWitness(path ?? "", mark)
      // The file keeps the highest, so that the next start refuses what went back.
      last = Math.max(last, mark.counter)
      failing = false
    } catch (error) {
      if (!failing)
        logger.warn({ file: path, err: error }, "store: the witness of the database could not be written")
      failing = true
    }
  }

  async function alarm(): Promise<void> {
    logger.error(
      { code: "store.went_back" },
      "store: the database is older than it was. What was revoked since may be valid again: nightlatch restore --acknowledge ends every session",
    )
    await store.recordEvents([{ type: "store.went_back" }])
  }

  /** One at a time. */
  function work(): Promise<void> {
    working ??= rise().finally(() => {
      working = undefined
    })
    return working
  }

  await work()
  const timer = setInterval(() => void work(), input.everyMs ?? EVERY_MS).unref()
  return {
    note() {
      soon ??= setTimeout(() => {
        soon = undefined
        void work()
      }, GATHER_MS).unref()
    },
    async stop() {
      clearInterval(timer)
      clearTimeout(soon)
      await working
      await work()
    },
  }
}

function wentBack(): MisuseError {
  return new MisuseError([
    {
      code: "store.went_back",
      path: "database",
      problem:
        "the database is older than when the service last ran: sessions, disabled accounts and passwords from before could be valid again",
      fix: "Put the newest one back. If it is lost: nightlatch restore --acknowledge, which ends every session.",
    },
  ])
}
