/**
 * A bounded table of buckets: key → theoretical arrival time, in one Float64Array, so that counting allocates nothing.
 * A bucket whose time has passed is full again and means the same as no bucket: only such are ever removed, a few with
 * each new key. A live one is never evicted, or whoever brings enough keys would win his own limit back.
 */
export class BucketTable {
  readonly capacity: number
  readonly #slots = new Map<string, number>()
  #times: Float64Array
  #keys: (string | undefined)[] = []
  readonly #free: number[] = []
  #hand = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#times = new Float64Array(Math.min(capacity, 1024))
  }

  /** Buckets in the table, those included that are full again and not yet removed. */
  get size(): number {
    return this.#slots.size
  }

  /** @returns the slot, or -1 */
  find(key: string): number {
    return this.#slots.get(key) ?? -1
  }

  time(slot: number): number {
    return this.#times[slot] ?? 0
  }

  setTime(slot: number, time: number): void {
    this.#times[slot] = time
  }

  /**
   * A slot for a new key, its time `start`. What is full again at `now` makes room.
   * @returns the slot, or -1 when all are live
   */
  add(key: string, start: number, now: number): number {
    this.#sweep(now, this.#slots.size < this.capacity ? SWEEP : SWEEP_WHEN_FULL)
    const slot = this.#slot()
    if (slot < 0) return -1
    this.#slots.set(key, slot)
    this.#keys[slot] = key
    this.#times[slot] = start
    return slot
  }

  #slot(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const next = this.#keys.length
    if (next === this.capacity) return -1
    if (next === this.#times.length) {
      const larger = new Float64Array(Math.min(this.capacity, next * 2))
      larger.set(this.#times)
      this.#times = larger
    }
    return next
  }

  /** Looks at `count` slots in turn. Strictly past: a slot just given out stands at `now` and stays. */
  #sweep(now: number, count: number): void {
    const length = this.#keys.length
    for (let looked = Math.min(count, length); looked > 0; looked--) {
      if (this.#hand >= length) this.#hand = 0
      const slot = this.#hand++
      const key = this.#keys[slot]
      if (key !== undefined && this.time(slot) < now) {
        this.#slots.delete(key)
        this.#keys[slot] = undefined
        this.#free.push(slot)
      }
    }
  }
}

// Two a new key keep the table no larger than twice what is live; at the brim a little more work finds room sooner.
const SWEEP = 2
const SWEEP_WHEN_FULL = 64
