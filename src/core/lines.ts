/** One line of the checklist. Its id is the room's folder, the option, the error prefix and the documentation page. */
export interface Line {
  readonly id: string
  readonly title: string
  /** What must hold, in one sentence. */
  readonly promise: string
  readonly source: string
}

export const LINES = [
  {
    id: "https",
    title: "HTTPS",
    promise:
      "Nobody on the way reads or changes anything: plain http is refused on a public origin and browsers are told to remember it.",
    source: "ASVS 12.2.1, RFC 6797",
  },
  {
    id: "header",
    title: "Security headers",
    promise: "Every answer tells the browser what it must not do with it.",
    source: "ASVS 3.4",
  },
  {
    id: "cors",
    title: "CORS",
    promise:
      "Only listed origins read answers, compared as whole strings; everybody else gets no CORS header at all.",
    source: "Fetch, ASVS 3.4.2",
  },
  {
    id: "csrf",
    title: "CSRF",
    promise: "No other site can change anything with a visitor's cookies.",
    source: "ASVS 3.5.1, Fetch Metadata",
  },
  {
    id: "cookie",
    title: "Cookies",
    promise:
      "HttpOnly, Secure, SameSite=Strict, bound to this host by prefix; a cookie that comes twice is refused.",
    source: "RFC 6265bis, ASVS 3.3",
  },
  {
    id: "token",
    title: "Access token, 15 minutes",
    promise: "Signed, typed, short, verified without parsing a header anyone else wrote.",
    source: "RFC 9068, RFC 8725",
  },
  {
    id: "session",
    title: "Refresh token, rotated each time",
    promise:
      "Any number of tabs, retries and restarts stay signed in; a stolen token ends the session and says so.",
    source: "RFC 9700 4.14, ASVS 7",
  },
  {
    id: "password",
    title: "Password hashing",
    promise: "Argon2id, a list of refused passwords, the same time and answer for unknown users.",
    source: "NIST SP 800-63B-4, ASVS 6.2",
  },
  {
    id: "email-link",
    title: "Sign-in by mail link",
    promise: "Only the browser that asked gets the session; a mail scanner's visit changes nothing.",
    source: "ASVS 6.5",
  },
  {
    id: "oauth",
    title: "Sign-in by OAuth2 and OpenID Connect",
    promise: "State, PKCE and nonce on every flow; one person, one account, with proof on both sides.",
    source: "RFC 9700, ASVS 10",
  },
  {
    id: "rate-limit",
    title: "Rate limits",
    promise: "Per address, account and user; what is refused consumes nothing.",
    source: "ASVS 6.3.1, RFC 6585",
  },
  {
    id: "proxy",
    title: "Client address",
    promise: "Forwarding headers count only from proxies that were named.",
    source: "ASVS 15.3.4",
  },
  {
    id: "overload",
    title: "Overload",
    promise:
      "Bodies, headers, time and hashing are bounded; when the service is late it sheds work instead of failing.",
    source: "ASVS 15.2.2, 13.1.3",
  },
  {
    id: "bot-check",
    title: "Bots",
    promise: "A proof of work or a challenge stands before what costs us more than it costs a robot.",
    source: "ASVS 2.4.1",
  },
  {
    id: "sql",
    title: "SQL injection",
    promise: "Every statement is a fixed text with parameters; none is built from input.",
    source: "ASVS 1.2.4",
  },
  {
    id: "database",
    title: "The database",
    promise: "Not reachable from outside, and its files are readable by the service alone.",
    source: "ASVS 13.2.4",
  },
  {
    id: "secret",
    title: "Secrets",
    promise: "Strong, private, never the published ones; one key per purpose.",
    source: "ASVS 13.3, 11.2",
  },
  {
    id: "event",
    title: "Security events",
    promise: "What happened is written down in the same transaction, and nothing secret with it.",
    source: "ASVS 16",
  },
] as const

export type LineId = (typeof LINES)[number]["id"]
