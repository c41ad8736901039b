/**
 * Whether a host name can only mean this very machine: `localhost` and its sub-domains (RFC 6761, section 6.3),
 * 127.0.0.0/8 and `[::1]`, as `URL.hostname` writes them.
 */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  )
}
