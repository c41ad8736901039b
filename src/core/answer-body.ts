/** An answer of somebody else's server is larger than it may be. */
export class TooLarge extends Error {}

/** The whole body of an answer. @throws TooLarge as soon as it is longer than `mostBytes` */
export async function readBounded(response: Response, mostBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > mostBytes) throw new TooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The system's code of a failed request, for example `ECONNREFUSED`: all of it that may be told, since the rest may quote the request. */
export function networkCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code) ? code : undefined
}
