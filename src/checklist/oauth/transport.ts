/**
 * Attack: a provider, or whoever answers in its place, is slow, answers without end, sends our secrets elsewhere by a
 * redirect, or is reached without encryption.
 * Promise: five seconds and 256 KiB an answer, no redirect is followed, https only (http for a loopback provider of a
 * loopback service), a bounded number at once. Whatever fails is `UnavailableError`, with no body, header or query in it.
 * Source: RFC 9700, 4.11 and 4.12 (redirects), ASVS 13.1.3, 15.2.2.
 */
import { networkCode, readBounded, TooLarge } from "../../core/answer-body.ts"
import { isLoopback } from "../../core/loopback.ts"
import { UnavailableError } from "../../core/unavailable.ts"

/** A user waits behind it; a healthy provider answers in a tenth of that. */
export const TIMEOUT_MS = 5_000

/** Ten times the largest key set of the well-known providers. */
const MOST_BYTES = 262_144

/** Requests to one provider at once: a stuck provider must not gather all of our memory and sockets. */
const MOST_AT_ONCE = 64

/** The part of a request that matters here; the library's own options have it. */
interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export type Transport = (address: string, asking: Asking) => Promise<Response>

export function createTransport(input: {
  readonly provider: string
  readonly fetch: typeof fetch
  /** Whether http to a loopback name is allowed. */
  readonly insecure: boolean
  readonly timeoutMs: number
}): Transport {
  let atOnce = 0
  return async (address, { method = "GET", headers = {}, body }) => {
    const url = new URL(address)
    const failed = (why: string) =>
      new UnavailableError(`provider ${input.provider}: ${url.origin}${url.pathname}: ${why}`)
    if (!mayAsk(url, input.insecure)) throw failed("not an https address")
    if (atOnce >= MOST_AT_ONCE) throw failed("too many requests at once")
    atOnce++
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), input.timeoutMs)
    try {
      const response = await input.fetch(url, {
        method,
        headers,
        redirect: "manual",
        signal: abort.signal,
        ...(body === undefined || body === null ? {} : { body: String(body) }),
      })
      return await readWhole(response)
    } catch (error) {
      // What the network layer says stays here: it may quote the request.
      throw failed(abort.signal.aborted ? "no answer in time" : reasonOf(error))
    } finally {
      clearTimeout(timer)
      atOnce--
    }
  }
}

/** Whether a provider's endpoint is an address that we ask or send people to. */
export function mayAsk(url: URL, insecure: boolean): boolean {
  return url.protocol === "https:" || (insecure && url.protocol === "http:" && isLoopback(url.hostname))
}

/** The same answer with its body in memory, and only the headers that decide anything. */
async function readWhole(response: Response): Promise<Response> {
  const bytes = await readBounded(response, MOST_BYTES)
  const headers = new Headers()
  for (const name of ["content-type", "www-authenticate"]) {
    const value = response.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  // A 204 and its like must not have a body.
  return new Response(bytes.length === 0 ? null : bytes, { status: response.status, headers })
}

function reasonOf(error: unknown): string {
  if (error instanceof TooLarge) return `more than ${MOST_BYTES} bytes`
  return networkCode(error) ?? "the request failed"
}
