/** How far something is: one line that is written anew on a terminal, a line now and then everywhere else. */
export interface Progress {
  show(text: string): void
  /** For a line of its own between; the progress goes on below it. */
  clear(): void
}

const TERMINAL_MS = 100
const LOG_MS = 10_000

export function createProgress(
  stream: NodeJS.WriteStream,
  now: () => number = () => performance.now(),
): Progress {
  const terminal = stream.isTTY === true
  let last = now()
  let shown = false
  return {
    show(text) {
      if (now() - last < (terminal ? TERMINAL_MS : LOG_MS)) return
      last = now()
      shown = terminal
      stream.write(terminal ? `\r\u001b[K${text}` : `${text}\n`)
    },
    clear() {
      if (shown) stream.write("\r\u001b[K")
      shown = false
    },
  }
}
