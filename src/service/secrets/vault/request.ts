import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http"
import { request as httpsRequest } from "node:https"
import { parseStrictJsonBytes } from "../../../core/json.ts"
import { UnavailableError } from "../../../core/unavailable.ts"
import type { VaultPolicy } from "./options.ts"

/** A server that is there answers in milliseconds; all requests of a renewal have 10 s. */
const ANSWER_MS = 5_000
const MOST_BYTES = 262_144

export interface VaultQuestion {
  readonly method: "GET" | "POST"
  /** Below `/v1/`. */
  readonly path: string
  readonly token?: string
  readonly body?: object
}

export interface VaultAnswer {
  readonly status: number
  /** Undefined when it is no strict JSON. */
  readonly body: unknown
}

/**
 * Asks once. A redirect is not followed: it would carry the token to wherever it leads.
 * @throws UnavailableError, without anything that was sent or received in its words
 */
export function askVault(
  { address, namespace, ca }: Pick<VaultPolicy, "address" | "namespace" | "ca">,
  { method, path, token, body }: VaultQuestion,
  signal: AbortSignal,
): Promise<VaultAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const options: RequestOptions = {
    method,
    agent: false,
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    headers: {
      accept: "application/json",
      // Without it an agent that asks for it refuses: nobody gets there by a forged request of somebody else's browser.
      "x-vault-request": "true",
      ...(token === undefined ? {} : { "x-vault-token": token }),
      ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
      ...(payload === undefined
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
    },
  }
  const url = new URL(`/v1/${path}`, address)
  // Whatever a variable of the environment says about certificates.
  const tls = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) }
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unreachable(error))
    const read = (response: IncomingMessage) => {
      readBody(response).then((bytes) => {
        const { statusCode: status = 0 } = response
        resolve({ status, body: bytes.length === 0 ? undefined : parseStrictJsonBytes(bytes) })
      }, fail)
    }
    const request =
      url.protocol === "https:"
        ? httpsRequest(url, { ...options, ...tls }, read)
        : httpRequest(url, options, read)
    request.on("error", fail).end(payload)
  })
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) {
      response.destroy()
      throw new UnavailableError("Vault answers more than 256 KiB")
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function unreachable(error: unknown): UnavailableError {
  if (error instanceof UnavailableError) return error
  const { name, code } = (error ?? {}) as { readonly name?: string; readonly code?: string }
  if (name === "AbortError" || name === "TimeoutError")
    return new UnavailableError("Vault does not answer in time")
  return new UnavailableError(
    `Vault cannot be reached (${typeof code === "string" ? code : "unknown error"})`,
  )
}
