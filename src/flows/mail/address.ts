/**
 * Attack: one text that is two addresses to different readers: a list, a line break, a comment, a full-width sign that
 * becomes `@` on the way (CVE-2026-73420, CVE-2022-35924). Promise: what passes is one plain address, in one spelling, and
 * exactly this text is stored, compared and mailed to.
 */

import { domainToUnicode } from "node:url"

/** RFC 5321, section 4.5.3.1. */
const MOST_CHARACTERS = 254
const MOST_LOCAL_CHARACTERS = 64

// The characters of RFC 5322's dot-atom; quoted local parts, comments and IP literals are not taken.
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Both parts in lower case, the domain in ASCII (IDNA). Lower case for the local part too: no mail provider in use tells
 * two people apart by it, and people type it both ways.
 * @returns undefined when it is not one plain address
 */
export function normaliseMailAddress(input: string): string | undefined {
  if (input.length > MOST_CHARACTERS || !/^[\x21-\x7e]+@[^@]+$/.test(input)) return undefined
  const at = input.indexOf("@")
  const local = input.slice(0, at).toLowerCase()
  const domain = readDomain(input.slice(at + 1))
  if (domain === undefined || local.length > MOST_LOCAL_CHARACTERS || !LOCAL.test(local)) return undefined
  const address = `${local}@${domain}`
  return address.length <= MOST_CHARACTERS ? address : undefined
}

function readDomain(text: string): string | undefined {
  if (/[\s,;:<>()[\]\\"%/?#@\p{Cc}\p{Cf}]/u.test(text)) return undefined
  const host = URL.parse(`http://${text}`)?.hostname
  // Letters of other scripts are fine; what becomes something else on the way (full-width signs, other dots) is not.
  if (host === undefined || ![host, domainToUnicode(host)].includes(text.toLowerCase())) return undefined
  const labels = host.split(".")
  const last = labels.at(-1) ?? ""
  return labels.length >= 2 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(last)
    ? host
    : undefined
}
