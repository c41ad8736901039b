import { describe } from "node:test"
import type { Clock } from "../core/clock.ts"
import type { Store } from "../store/store.ts"
import { accounts, deletionByOwner } from "./contract/accounts.ts"
import { earlierCopy } from "./contract/earlier-copy.ts"
import { emailChange } from "./contract/email-change.ts"
import { createFixture, type Fixture } from "./contract/fixture.ts"
import { identities } from "./contract/identities.ts"
import { mail } from "./contract/mail.ts"
import { mailbox } from "./contract/mailbox.ts"
import { lookingAtRefresh, refreshing } from "./contract/refresh.ts"
import { rootSecrets } from "./contract/root-secrets.ts"
import { endingSessions, signingIn } from "./contract/sessions.ts"
import { oneTimeTokens } from "./contract/tokens.ts"
import { upkeep, upkeepOfFlows } from "./contract/upkeep.ts"

type Subject = (fixture: Fixture) => void

/** Each suite has a store of its own. */
const SUITES: Readonly<Record<string, readonly Subject[]>> = {
  /** Without a password: proof of a mailbox, identities at providers, deletion by the owner. */
  "sign-in contract": [mailbox, emailChange, identities, deletionByOwner, lookingAtRefresh, upkeepOfFlows],
  "store contract": [
    earlierCopy,
    rootSecrets,
    accounts,
    signingIn,
    refreshing,
    endingSessions,
    oneTimeTokens,
    mail,
    upkeep,
  ],
}

/**
 * What every engine has to keep, as tests: each verb, each verdict, what is atomic and what is remembered. The verdicts of
 * the refresh are compared cell by cell with a reference elsewhere; here they are told by example.
 * @param open a new, empty store on this clock
 */
export function storeContract(name: string, open: (clock: Clock) => Promise<Store>): void {
  for (const [suite, subjects] of Object.entries(SUITES))
    describe(`${suite}: ${name}`, () => {
      const fixture = createFixture(open)
      for (const subject of subjects) subject(fixture)
    })
}
