/**
 * Whether browsers count two origins as one site, as far as that can be told without the list of public suffixes: the same
 * scheme, and one name below the other or both below one that is no suffix itself. Wrong for hosts below a shared suffix
 * that looks like a domain (`github.io`); it helps somebody to find a fault and decides nothing.
 */
export function looksSameSite(a: URL, b: URL): boolean {
  if (a.protocol !== b.protocol) return false
  if (a.hostname === b.hostname) return true
  if (isAddress(a.hostname) || isAddress(b.hostname)) return false
  return siteOf(a.hostname) === siteOf(b.hostname)
}

/** The last two labels, or three below such as `co.uk`. */
function siteOf(hostname: string): string {
  const labels = hostname.split(".")
  const [second = "", top = ""] = labels.slice(-2)
  return labels.slice(top.length === 2 && second.length <= 3 ? -3 : -2).join(".")
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+(?:\.\d+){3}$/.test(hostname)
}
