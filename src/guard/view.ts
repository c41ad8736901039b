import type { Credentials, RequestHead, RequestView } from "../core/request.ts"

/** The head of a request together with what the first rows of the table found out about it. */
export class View implements RequestView {
  readonly method: string
  readonly target: string
  readonly path: string
  readonly query: string
  readonly peerAddress: string | undefined
  readonly encrypted: boolean
  readonly clientAddress: string
  readonly secure: boolean
  readonly credentials: Credentials
  readonly #head: RequestHead

  constructor(head: RequestHead, client: { address: string; secure: boolean }, credentials: Credentials) {
    this.#head = head
    this.method = head.method
    this.target = head.target
    const mark = head.target.indexOf("?")
    this.path = mark < 0 ? head.target : head.target.slice(0, mark)
    this.query = mark < 0 ? "" : head.target.slice(mark + 1)
    this.peerAddress = head.peerAddress
    this.encrypted = head.encrypted
    this.clientAddress = client.address
    this.secure = client.secure
    this.credentials = credentials
  }

  header(name: string): string | undefined {
    return this.#head.header(name)
  }

  headerValues(name: string): readonly string[] {
    return this.#head.headerValues(name)
  }
}
