import { describe, expect, it } from 'vitest'
import { createRate } from '../../src/access/session.js'

describe('a rate', () => {
  it('lets through so many a second, twice as many at once, and says when to come again', () => {
    let now = 0
    const take = createRate(10, () => now)
    const taken = (): number => {
      for (let count = 0; ; count += 1) {
        try {
          take()
        } catch (error) {
          expect(error).toMatchObject({ code: 'RATE_LIMITED', details: { limit: 10, retryAfter: 1 } })
          return count
        }
      }
    }
    expect(taken()).toBe(20)
    now += 500
    expect(taken()).toBe(5)
    now += 60_000
    expect(taken()).toBe(20)
  })

  it('0 means no limit', () => {
    const take = createRate(0)
    for (let count = 0; count < 10_000; count += 1) take()
  })
})
