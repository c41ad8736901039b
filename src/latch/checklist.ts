import { state as botCheck } from "../checklist/bot-check/index.ts"
import { state as cookie } from "../checklist/cookie/index.ts"
import { state as cors } from "../checklist/cors/index.ts"
import { state as csrf } from "../checklist/csrf/index.ts"
import { state as database } from "../checklist/database/index.ts"
import { state as emailLink } from "../checklist/email-link/index.ts"
import { state as event } from "../checklist/event/index.ts"
import { state as header } from "../checklist/header/index.ts"
import { state as https } from "../checklist/https/index.ts"
import { state as oauth } from "../checklist/oauth/index.ts"
import { state as overload } from "../checklist/overload/index.ts"
import { state as password } from "../checklist/password/index.ts"
import { state as proxy } from "../checklist/proxy/index.ts"
import { state as rateLimit } from "../checklist/rate-limit/index.ts"
import { state as secret } from "../checklist/secret/index.ts"
import { state as session } from "../checklist/session/index.ts"
import { state as sql } from "../checklist/sql/index.ts"
import { state as token } from "../checklist/token/index.ts"
import type { Facts, LineState } from "../core/facts.ts"
import { LINES, type Line, type LineId } from "../core/lines.ts"

/** A line of the checklist and whether it holds here and now. */
export interface ChecklistRow {
  readonly line: Line
  readonly state: LineState
}

const STATES: Readonly<Record<LineId, (facts: Facts) => LineState>> = {
  https,
  header,
  cors,
  csrf,
  cookie,
  token,
  session,
  password,
  "email-link": emailLink,
  oauth,
  "rate-limit": rateLimit,
  proxy,
  overload,
  "bot-check": botCheck,
  sql,
  database,
  secret,
  event,
}

export function readChecklist(facts: Facts): readonly ChecklistRow[] {
  return LINES.map((line) => ({ line, state: STATES[line.id](facts) }))
}
