/** A bucket of a rate limit in which several processes count. */
export interface SharedBucket {
  /** 16 bytes, one character each: an HMAC, which tells nothing about whom it counts. */
  readonly id: string
  /** Milliseconds after which one more is allowed. */
  readonly intervalMs: number
  readonly burst: number
}

export interface SharedTake {
  readonly passed: boolean
  /** Milliseconds until each bucket is full again, in the order in which they were asked for; counted already when it passed. */
  readonly fullInMs: readonly number[]
  /** The server's clock, in milliseconds since 1970. */
  readonly at: number
}

/** Where several processes count together. */
export interface SharedBuckets {
  /** In a word for an operator, for example `Redis`. */
  readonly place: string
  /**
   * Counts one request in all of these buckets or, when one of them is empty, in none: in one atomic step and by the server's
   * clock. Each id stands there once. The server may have counted although it rejects.
   * @throws UnavailableError whose message says why, with nothing secret in it
   */
  take(wanted: readonly SharedBucket[]): Promise<SharedTake>
}
