import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createSharedCalls } from '../../src/core/shared-calls.js'

describe('shared calls', () => {
  it('are one for all that ask the same in one moment, and one more for all that ask meanwhile', async () => {
    const share = createSharedCalls()
    let calls = 0
    const call = async (): Promise<number> => {
      calls += 1
      const mine = calls
      await sleep(10)
      return mine
    }
    const first = Array.from({ length: 50 }, () => share('a', call))
    const other = share('b', call)
    await sleep(2)
    const second = Array.from({ length: 50 }, () => share('a', call))
    expect(new Set(await Promise.all(first))).toEqual(new Set([1]))
    expect(await other).toBe(2)
    expect(new Set(await Promise.all(second))).toEqual(new Set([3]))
    expect(await share('a', call)).toBe(4)
  })

  it('fail for all that share them, and for nobody else', async () => {
    const share = createSharedCalls()
    let calls = 0
    const call = async (): Promise<string> => {
      calls += 1
      await sleep(1)
      if (calls === 1) throw new Error('away')
      return 'back'
    }
    const failing = [share('a', call), share('a', call)].map((one) => one.catch((error: Error) => error.message))
    await sleep(0)
    const next = share('a', call)
    expect(await Promise.all(failing)).toEqual(['away', 'away'])
    expect(await next).toBe('back')
  })
})
