import { html } from "hono/html"
import type { MailPurpose } from "../../store/store.ts"
import type { OutgoingMail } from "./policy.ts"

interface Words {
  readonly subject: string
  readonly lines: readonly string[]
  /** What the link does; only where there is one. */
  readonly action?: string
  readonly end: string
}

const IGNORE = "If this was not you, you can ignore this mail: nothing happens without the link."
const WORRY = "If this was not you, somebody knows your password or reads your mail: reset the password now."

/** `{site}` is the configured origin's host, `{time}` how long the link works. */
const ENGLISH: Readonly<Record<MailPurpose, Words>> = {
  register: {
    subject: "Finish creating your account at {site}",
    lines: [
      "Somebody, probably you, wants to create an account at {site} with this address.",
      "The link works for {time} and once.",
    ],
    action: "Choose a password",
    end: IGNORE,
  },
  "already-registered": {
    subject: "You already have an account at {site}",
    lines: [
      "Somebody, probably you, tried to create an account at {site} with this address.",
      "There is one already: sign in, or reset the password if you have forgotten it.",
    ],
    end: "If this was not you, you can ignore this mail.",
  },
  invite: {
    subject: "You are invited to {site}",
    lines: ["An account at {site} is waiting for you.", "The link works for {time} and once."],
    action: "Choose a password",
    end: "If you do not expect this, you can ignore this mail.",
  },
  reset: {
    subject: "Reset your password at {site}",
    lines: [
      "Somebody, probably you, asked to reset the password of your account at {site}.",
      "The link works for {time} and once.",
    ],
    action: "Choose a new password",
    end: IGNORE,
  },
  "password-changed": {
    subject: "Your password at {site} was changed",
    lines: ["The password of your account at {site} was changed, and all other sessions were signed out."],
    end: WORRY,
  },
  "password-reset": {
    subject: "Your password at {site} was reset",
    lines: [
      "The password of your account at {site} was reset with a link from your mail, and all sessions were signed out.",
    ],
    end: WORRY,
  },
  "signed-out-for-safety": {
    subject: "You were signed out at {site} for safety",
    lines: [
      "One of your sessions at {site} was ended, because it was used in a way that can mean a copied cookie.",
      "Often it is only a browser that was restored from a backup. Signing in again is all you need to do.",
    ],
    end: "If it happens again, change your password.",
  },
}

/** Text and HTML of a mail. Nothing of what a user typed is in it but the recipient. */
export function renderMail(input: {
  readonly purpose: MailPurpose
  readonly to: string
  readonly site: string
  readonly link: string | undefined
  readonly lifetimeMs: number
}): OutgoingMail {
  const words = ENGLISH[input.purpose]
  const fill = (text: string) =>
    text.replace("{site}", input.site).replace("{time}", duration(input.lifetimeMs))
  const lines = words.lines.map(fill)
  const action = words.action ?? ""
  const { link } = input
  const body = html`<!doctype html><html lang="en"><body style="margin:0;padding:24px;background:#f6f6f3;color:#1c1c1a;font:16px/1.55 system-ui,sans-serif"><div style="max-width:34em;margin:0 auto;background:#fff;padding:24px 28px;border-radius:10px">${lines.map((line) => html`<p>${line}</p>`)}${link === undefined ? "" : html`<p><a href="${link}" style="display:inline-block;padding:10px 18px;border-radius:8px;background:#1f5f4a;color:#fff;text-decoration:none">${action}</a></p><p style="font-size:14px;color:#666;word-break:break-all">${link}</p>`}<p style="font-size:14px;color:#666">${fill(words.end)}</p></div></body></html>`
  return {
    to: input.to,
    subject: fill(words.subject),
    text: [...lines, ...(link === undefined ? [] : [`${action}:\n${link}`]), fill(words.end), ""].join(
      "\n\n",
    ),
    html: String(body),
  }
}

function duration(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
