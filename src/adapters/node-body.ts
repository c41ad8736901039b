import type { IncomingMessage, ServerResponse } from "node:http"
import type { BodyRead, BodyReader } from "../core/flow.ts"

/** Reads a request's body up to a limit, then stops reading: what is too large is never held. */
export function bodyReader(request: IncomingMessage): BodyReader {
  return (limitBytes) =>
    new Promise<BodyRead>((resolve) => {
      const declared = Number(request.headers["content-length"] ?? 0)
      if (declared > limitBytes) return resolve({ kind: "too-large" })
      // Whoever comes after the end would wait for ever.
      if (request.destroyed || request.readableEnded) return resolve({ kind: "broken" })
      const chunks: Buffer[] = []
      let size = 0
      const settle = (read: BodyRead) => {
        request.off("data", take).off("end", end).off("error", broken).off("close", broken)
        resolve(read)
      }
      const take = (chunk: Buffer) => {
        size += chunk.byteLength
        if (size > limitBytes) {
          request.pause()
          settle({ kind: "too-large" })
        } else chunks.push(chunk)
      }
      const end = () =>
        settle({ kind: "bytes", bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) })
      const broken = () => settle({ kind: "broken" })
      request.on("data", take).on("end", end).on("error", broken).on("close", broken)
    })
}

/**
 * Bounds a body of unknown length that the application reads: a declared one was judged by its number already.
 * @param refuse answers while nothing has been answered yet
 */
export function boundChunkedBody(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
  refuse: () => void,
): void {
  if (request.headers["transfer-encoding"] === undefined) return
  const push = request.push
  let size = 0
  request.push = function bounded(this: IncomingMessage, chunk: unknown, encoding?: BufferEncoding) {
    size += Buffer.isBuffer(chunk) ? chunk.byteLength : 0
    if (size <= limitBytes) return push.call(this, chunk, encoding)
    request.push = () => false
    refuse()
    response.once("finish", () => request.socket.destroySoon())
    this.destroy(new Error("the body is larger than this service takes"))
    return false
  }
}
