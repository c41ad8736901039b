import { sql } from "../../core/statement.ts"
import { readFlow, toBlob } from "../rows.ts"
import type { Store } from "../store.ts"
import { dropOutstanding, endSessions } from "./end.ts"
import { writeEvents } from "./events.ts"
import type { Executor } from "./executor.ts"
import { findAccount, findAccountByEmail } from "./find.ts"
import { insertMail } from "./mail.ts"
import { tryCode } from "./mail-flow.ts"

const UNDER_WAY = sql`
  SELECT * FROM mail_flow
  WHERE account_id = ? AND purpose <> 'sign-in' AND expires_at > ? AND tries < 3
  ORDER BY created_at DESC`
const SET_EMAIL = sql`UPDATE account SET email = ?, verified_at = ? WHERE id = ? AND disabled_at IS NULL`

export function findEmailChange(
  db: Executor,
  now: number,
  accountId: string,
): Awaited<ReturnType<Store["findEmailChange"]>> {
  const flows = db.all(UNDER_WAY, toBlob(accountId), now).map(readFlow)
  const old = flows.find(({ purpose }) => purpose === "email-change-old")
  const changed = flows.find(({ purpose }) => purpose === "email-change-new")
  return old === undefined || changed === undefined ? undefined : { old, new: changed }
}

export function completeEmailChange(
  db: Executor,
  now: number,
  input: Parameters<Store["completeEmailChange"]>[0],
): Awaited<ReturnType<Store["completeEmailChange"]>> {
  // Both are tried whatever the first one says: which of the two was wrong is nobody's business.
  const old = tryCode(db, now, input.old, "email-change-old")
  const changed = tryCode(db, now, input.new, "email-change-new")
  if (old.kind === "refused" || changed.kind === "refused") {
    const left = [old, changed].map((each) =>
      each.kind === "refused" ? each.triesLeft : each.flow.triesLeft,
    )
    return { kind: "refused", triesLeft: Math.min(...left) }
  }
  const { accountId } = input
  if (old.flow.accountId !== accountId || changed.flow.accountId !== accountId) {
    return { kind: "refused", triesLeft: 0 }
  }
  const before = findAccount(db, accountId)
  if (before === undefined || before.disabledAt !== null || before.email !== old.flow.email) {
    return { kind: "refused", triesLeft: 0 }
  }
  const holder = findAccountByEmail(db, changed.flow.email)
  dropOutstanding(db, accountId)
  if (holder !== undefined) return { kind: "taken" }
  db.run(SET_EMAIL, changed.flow.email, now, toBlob(accountId))
  // What was asked for in the name of the new address ends as well.
  dropOutstanding(db, accountId)
  const revoked = endSessions(db, now, { accountId, except: input.exceptSession, reason: "email" })
  writeEvents(db, now, input.events)
  for (const mail of input.mails(before.email, changed.flow.email)) insertMail(db, now, mail)
  return { kind: "changed", account: { ...before, email: changed.flow.email, verifiedAt: now }, revoked }
}
