import { networkOf, UNKNOWN } from "../../core/address.ts"
import { equalBytes } from "../../core/bytes.ts"
import type { Keys } from "../../core/keys.ts"
import { MisuseError } from "../../core/misuse.ts"
import { LimitAnswers } from "./answer.ts"
import { KeyedHash } from "./keyed-hash.ts"
import { multiplyRate, type Rate } from "./rate.ts"

/** One limit that a request has to pass: per key, or, without one, per address. */
export interface Demand {
  /** The limit's name: shown in the headers, and everything of that name is counted together. */
  readonly name: string
  readonly rate: Rate
  /** Whom to count. Only an HMAC of it is kept. */
  readonly key?: string
  /** The client's address. Beside a key it only finds the bucket that a network shares when the table is full. */
  readonly address?: string
}

/** Addresses and ids cost an HMAC once in a while and not each time; names of accounts are never kept in clear. */
const REMEMBERED = 4096

// A site has 65,536 networks; with ten times the rate it may be an office, and hopping through networks gains little.
const SITE_FACTOR = 10

export interface Limit {
  readonly name: string
  readonly answers: LimitAnswers
  /** The same for a whole IPv6 site. */
  readonly site: LimitAnswers
  readonly addresses: Map<string, AddressIds>
  readonly ids: Map<string, string>
}

interface AddressIds {
  readonly own: string
  readonly site: string | undefined
}

/** A bucket that a request has to take from. */
export interface Wanted {
  readonly answers: LimitAnswers
  /** The HMAC under which it is kept, 16 bytes, one character each. */
  readonly id: string
  readonly address: string
}

/** Which limits there are, and the names of their buckets: the same wherever the buckets are. */
export class LimitBook {
  readonly #keys: Keys
  /** Made from `#keys.list` as it was then; the first key of it. */
  #list: readonly Uint8Array[]
  #key: Uint8Array
  #hash: KeyedHash
  readonly #limits = new Map<string, Limit>()

  constructor(keys: Keys) {
    this.#keys = keys
    this.#list = keys.list
    this.#key = firstOf(keys.list)
    this.#hash = new KeyedHash(this.#key)
  }

  get names(): readonly string[] {
    return [...this.#limits.keys()]
  }

  /** @throws MisuseError `rate-limit.duplicate` when the name is taken, `rate-limit.name` */
  register(name: string, rate: Rate): Limit {
    if (this.#limits.has(name)) throw duplicate(name)
    return this.#define(name, rate)
  }

  /** A name not yet known is declared. @throws MisuseError when it is known with another rate */
  limitOf(name: string, rate: Rate): Limit {
    const known = this.#limits.get(name)
    if (known === undefined) return this.#define(name, rate)
    if (known.answers.rate !== rate && known.answers.rate.text !== rate.text) throw duplicate(name)
    return known
  }

  idOf(limit: string, kind: "key" | "address" | "site" | "shared", text: string): string {
    if (this.#list !== this.#keys.list) this.#follow()
    return this.#hash.idOf(`${kind} ${limit.length} ${limit}${text}`)
  }

  addressIds(limit: Limit, address: string): AddressIds {
    if (this.#list !== this.#keys.list) this.#follow()
    const known = limit.addresses.get(address)
    if (known !== undefined) return known
    const isSix = address.includes(":")
    const made: AddressIds = {
      own: this.idOf(limit.name, "address", isSix ? networkOf(address, 32, 64) : address),
      site: isSix ? this.idOf(limit.name, "site", networkOf(address, 32, 48)) : undefined,
    }
    if (limit.addresses.size >= REMEMBERED) limit.addresses.clear()
    limit.addresses.set(address, made)
    return made
  }

  rememberedId(limit: Limit, id: string): string {
    if (this.#list !== this.#keys.list) this.#follow()
    const known = limit.ids.get(id)
    if (known !== undefined) return known
    const made = this.idOf(limit.name, "key", id)
    if (limit.ids.size >= REMEMBERED) limit.ids.clear()
    limit.ids.set(id, made)
    return made
  }

  /** The buckets of several limits; one that is asked for twice in one request counts once. */
  wantedOf(demands: readonly Demand[]): readonly Wanted[] {
    const wanted = new Map<string, Wanted>()
    for (const { name, rate, key, address = UNKNOWN } of demands) {
      const limit = this.limitOf(name, rate)
      const want = (id: string | undefined, answers: LimitAnswers) => {
        if (id !== undefined) wanted.set(id, { answers, id, address })
      }
      if (key !== undefined) {
        want(this.idOf(name, "key", key), limit.answers)
        continue
      }
      const { own, site } = this.addressIds(limit, address)
      want(own, limit.answers)
      want(site, limit.site)
    }
    return [...wanted.values()]
  }

  /** Other root secrets: names that were made with a key that does not come first any more are forgotten. */
  #follow(): void {
    this.#list = this.#keys.list
    const key = firstOf(this.#list)
    if (equalBytes(key, this.#key)) return
    this.#key = key
    this.#hash = new KeyedHash(key)
    for (const { addresses, ids } of this.#limits.values()) {
      addresses.clear()
      ids.clear()
    }
  }

  #define(name: string, rate: Rate): Limit {
    const limit: Limit = {
      name,
      answers: new LimitAnswers(name, rate),
      site: new LimitAnswers(name, multiplyRate(rate, SITE_FACTOR)),
      addresses: new Map(),
      ids: new Map(),
    }
    this.#limits.set(name, limit)
    return limit
  }
}

function firstOf(keys: readonly Uint8Array[]): Uint8Array {
  const [key] = keys
  if (key === undefined) throw new RangeError("a limiter needs a key")
  return key
}

function duplicate(name: string): MisuseError {
  return new MisuseError([
    {
      code: "rate-limit.duplicate",
      path: `limit ${JSON.stringify(name)}`,
      problem: "two limits have this name, and what one counts would count for the other",
      fix: "Give each limit a name of its own.",
    },
  ])
}
