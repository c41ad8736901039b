import type { MailBudget, MailFlowPurpose, MailLimits, NewMail, NewMailFlow } from "../../store/store.ts"
import { bytes, type Fixture, LIMITED, MINUTE, mailTo, newId } from "./fixture.ts"

export const FLOW_LIMITS: MailLimits = { perRecipientHour: 5, perRecipientDay: 15, totalHour: 1000 }

export interface Ask {
  readonly email: string
  readonly accountId?: string | null
  readonly decoy?: boolean
  readonly budget?: MailBudget
  readonly purpose?: MailFlowPurpose
  readonly mail?: NewMail["purpose"]
}

export function flowFor(ask: Ask): NewMailFlow {
  return {
    id: newId(),
    purpose: ask.purpose ?? "sign-in",
    email: ask.email,
    accountId: ask.accountId ?? null,
    secretHash: bytes(),
    client: "Firefox on Linux",
    addressPrefix: "192.0.2.0/24",
    persistent: false,
    lifetimeMs: 10 * MINUTE,
  }
}

export function mailFor(ask: Ask, flowId: string): NewMail {
  const { email, accountId = null, decoy = false, budget = "link", mail = "email-link" } = ask
  return mailTo(email, { purpose: mail, accountId, decoy, budget, flowId })
}

export async function ask({ store }: Fixture, input: Ask): Promise<NewMailFlow> {
  const flow = flowFor(input)
  const mails = [mailFor(input, flow.id)]
  await store.startMailFlow({ flows: [flow], mails, limits: FLOW_LIMITS, limitedEvent: LIMITED, events: [] })
  return flow
}
