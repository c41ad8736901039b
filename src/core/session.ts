/** How a session's tokens travel; fixed at sign-in. */
export type Transport = "cookie" | "bearer"

/** A signed-in user, as the access token tells it: known without reading the store. */
export interface Session {
  readonly userId: string
  readonly sessionId: string
  /** When the person proved who they are, in milliseconds since 1970; a refresh never moves it. */
  readonly authenticatedAt: number
  /** How, in RFC 8176 words: `pwd`, … */
  readonly methods: readonly string[]
  readonly roles: readonly string[]
  /** When the access token ends, in milliseconds since 1970. */
  readonly expiresAt: number
}
