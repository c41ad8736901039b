import { type IncomingMessage, ServerResponse } from "node:http"
import type { BodyRead, BodyReader } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import { writeReply } from "./node-response.ts"

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
 * Bounds a body of unknown length that the application reads: a declared one was judged by its number already. To the
 * application it looks as if the client had gone.
 * @param refusal what the client is told while nothing has been answered yet
 */
export function boundChunkedBody(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
  refusal: () => Reply,
): void {
  if (request.headers["transfer-encoding"] === undefined) return
  const push = request.push
  let size = 0
  request.push = function bounded(this: IncomingMessage, chunk: unknown, encoding?: BufferEncoding) {
    size += Buffer.isBuffer(chunk) ? chunk.byteLength : 0
    if (size <= limitBytes) return push.call(this, chunk, encoding)
    request.push = () => false
    if (response.headersSent) response.once("finish", () => request.socket.destroySoon())
    else answerInstead(request, response, refusal())
    this.destroy(new Error("the body is larger than this service takes"))
    return false
  }
}

/**
 * Answers in the application's place. Its own response is taken off the socket and destroyed first: writing to one that was
 * answered behind its back throws, and would end the process.
 */
function answerInstead(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const { socket } = request
  // With an earlier answer of a pipeline still under way there is no place for ours.
  if (response.socket !== socket) {
    socket.destroy()
    return
  }
  response.detachSocket(socket)
  response.destroy()
  response.emit("close")
  const own = new ServerResponse(request)
  own.shouldKeepAlive = false
  own.assignSocket(socket)
  own.once("finish", () => socket.destroySoon())
  writeReply(own, reply)
}
