import type { Form } from "./form.ts"
import { settingsAgain } from "./settings.ts"
import { leadOn } from "./settings-link.ts"
import type { Site } from "./site.ts"
import type { Visit } from "./visit.ts"

/** What differs between the forms of the account page. */
interface Action extends Pick<Form, "flow" | "json" | "params" | "summary"> {
  readonly name: string
  /** The word for what was done; without it the flow's own answer goes out. */
  readonly done?: string
  /** The text for a body that the flow finds wrong. */
  readonly invalid?: "email" | "codes" | "passwords"
  /** The field whose value is shown again. */
  readonly keeps?: string
}

const ACTIONS: readonly Action[] = [
  {
    name: "email-change",
    flow: "email-change",
    summary: "Asks for another address.",
    json: (fields) => ({ newEmail: fields("newEmail") }),
    done: "address-asked",
    invalid: "email",
    keeps: "newEmail",
  },
  {
    name: "email-change-complete",
    flow: "email-change-complete",
    summary: "Changes the address by both codes.",
    json: (fields) => ({ oldCode: fields("oldCode"), newCode: fields("newCode") }),
    done: "address",
    invalid: "codes",
  },
  {
    name: "password-change",
    flow: "password-change",
    summary: "Changes the password.",
    json: (fields) => ({ currentPassword: fields("currentPassword"), newPassword: fields("newPassword") }),
    done: "password",
    invalid: "passwords",
  },
  {
    name: "password-set",
    flow: "password-forgot",
    summary: "Mails a link to choose a first password.",
    json: (_, visitor) => ({ email: visitor?.account.email ?? "" }),
    done: "password-asked",
  },
  {
    name: "identity-unlink",
    flow: "identities-unlink",
    summary: "Removes a way to sign in.",
    params: (fields) => ({ id: fields("id") }),
    done: "unlinked",
    keeps: "id",
  },
  {
    name: "link-pending",
    flow: "identities-link-pending",
    summary: "Adds the provider whose sign-in waits in this browser.",
    json: () => ({}),
    done: "linked",
  },
  {
    name: "session-end",
    flow: "sessions-end",
    summary: "Ends one session.",
    params: (fields) => ({ id: fields("id") }),
    done: "session",
  },
  {
    name: "sessions-end",
    flow: "sessions-end-others",
    summary: "Ends all other sessions.",
    done: "sessions",
  },
  { name: "export", flow: "account-export", summary: "Downloads the own data." },
  {
    name: "account-delete",
    flow: "account-delete",
    summary: "Asks for the deletion of the account.",
    json: () => ({}),
    done: "delete",
  },
  {
    name: "account-keep",
    flow: "account-keep",
    summary: "Takes the deletion back.",
    json: () => ({}),
    done: "keep",
  },
]

export function settingsForms(site: Site): readonly Form[] {
  return site.policy.ours.has("account")
    ? [...ACTIONS.map((each) => formOf(site, each)), ...linkForms(site)]
    : []
}

function formOf(site: Site, { name, done, invalid, keeps, ...rest }: Action): Form {
  const path = `${site.basePath}/settings`
  return {
    ...rest,
    name,
    user: true,
    page: (visit) => visit.href(path),
    ...(done === undefined ? {} : { done: (visit: Visit) => visit.href(path, { done }) }),
    again: settingsAgain(name, invalid, keeps),
  }
}

function linkForms(site: Site): readonly Form[] {
  return site.providers.map(({ name, title }) => ({
    name: `link-${name}`,
    flow: `oauth-${name}-link`,
    user: true,
    summary: `Begins to add ${title} to the account.`,
    page: (visit) => visit.page("account"),
    json: () => ({ returnTo: `${site.basePath}/settings?done=linked` }),
    answer: leadOn,
    again: settingsAgain(`link-${name}`),
  }))
}
