import { html } from "hono/html"
import type { ClaimedMail } from "../../store/store.ts"
import { LANGUAGES, type Language } from "../language.ts"
import type { OutgoingMail } from "./policy.ts"
import type { MailFrame } from "./words.ts"
import { GERMAN } from "./words-de.ts"
import { ENGLISH } from "./words-en.ts"

const MAIL_WORDS: Readonly<Record<Language, MailFrame>> = { en: ENGLISH, de: GERMAN }

/** What the sender has made for this attempt; kept nowhere. */
export interface MailSecrets {
  readonly link?: string
  readonly code?: string
  readonly lifetimeMs: number
}

/** Text and HTML of a mail. Nothing of what a user typed is in it but the recipient. */
export function renderMail(mail: ClaimedMail, site: string, secrets: MailSecrets): OutgoingMail {
  const language = LANGUAGES.find((each) => each === mail.language) ?? LANGUAGES[0]
  const frame = MAIL_WORDS[language]
  const words = frame.mails[mail.purpose]
  const values: Readonly<Record<string, string>> = {
    site,
    time: duration(frame, secrets.lifetimeMs),
    code: secrets.code ?? "",
    about: mail.about ?? "",
    client: mail.flow?.client || frame.unknownClient,
    network: mail.flow?.addressPrefix ?? "",
    at:
      mail.flow === undefined
        ? ""
        : new Date(mail.flow.createdAt).toISOString().slice(0, 16).replace("T", " "),
  }
  const fill = (text: string): string => text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "")
  const lines = [...words.lines, ...(mail.flow === undefined ? [] : [frame.asked])].map(fill)
  const { link } = secrets
  const action = words.action ?? ""
  const code =
    secrets.code === undefined
      ? ""
      : html`<p style="font:600 28px/1.2 ui-monospace,monospace;letter-spacing:4px;margin:20px 0">${secrets.code}</p>`
  const button =
    link === undefined
      ? ""
      : html`<p><a href="${link}" style="display:inline-block;padding:10px 18px;border-radius:8px;background:#1f5f4a;color:#fff;text-decoration:none">${action}</a></p><p style="font-size:14px;color:#666;word-break:break-all">${link}</p>`
  const body = html`<!doctype html><html lang="${language}"><body style="margin:0;padding:24px;background:#f6f6f3;color:#1c1c1a;font:16px/1.55 system-ui,sans-serif"><div style="max-width:34em;margin:0 auto;background:#fff;padding:24px 28px;border-radius:10px">${code}${lines.map((line) => html`<p>${line}</p>`)}${button}<p style="font-size:14px;color:#666">${fill(words.end)}</p></div></body></html>`
  return {
    to: mail.email,
    subject: fill(words.subject),
    text: [...lines, ...(link === undefined ? [] : [`${action}:\n${link}`]), fill(words.end), ""].join(
      "\n\n",
    ),
    html: String(body),
  }
}

function duration(frame: MailFrame, milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000)
  const hours = Math.round(minutes / 60)
  if (minutes < 120) return frame.minutes.replace("{n}", String(minutes))
  return hours < 48
    ? frame.hours.replace("{n}", String(hours))
    : frame.days.replace("{n}", String(Math.round(hours / 24)))
}
