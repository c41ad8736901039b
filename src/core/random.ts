import { randomFillSync } from "node:crypto"

// One call to the system's generator costs as much for 4,096 bytes as for 16.
const POOL_BYTES = 4096

const pool = Buffer.alloc(POOL_BYTES)
let taken = POOL_BYTES

/**
 * Random bytes of the system's generator, drawn in larger pieces for the paths that need some with every request. What was
 * given out is wiped here: nothing is given twice, and the pool never holds what is in use.
 * @param size at most 4,096
 */
export function drawBytes(size: number): Buffer {
  if (!(size >= 0 && size <= POOL_BYTES)) throw new RangeError("the pool gives at most 4,096 bytes at once")
  if (taken + size > POOL_BYTES) {
    randomFillSync(pool)
    taken = 0
  }
  const end = taken + size
  const drawn = Buffer.from(pool.subarray(taken, end))
  pool.fill(0, taken, end)
  taken = end
  return drawn
}
