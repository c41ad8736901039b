/**
 * Attack: a foreign name that resolves to us (DNS rebinding), a poisoned link or cache. Promise: a request whose Host is not
 * the configured origin's or a listed one gets 421 before anything else looks at it.
 * Source: RFC 9110, sections 7.2 and 15.5.20; ASVS 4.1.
 */
import type { Faults } from "../core/misuse.ts"
import type { RequestHead } from "../core/request.ts"
import { type Refusal, type RefusalKind, refuse } from "../core/verdict.ts"

const HOST_UNKNOWN: RefusalKind = {
  status: 421,
  code: "host.unknown",
  title: "This host is not served here.",
}

/** Characters of a foreign Host in the log. */
const SHOWN = 100

export interface HostPolicy {
  readonly hosts: ReadonlySet<string>
}

/** Own hosts: the origin's, with and without its default port, and those listed as `name` or `name:port`. */
export function readHosts(origin: URL, listed: readonly string[], faults: Faults): HostPolicy {
  const hosts = new Set<string>([origin.host])
  if (origin.port === "") hosts.add(`${origin.hostname}:${origin.protocol === "https:" ? 443 : 80}`)
  for (const [index, host] of listed.entries()) {
    const url = URL.parse(`http://${host}`)
    if (url === null || host === "" || (url.host !== host && `${url.hostname}:80` !== host)) {
      faults.add(
        "host.invalid",
        `hosts.${index}`,
        "it is not a host name with an optional port",
        'Write it like "api.internal:3000".',
      )
    } else {
      hosts.add(host)
    }
  }
  return { hosts }
}

export function checkHost(policy: HostPolicy, head: RequestHead): Refusal | undefined {
  const host = head.header("host")
  if (host !== undefined && (policy.hosts.has(host) || policy.hosts.has(host.toLowerCase()))) {
    return head.headerValues("host").length === 1
      ? undefined
      : refuse(HOST_UNKNOWN, "the request has several Host headers")
  }
  return refuse(
    HOST_UNKNOWN,
    host === undefined
      ? "the request has no Host"
      : `the Host ${JSON.stringify(host.slice(0, SHOWN))} is neither the origin's nor in hosts (NIGHTLATCH_HOSTS)`,
  )
}
