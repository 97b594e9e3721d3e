import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { createSlots } from '../../../src/orchestrator/advance/slots.js'
import { WAIT } from '../../support/pace.js'

it('a slow work gives its slot up, and what waited for it goes on when it has ended', async () => {
  const slots = createSlots(1)
  let end: () => void = () => undefined
  const turns: string[] = []
  let hasEnded = false
  slots.take(
    async () => {
      await new Promise<void>((resolve) => {
        end = resolve
      })
      hasEnded = true
    },
    () => turns.push(`free: ${slots.isFree()}, ended: ${hasEnded}`),
  )
  expect(slots.isFree()).toBe(false)
  await vi.waitFor(() => expect(turns).toEqual(['free: true, ended: false']), WAIT)
  end()
  await sleep(0)
  expect(turns).toEqual(['free: true, ended: false', 'free: true, ended: true'])
})
