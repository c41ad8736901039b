/**
 * Solves the proof of work that a refusal `bot_check.…` asks for, in a worker that the service serves, so that the page stays
 * smooth. The answer goes with the same request, sent again, once.
 */
import type { BotCheck } from "./types.ts"

interface Helper {
  onerror: ((event: unknown) => void) | null
  onmessage: ((event: { readonly data: number }) => void) | null
  postMessage(challenge: unknown): void
  terminate(): void
}

/** The page's own; programs of Node have another. */
declare const Worker: new (url: string) => Helper

export interface SolveOptions {
  /** Where the flows live on this page's origin. Default `/auth`. */
  readonly basePath?: string
  /** Stops the worker; the promise rejects with its reason. */
  readonly signal?: AbortSignal
}

/**
 * @param botCheck of the `NightlatchError`, or `botCheck` of the problem document
 * @returns the value of the header `X-Nightlatch-Bot-Check`; `login` takes it as `botCheck`
 * @throws Error when it is no proof of work, or cannot be solved here
 */
export async function solve(
  botCheck: BotCheck | undefined,
  { basePath = "/auth", signal }: SolveOptions = {},
): Promise<string> {
  const challenge = botCheck?.challenge
  if (!challenge) throw new Error("There is no proof of work to solve.")
  signal?.throwIfAborted()
  const worker = new Worker(`${basePath.replace(/\/+$/, "")}/altcha.js`)
  try {
    const number = await new Promise<number>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = () => reject(new Error("The worker failed."))
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true })
      worker.postMessage(challenge)
    })
    if (number < 0) throw new Error("The challenge has no solution.")
    const { maxnumber, ...rest } = challenge
    return btoa(JSON.stringify({ ...rest, number }))
  } finally {
    worker.terminate()
  }
}
