import { setTimeout as delay } from "node:timers/promises"
import { LinkError } from "./reason.ts"

/** What we use of a client of the package `redis`. */
export interface Client {
  connect(): Promise<unknown>
  sendCommand(command: readonly string[]): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  on(event: "error", listener: (cause: unknown) => void): unknown
  destroy(): void
}

/** To connect, and to do what has to be done on a new connection. */
const CONNECT_MS = 2_000
/** A connection on which nothing is answered between two looks, though something was asked before the first, is given up. */
const LOOK_MS = 500
/** A connection that lies idle is asked, so that one which is dead is found before a request finds it. */
const PING_MS = 5_000
const FIRST_PAUSE_MS = 100
const MOST_PAUSE_MS = 2_000

type Opener = (onLost: (cause: unknown) => void) => Client

/** One connection that is kept open: it is made anew for ever, with longer and longer pauses, until it is closed. */
export interface Link {
  /** Rejects at once when there is no connection: nothing is queued for later. */
  send(command: readonly string[]): Promise<unknown>
  /** When the first attempt to connect has ended, however it did. */
  readonly tried: Promise<void>
  close(): void
}

/**
 * @param open makes a client that does not connect again by itself, and tells when its connection is lost
 * @param onUp is run on each new connection, before it counts as one
 */
export function openLink(open: Opener, onUp: (client: Client) => Promise<void> = async () => {}): Link {
  const closing = new AbortController()
  const tried = Promise.withResolvers<void>()
  let line: Line | undefined
  let lost: unknown = new LinkError("it has not answered yet")

  async function keepOpen(): Promise<void> {
    for (
      let pauseMs = FIRST_PAUSE_MS;
      !closing.signal.aborted;
      pauseMs = Math.min(pauseMs * 2, MOST_PAUSE_MS)
    ) {
      const candidate = new Line(open)
      const onClose = () => candidate.end(new LinkError("it was closed"))
      closing.signal.addEventListener("abort", onClose, { once: true })
      try {
        await candidate.connect(onUp)
        line = candidate
        pauseMs = FIRST_PAUSE_MS
        tried.resolve()
        await candidate.ended
      } catch (error) {
        lost = error
      }
      line = undefined
      candidate.end(lost)
      closing.signal.removeEventListener("abort", onClose)
      tried.resolve()
      // A little by chance, so that many processes do not come back in one moment.
      const pause = pauseMs * (0.75 + Math.random() / 2)
      await delay(pause, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  void keepOpen()
  return {
    send: (command) =>
      line === undefined
        ? Promise.reject(new LinkError("there is no connection", { cause: lost }))
        : line.send(command),
    tried: tried.promise,
    close: () => closing.abort(),
  }
}

/** One connection from its beginning to its end. */
class Line {
  readonly #client: Client
  readonly #ended = Promise.withResolvers<never>()
  readonly #timers: NodeJS.Timeout[] = []
  #asked = 0
  #answered = 0

  constructor(open: Opener) {
    this.#client = open((cause) => this.end(cause))
    this.#ended.promise.catch(() => {})
    // Told by what is rejected; without a listener it would end the process.
    this.#client.on("error", () => {})
  }

  /** Rejects with the reason when the connection is over. */
  get ended(): Promise<never> {
    return this.#ended.promise
  }

  async connect(onUp: (client: Client) => Promise<void>): Promise<void> {
    const late = setTimeout(() => this.end(new LinkError("it does not answer")), CONNECT_MS)
    const up = this.#client.connect().then(() => onUp(this.#client))
    try {
      await Promise.race([up, this.#ended.promise])
    } finally {
      clearTimeout(late)
    }
    let [askedBefore, answeredBefore] = [0, 0]
    const look = setInterval(() => {
      if (askedBefore > answeredBefore && this.#answered === answeredBefore) {
        this.end(new LinkError("it does not answer"))
      }
      askedBefore = this.#asked
      answeredBefore = this.#answered
    }, LOOK_MS)
    const ping = setInterval(() => void this.send(["PING"]).catch(() => {}), PING_MS)
    this.#timers.push(look.unref(), ping.unref())
  }

  send(command: readonly string[]): Promise<unknown> {
    this.#asked++
    return this.#client.sendCommand(command).then(
      (answer) => {
        this.#answered++
        return answer
      },
      (error: unknown) => {
        this.#answered++
        throw error
      },
    )
  }

  end(cause: unknown): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#ended.reject(cause)
    try {
      this.#client.destroy()
    } catch {
      // It was over already.
    }
  }
}
