import { TransientError } from '../core/errors.js'

/** How much a caller may ask at once, in seconds of its rate. */
const BURST_SECONDS = 2

/**
 * Lets a caller do so many requests a second, and twice as many at once. 0: as many as it likes.
 * Returns how to take one. @throws TransientError RATE_LIMITED with `retryAfter` in seconds
 */
export function createRate(perSecond: number, nowMs: () => number = () => performance.now()): () => void {
  if (perSecond === 0) return () => undefined
  const most = perSecond * BURST_SECONDS
  let left = most
  let at = nowMs()
  return () => {
    const now = nowMs()
    left = Math.min(most, left + ((now - at) / 1000) * perSecond)
    at = now
    if (left < 1) {
      const retryAfter = Math.max(1, Math.ceil((1 - left) / perSecond))
      throw new TransientError('RATE_LIMITED', `More than ${perSecond} requests a second; try again in ${retryAfter} s`, {
        details: { limit: perSecond, retryAfter },
      })
    }
    left -= 1
  }
}
