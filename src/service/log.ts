import { pino } from "pino"
import type { Logger } from "../core/logger.ts"

export interface LogOptions {
  /** Short lines for a person at a terminal instead of JSON for a machine. */
  readonly human: boolean
  readonly color: boolean
  readonly write?: (line: string) => void
}

const DIM = 2
const LEVELS = { info: 36, warn: 33, error: 31 } as const

/** JSON lines by pino, or one readable line an entry. Both go to standard output. */
export function createLog(options: LogOptions): Logger {
  const write = options.write ?? ((line: string) => void process.stdout.write(line))
  if (!options.human) {
    return pino(
      { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
      { write },
    )
  }
  const paint = (code: number, text: string) => (options.color ? `\u001b[${code}m${text}\u001b[0m` : text)
  const entry = (level: keyof typeof LEVELS) => (fields: object, message: string) => {
    const time = new Date().toISOString().slice(11, 19)
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${show(value)}`)
    const word = level === "info" ? "" : `${paint(LEVELS[level], level)} `
    write(`${paint(DIM, time)} ${word}${oneLine(message)}${paint(DIM, rest.join(""))}\n`)
  }
  return { info: entry("info"), warn: entry("warn"), error: entry("error") }
}

function show(value: unknown): string {
  if (value instanceof Error) return oneLine(`${value.name}: ${value.message}`)
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))
  return oneLine(/\s/.test(text) && typeof value === "string" ? JSON.stringify(text) : text)
}

/** No entry becomes two lines or moves the cursor, whatever is in it. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  })
}
