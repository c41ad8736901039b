import { isLoopback } from "../core/loopback.ts"

/** What starts, but will not answer as its owner expects. */
export function noteOrigin(input: {
  readonly origin: unknown
  readonly port: number
  readonly host: string
  readonly sources: ReadonlyMap<string, string>
  /** Whether the service itself speaks https. */
  readonly encrypted: boolean
  readonly trusted: unknown
  readonly notes: string[]
}): void {
  const { port, host, sources, notes } = input
  const url = typeof input.origin === "string" ? URL.parse(input.origin) : null
  if (url === null || !sources.has("origin")) return
  if (url.protocol === "https:" && !input.encrypted && trustsNobody(input.trusted)) {
    notes.push(
      "The origin is https and no proxy is trusted, so every request will be refused: this service itself speaks plain http. Name the proxy that speaks https, for example NIGHTLATCH_TRUSTED_PROXIES=127.0.0.1",
    )
  }
  if (!isLoopback(url.hostname)) return
  const own = Number(url.port || (url.protocol === "https:" ? 443 : 80))
  if (own !== port) {
    const where = port === 0 ? "a free one" : String(port)
    notes.push(
      `The origin names port ${own}, the service listens on ${where}: only a proxy between them makes that work.`,
    )
  }
  if (host === "0.0.0.0" || host === "::") {
    notes.push(
      "It listens on every address of this machine, but the origin is a loopback name: others get 421.",
    )
  }
}

function trustsNobody(trusted: unknown): boolean {
  return trusted === undefined || trusted === 0 || (Array.isArray(trusted) && trusted.length === 0)
}
