/**
 * Accounts of another system, from a file of any length, into the store: in batches beside a running service, each row
 * judged alone. Attack: a row that is two addresses, asks for gigabytes, or brings a password for a mailbox that nobody
 * proved. Promise: such a row is told by its line and left out; nothing of a row is repeated in a message.
 */
import { createHash } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { toBase64url } from "../../core/bytes.ts"
import { BY_COMMAND } from "../../core/event.ts"
import { Faults } from "../../core/misuse.ts"
import { drawBytes } from "../../core/random.ts"
import type { ImportedAccount, Store } from "../../store/store.ts"
import { type Format, readRecords } from "./records.ts"
import { type RowSettings, readRow } from "./row.ts"

export { readFirebaseParameters } from "./firebase.ts"
export { decode, FORMATS, type Format, formatOf } from "./records.ts"
export type { RowSettings } from "./row.ts"

export interface ImportInput {
  readonly format: Format
  /** The decoded file, in pieces. */
  readonly text: AsyncIterable<string>
  /** Undefined when there is no database yet and nothing is written. */
  readonly store: Pick<Store, "importAccounts" | "findAccountByEmail"> | undefined
  /** Judges everything and writes nothing. */
  readonly dryRun: boolean
  /** Stops at the first row that cannot be taken; those before it stay. */
  readonly strict: boolean
  readonly settings: RowSettings
  /** Hears of each row that is left out: its line and a sentence. */
  readonly onFault: (line: number, why: string) => void
  readonly onProgress: (summary: ImportSummary) => void
}

export interface ImportSummary {
  readonly rows: number
  /** In a dry run: those that would be. */
  readonly created: number
  /** Already there, in the store or on an earlier line. */
  readonly taken: number
  readonly bad: number
  /** Created without their password, since the address was not proved. */
  readonly withoutPassword: number
  /** Names in the file that are no columns. */
  readonly unused: readonly string[]
  /** Reading ended before the end of the file. */
  readonly stopped: boolean
}

const BATCH = 500
/** A batch holds the database some milliseconds; then the service, which asks again every 15 ms, has its turn. */
const BREATH_MS = 20
const IN_STORE = "there is already an account with this address"
const IN_FILE = "its address is on an earlier line too"
/** Beyond it addresses that come twice are only found by the store. A set of JavaScript holds no more than 16 million. */
const MOST_REMEMBERED = 10_000_000

interface Waiting {
  readonly line: number
  readonly account: ImportedAccount
  readonly seen: boolean
  readonly withoutPassword: boolean
}

/** @throws MisuseError `import.column`, UnavailableError when the store fails; what was written before stays */
export async function importFile(input: ImportInput): Promise<ImportSummary> {
  const { store, settings, dryRun } = input
  const unused = new Set<string>()
  const count = { rows: 0, created: 0, taken: 0, bad: 0, withoutPassword: 0 }
  const addresses = new Set<number>()
  let batch: Waiting[] = []
  let stopped = false
  const summary = (): ImportSummary => ({ ...count, unused: [...unused], stopped })

  const leaveOut = (kind: "bad" | "taken", line: number, why: string): void => {
    count[kind]++
    input.onFault(line, why)
    if (kind === "bad" && input.strict) stopped = true
  }

  async function write(): Promise<void> {
    const waiting = batch
    batch = []
    const answers = await judge(waiting)
    for (const [index, { line, seen, withoutPassword }] of waiting.entries()) {
      if (answers[index] === "taken") leaveOut("taken", line, seen ? IN_FILE : IN_STORE)
      else {
        count.created++
        if (withoutPassword) count.withoutPassword++
      }
    }
    input.onProgress(summary())
    if (!dryRun) await pause(BREATH_MS)
  }

  async function judge(waiting: readonly Waiting[]): Promise<readonly ("created" | "taken")[]> {
    if (!dryRun && store !== undefined) return store.importAccounts(waiting.map(({ account }) => account))
    const answers: ("created" | "taken")[] = []
    for (const { account, seen } of waiting) {
      const known = seen || (await store?.findAccountByEmail(account.email)) !== undefined
      answers.push(known ? "taken" : "created")
    }
    return answers
  }

  for await (const record of readRecords(input.format, input.text, unused, new Faults())) {
    count.rows++
    const row = "fault" in record ? record.fault : readRow(record.values, settings, Date.now())
    if (typeof row === "string") {
      leaveOut("bad", record.line, row)
      if ("fault" in record && record.final === true) stopped = true
      if (stopped) break
      continue
    }
    const { withoutPassword, ...account } = row
    const id = toBase64url(drawBytes(16))
    const events = [{ type: "account.created", accountId: id, detail: { by: BY_COMMAND } }] as const
    const seen = remember(addresses, row.email)
    batch.push({ line: record.line, account: { ...account, id, events }, seen, withoutPassword })
    if (batch.length === BATCH) await write()
  }
  if (batch.length > 0) await write()
  return summary()
}

/** Whether it was there before. By 52 bits, since a million addresses would take too much room; the store decides. */
function remember(addresses: Set<number>, email: string): boolean {
  const digest = createHash("sha256").update(email).digest()
  const short = digest.readUIntBE(0, 6) * 16 + ((digest[6] ?? 0) & 15)
  if (addresses.has(short)) return true
  if (addresses.size < MOST_REMEMBERED) addresses.add(short)
  return false
}
