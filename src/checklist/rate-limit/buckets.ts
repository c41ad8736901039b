import { prefixOf, UNKNOWN } from "../../core/address.ts"
import type { Clock } from "../../core/clock.ts"
import { BucketTable } from "./bucket-table.ts"
import { waitOf } from "./gcra.ts"
import type { LimitBook } from "./limit-book.ts"
import type { Rate } from "./rate.ts"

/**
 * Where a key is counted: 0 and above is a slot of its own, below `NOWHERE` one that it shares. A plain number, since every
 * request asks for one.
 */
export type Place = number
const NOWHERE = -1

/**
 * All buckets of a limiter by HMAC of their keys, and its time. When every own bucket is live, a new key is counted in one
 * that it shares with its network; when even those are all live, in one for everybody.
 */
export class Buckets {
  readonly own: BucketTable
  readonly #shared: BucketTable
  readonly #book: LimitBook
  readonly #clock: Clock
  #clockBefore: number
  now = 0

  constructor(book: LimitBook, clock: Clock, capacity: number) {
    this.#book = book
    this.#clock = clock
    this.#clockBefore = clock()
    this.own = new BucketTable(capacity)
    this.#shared = new BucketTable(Math.max(64, capacity >> 3))
  }

  /** Moves to the clock's time. A clock that is set back stands still for us, instead of refusing everybody for hours. */
  advance(): void {
    const clock = this.#clock()
    if (clock > this.#clockBefore) this.now += clock - this.#clockBefore
    this.#clockBefore = clock
  }

  /** Finds or makes the place of a key; `NOWHERE` when nothing at all is free, which refuses. */
  place(limit: string, id: string, address: string): Place {
    const found = this.own.find(id)
    if (found >= 0) return this.#touch(this.own, found)
    const made = this.own.add(id, this.#startOf(limit, address), this.now)
    return made >= 0 ? made : this.#sharedPlace(limit, address)
  }

  /** When the bucket is full again, for a key that may have no place yet. */
  peek(limit: string, id: string, address: string): number {
    const found = this.own.find(id)
    return found >= 0 ? Math.max(this.now, this.own.time(found)) : this.#startOf(limit, address)
  }

  /** When the bucket at a place is full again; never before now. */
  time(place: Place): number {
    const time = place >= 0 ? this.own.time(place) : this.#shared.time(SHARED - place)
    return time > this.now ? time : this.now
  }

  setTime(place: Place, time: number): void {
    if (place >= 0) this.own.setTime(place, time)
    else if (place !== NOWHERE) this.#shared.setTime(SHARED - place, time)
  }

  /** Milliseconds until the bucket lets one more through; 0 or less when it does now. */
  wait(place: Place, rate: Rate): number {
    return waitOf(rate, this.fullIn(place, rate))
  }

  /** Milliseconds until the bucket is full again; nowhere stands an empty one. */
  fullIn(place: Place, rate: Rate): number {
    return place === NOWHERE ? rate.burst * rate.intervalMs : this.time(place) - this.now
  }

  /** What a key did while it shared a bucket stays counted when it gets its own. */
  #startOf(limit: string, address: string): number {
    if (this.#shared.size === 0) return this.now
    let start = this.now
    for (const network of [prefixOf(address), UNKNOWN]) {
      const slot = this.#shared.find(this.#book.idOf(limit, "shared", network))
      if (slot >= 0) start = Math.max(start, this.#shared.time(slot))
    }
    return start
  }

  /** A bucket that is asked for is not removed within the same request, even if it is full again. */
  #touch(table: BucketTable, slot: number): number {
    if (table.time(slot) < this.now) table.setTime(slot, this.now)
    return slot
  }

  #sharedPlace(limit: string, address: string): Place {
    for (const network of [prefixOf(address), UNKNOWN]) {
      const id = this.#book.idOf(limit, "shared", network)
      const found = this.#shared.find(id)
      const slot =
        found >= 0
          ? this.#touch(this.#shared, found)
          : this.#shared.add(id, this.#startOf(limit, UNKNOWN), this.now)
      if (slot >= 0) return SHARED - slot
    }
    return NOWHERE
  }
}

/** Slot 0 of the shared table. */
const SHARED = -2
