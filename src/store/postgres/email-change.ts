import { sql } from "../../core/statement.ts"
import { readFlow, toBlob } from "../rows.ts"
import type { Store } from "../store.ts"
import { lockAccount, lockAddresses } from "./address.ts"
import { dropOutstanding, endSessions } from "./end.ts"
import { writeEvents } from "./events.ts"
import type { Executor } from "./executor.ts"
import { findAccountByEmail, readNow } from "./find.ts"
import { insertMail } from "./mail.ts"
import { tryCode } from "./mail-flow.ts"

const UNDER_WAY = sql`
  SELECT * FROM nightlatch.mail_flow
  WHERE account_id = $1 AND purpose <> 'sign-in' AND expires_at > nightlatch.now_ms() AND tries < 3
  ORDER BY created_at DESC`
const ADDRESSES = sql`SELECT email FROM nightlatch.mail_flow WHERE id = $1 OR id = $2`
const SET_EMAIL = sql`
  UPDATE nightlatch.account SET email = $1, verified_at = $2 WHERE id = $3 AND disabled_at IS NULL`
const MARK = sql`SAVEPOINT address`
const BACK = sql`ROLLBACK TO SAVEPOINT address`

// https://www.postgresql.org/docs/15/errcodes-appendix.html
const UNIQUE_VIOLATION = "23505"

export async function findEmailChange(db: Executor, accountId: string): ReturnType<Store["findEmailChange"]> {
  const flows = (await db.all(UNDER_WAY, toBlob(accountId))).map(readFlow)
  const old = flows.find(({ purpose }) => purpose === "email-change-old")
  const changed = flows.find(({ purpose }) => purpose === "email-change-new")
  return old === undefined || changed === undefined ? undefined : { old, new: changed }
}

export async function completeEmailChange(
  db: Executor,
  input: Parameters<Store["completeEmailChange"]>[0],
): ReturnType<Store["completeEmailChange"]> {
  const { accountId } = input
  const addresses = await db.all(ADDRESSES, toBlob(input.old.flowId), toBlob(input.new.flowId))
  await lockAddresses(
    db,
    addresses.map(({ email }) => String(email)),
  )
  const before = await lockAccount(db, accountId)
  const now = await readNow(db)
  // Both are tried whatever the first one says: which of the two was wrong is nobody's business.
  const old = await tryCode(db, now, input.old, "email-change-old")
  const changed = await tryCode(db, now, input.new, "email-change-new")
  if (old.kind === "refused" || changed.kind === "refused") {
    const left = [old, changed].map((each) =>
      each.kind === "refused" ? each.triesLeft : each.flow.triesLeft,
    )
    return { kind: "refused", triesLeft: Math.min(...left) }
  }
  if (old.flow.accountId !== accountId || changed.flow.accountId !== accountId) {
    return { kind: "refused", triesLeft: 0 }
  }
  if (before === undefined || before.disabledAt !== null || before.email !== old.flow.email) {
    return { kind: "refused", triesLeft: 0 }
  }
  const holder = await findAccountByEmail(db, changed.flow.email)
  await dropOutstanding(db, accountId)
  if (holder !== undefined || !(await setEmail(db, now, accountId, changed.flow.email)))
    return { kind: "taken" }
  // What was asked for in the name of the new address ends as well.
  await dropOutstanding(db, accountId)
  const revoked = await endSessions(db, now, { accountId, except: input.exceptSession, reason: "email" })
  await writeEvents(db, now, input.events)
  for (const mail of input.mails(before.email, changed.flow.email)) await insertMail(db, now, mail)
  return { kind: "changed", account: { ...before, email: changed.flow.email, verifiedAt: now }, revoked }
}

/** @returns false when somebody who holds no lock of the address, like an administrator, gave it away at this moment */
async function setEmail(db: Executor, now: number, accountId: string, email: string): Promise<boolean> {
  await db.run(MARK)
  try {
    await db.run(SET_EMAIL, email, now, toBlob(accountId))
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error
    await db.run(BACK)
    return false
  }
}
