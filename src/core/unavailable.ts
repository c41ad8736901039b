/**
 * Something we depend on (the store, a provider, our own capacity) failed or is late. Answered with 503 and Retry-After,
 * never with a pass. The cause is for the log.
 */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError"
  readonly code = "service.unavailable"

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
  }
}
