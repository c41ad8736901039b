import type { BodyRead, BodyReader } from "../core/flow.ts"

/** Reads a request's body up to a limit: what is too large is never held. */
export function webBodyReader(request: Request): BodyReader {
  return async (limitBytes): Promise<BodyRead> => {
    if (Number(request.headers.get("content-length") ?? 0) > limitBytes) return { kind: "too-large" }
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      for await (const chunk of request.body ?? []) {
        size += chunk.byteLength
        if (size > limitBytes) return { kind: "too-large" }
        chunks.push(chunk)
      }
    } catch {
      return { kind: "broken" }
    }
    return { kind: "bytes", bytes: Buffer.concat(chunks) }
  }
}

/** A body of unknown length, cut off at the limit while the application reads it. */
export class BoundedBody {
  /** What the application gets. */
  readonly request: Request
  exceeded = false

  private constructor(request: Request, body: ReadableStream<Uint8Array>, limitBytes: number) {
    let size = 0
    const bounded = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        size += chunk.byteLength
        if (size <= limitBytes) return controller.enqueue(chunk)
        this.exceeded = true
        controller.error(new Error("the body is larger than this service takes"))
      },
    })
    const init: RequestInit & { duplex: "half" } = { body: body.pipeThrough(bounded), duplex: "half" }
    this.request = new Request(request, init)
  }

  /** Undefined when there is no body, or one whose declared length was judged already. */
  static of(request: Request, limitBytes: number): BoundedBody | undefined {
    const { body } = request
    return body === null || request.headers.has("content-length")
      ? undefined
      : new BoundedBody(request, body, limitBytes)
  }
}
