import { type Paint, printable } from "./output.ts"

export interface StartScreen {
  readonly version: string
  readonly origin: string
  readonly address: { readonly host: string; readonly port: number }
  /** Plain http beside https. */
  readonly redirectAddress: { readonly host: string; readonly port: number } | undefined
  readonly database: string
  readonly jwksPath: string
  /** With the key, for the one who started the service. */
  readonly inbox: string | undefined
  /** Whether the checklist opens without a token for a browser on this machine. */
  readonly open: boolean
  readonly operatorToken: boolean
  readonly notes: readonly string[]
  readonly lines: readonly {
    readonly line: { readonly title: string }
    readonly state: { readonly state: string; readonly why: string; readonly fix?: string }
  }[]
}

/** What a person sees after the first command: where to look, what was done, what does not hold. */
export function startScreen(screen: StartScreen, paint: Paint): string {
  const holding = screen.lines.filter(({ state }) => state.state === "holds").length
  const rows: (readonly [string, string])[] = [["Checklist", `${screen.origin}/${accessHint(screen)}`]]
  if (screen.inbox !== undefined) rows.push(["Inbox", screen.inbox])
  rows.push(["Public keys", screen.origin + screen.jwksPath], ["Database", screen.database])
  // Not written like an address to open: a browser that asks for it by number is another host, and gets 421.
  rows.push(["Listening", `on ${screen.address.host}, port ${screen.address.port}`])
  if (screen.redirectAddress !== undefined)
    rows.push(["Redirect", `pages from plain http, port ${screen.redirectAddress.port}`])
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  const out = [
    "",
    `  ${paint("bold", "Nightlatch")} ${paint("dim", screen.version)}   ${paint("bold", `${holding} of ${screen.lines.length}`)} lines of the checklist hold`,
    "",
    ...rows.map(([name, value]) => `  ${paint("dim", name.padEnd(width))}${printable(value)}`),
  ]
  const remarks = [
    ...screen.notes.map((note) => `  ${paint("cyan", "note")}      ${printable(note)}`),
    ...troubles(screen, "fails", (word) => paint("red", word)),
    ...troubles(screen, "weakened", (word) => paint("yellow", word)),
  ]
  return [
    ...out,
    ...(remarks.length > 0 ? ["", ...remarks] : []),
    "",
    `  ${paint("dim", "Ctrl+C stops it.")}`,
    "",
  ].join("\n")
}

function accessHint({ open, operatorToken }: StartScreen): string {
  if (open) return ""
  return operatorToken
    ? "   (asks for the operator token)"
    : "   (closed: set NIGHTLATCH_OPERATOR_TOKEN to see it)"
}

function troubles(screen: StartScreen, wanted: string, mark: (word: string) => string): string[] {
  return screen.lines
    .filter(({ state }) => state.state === wanted)
    .flatMap(({ line, state }) => [
      `  ${mark(wanted.padEnd(8))}  ${line.title}: ${printable(state.why)}`,
      ...(state.fix === undefined ? [] : [`            → ${printable(state.fix)}`]),
    ])
}

/** A mail of development, for the one who runs the service in a terminal. */
export function mailBlock(
  mail: { readonly to: string; readonly subject: string; readonly link: string | undefined },
  paint: Paint,
): string {
  const bar = paint("cyan", "│")
  const lines = [`${paint("bold", "Mail")} to ${printable(mail.to)}`, printable(mail.subject)]
  if (mail.link !== undefined) lines.push(paint("cyan", printable(mail.link)))
  return lines.map((line) => `  ${bar} ${line}`).join("\n")
}
