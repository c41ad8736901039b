/**
 * Attack: a development inbox that is found from outside: through a proxy in front, a page that rebinds its name to this
 * machine, another user's browser. Promise: it answers only a peer on this machine, without any sign of a proxy, asked by
 * the configured name, with the key that the start printed.
 */
import { isLocalPeer } from "../../checklist/proxy/index.ts"
import { equalBytes, sha256 } from "../../core/bytes.ts"
import type { RequestHead } from "../../core/request.ts"

export interface DevelopmentGate {
  /** A peer on this machine, by the configured name, without a proxy between. */
  isLocal(head: RequestHead): boolean
  /** And with the key: in its cookie, or as a bearer token. */
  admits(head: RequestHead): boolean
  isKey(candidate: string): boolean
  /** Value for Set-Cookie once the key was shown in a link. */
  readonly cookie: string
}

export function developmentGate(input: {
  readonly origin: URL
  readonly basePath: string
  readonly key: string
}): DevelopmentGate {
  const { origin, key } = input
  const name = `nightlatch_dev_${origin.port === "" ? "80" : origin.port}`
  const expected = sha256(key)
  const isKey = (candidate: string) => equalBytes(sha256(candidate), expected)

  const isLocal = (head: RequestHead) => isLocalPeer(head, origin)

  return {
    isLocal,
    isKey,
    cookie: `${name}=${key}; Path=${input.basePath}/dev; HttpOnly; SameSite=Strict`,
    admits(head) {
      if (!isLocal(head)) return false
      const bearer = /^Bearer ([A-Za-z0-9_-]+)$/.exec(head.header("authorization") ?? "")?.[1]
      if (bearer !== undefined) return isKey(bearer)
      const pairs = head.headerValues("cookie").flatMap((line) => line.split(";").map((pair) => pair.trim()))
      const values = pairs
        .filter((pair) => pair.startsWith(`${name}=`))
        .map((pair) => pair.slice(name.length + 1))
      return values.length === 1 && isKey(values[0] ?? "")
    },
  }
}
