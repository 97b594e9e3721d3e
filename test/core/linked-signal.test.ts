import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { linkSignals } from '../../src/core/linked-signal.js'
import { collectGarbage } from '../support/garbage.js'

const aborted = (signal: AbortSignal, withinMs = 10_000) =>
  Promise.race([
    new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true })),
    sleep(withinMs, 'never aborted', { ref: false }),
  ])

it('aborts with the first source, and its reason', async () => {
  const sources = [new AbortController(), new AbortController()]
  const { signal } = linkSignals([undefined, ...sources.map((source) => source.signal)])
  const ended = aborted(signal)
  await collectGarbage()
  sources[1]?.abort('the second')
  sources[0]?.abort('the first')
  expect(await ended).toBe('the second')
  for (const source of sources) expect(getEventListeners(source.signal, 'abort')).toEqual([])
})

it('is aborted from the start where a source is', () => {
  expect(linkSignals([new AbortController().signal, AbortSignal.abort('before')]).signal.reason).toBe('before')
})

it('aborts when its time is up, whatever was collected before', async () => {
  const ended = aborted(linkSignals([new AbortController().signal], { timeoutMs: 400 }).signal)
  await collectGarbage()
  expect(await ended).toMatchObject({ name: 'TimeoutError' })
})

it('a time that is longer than a timer can be does not end at once', async () => {
  const { signal, release } = linkSignals([], { timeoutMs: 2 ** 40 })
  await sleep(20)
  expect(signal.aborted).toBe(false)
  release()
})

it('hears nothing more once it is released', async () => {
  const source = new AbortController()
  const { signal, release } = linkSignals([source.signal], { timeoutMs: 10 })
  release()
  source.abort()
  await sleep(50)
  expect(signal.aborted).toBe(false)
  expect(getEventListeners(source.signal, 'abort')).toEqual([])
})
