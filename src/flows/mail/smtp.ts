import type { Transporter } from "nodemailer"
import { isLoopback } from "../../core/loopback.ts"
import type { OutgoingMail, SendMail } from "./policy.ts"

const TIMEOUT_MS = 10_000

/**
 * Sends over SMTP, encrypted unless the server is on this machine. The envelope is set explicitly, so that no header decides
 * who receives a mail. What the server says on failure is kept to its code: answers may repeat what was sent.
 */
export function smtpTransport(smtpUrl: string, from: string): SendMail {
  const url = new URL(smtpUrl)
  const loopback = isLoopback(url.hostname)
  const secure = url.protocol === "smtps:"
  const port = url.port === "" ? (secure ? 465 : 587) : Number(url.port)
  let transporter: Promise<Transporter> | undefined

  async function connect(): Promise<Transporter> {
    const { createTransport } = await import("nodemailer")
    return createTransport({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port,
      secure,
      requireTLS: !secure && !loopback,
      ignoreTLS: !secure && loopback,
      ...(url.username === ""
        ? {}
        : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    }) as Transporter
  }

  return async (mail: OutgoingMail) => {
    transporter ??= connect()
    try {
      await (await transporter).sendMail({ from, ...mail, envelope: { from, to: [mail.to] } })
    } catch (error) {
      throw new Error(`SMTP server ${url.hostname}:${port} failed: ${codesOf(error)}`)
    }
  }
}

/** What went wrong in words of the system and the library, and the server's number: no answer of a server is in them. */
function codesOf(error: unknown): string {
  const { code, originalCode, responseCode } = error as Readonly<Record<string, unknown>>
  const codes = [originalCode ?? code, responseCode].filter((each) => each !== undefined)
  return codes.length === 0 ? "unknown" : codes.join(" ")
}
