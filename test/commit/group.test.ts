import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { createGroupCommit, type GroupCommitOptions, type Outcome } from '../../src/commit/group.js'
import { TransientError, UndecidedCommit } from '../../src/core/errors.js'
import { WAIT, within } from '../support/pace.js'

interface Work {
  readonly id: string
  readonly n: number
}

type Commit = GroupCommitOptions<Work, number>['commit']

/** A queue whose batches the test carries out. */
function openQueue(commit: Commit, options: Partial<GroupCommitOptions<Work, number>> = {}) {
  const batches: string[] = []
  const queue = createGroupCommit<Work, number>({
    ...{ executionOf: ({ id }) => id, sizeOf: () => 1, maxSize: 10, maxTransactions: 1, ...options },
    commit(works, how) {
      batches.push(`${how.isAlone ? 'alone ' : ''}${works.map(({ id, n }) => `${id}${n}`).join(' ')}`)
      return commit(works, how)
    },
  })
  const push = (...texts: string[]) =>
    Promise.allSettled(texts.map((text) => queue.push({ id: text[0] as string, n: Number(text.slice(1)) })))
  return { batches, push }
}

const doneAll: Commit = async (works) => works.map(({ n }) => ({ value: n }))

it('works that come at once share a transaction, each with its own answer; what does not fit comes next', async () => {
  const { batches, push } = openQueue(doneAll, { maxSize: 3 })
  const answers = await push('a1', 'a2', 'b3', 'c4', 'a5')
  expect(answers).toMatchObject([1, 2, 3, 4, 5].map((value) => ({ status: 'fulfilled', value })))
  expect(batches).toEqual(['a1 a2 a5', 'b3 c4'])
})

it('an execution that is locked is waited for alone, all that waits for it together, and others go on', async () => {
  let unlock: () => void = () => undefined
  const locked = new Promise<void>((resolve) => {
    unlock = resolve
  })
  const { batches, push } = openQueue(async (works, { isAlone }) => {
    if (isAlone) await locked
    return works.map(({ id, n }): Outcome<number> => (id === 'a' && !isAlone ? 'busy' : { value: n }))
  })
  const blocked = push('a1', 'b1', 'a2')
  await vi.waitFor(() => expect(batches).toHaveLength(2), WAIT)
  const later = push('a3')
  await push('b2')
  unlock()
  await Promise.all([blocked, later])
  expect(batches).toEqual(['a1 a2 b1', 'alone a1 a2', 'b2', 'a3', 'alone a3'])
})

it('a work that makes the transaction fail fails alone, and its neighbours are done, in their order', async () => {
  const { batches, push } = openQueue(async (works) => {
    if (works.some(({ n }) => n === 2)) throw new Error('cannot be stored')
    return works.map(({ n }) => ({ value: n }))
  })
  const answers = await push('a1', 'a2', 'a3', 'b1')
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(batches.filter((batch) => batch.startsWith('alone a'))).toEqual(['alone a1 a2 a3', 'alone a1', 'alone a2', 'alone a3'])
})

it('a commit that got no answer is never repeated, nor what the database is away for', async () => {
  for (const error of [new UndecidedCommit(new Error('lost')), new TransientError('OVERLOADED', 'away')]) {
    const { batches, push } = openQueue(() => Promise.reject(error))
    const answers = await push('a1', 'b1')
    expect(answers).toMatchObject([{ reason: error }, { reason: error }])
    expect(batches).toEqual(['a1 b1'])
  }
})

it.each([
  { maxTransactions: 1, below: 1000 },
  { maxTransactions: 3, minBeside: 8, below: 100 },
])('a slow transaction gives its slot up, and others gather behind it for a moment only: %o', async ({ below, ...options }) => {
  let end: () => void = () => undefined
  const slow = new Promise<void>((resolve) => {
    end = resolve
  })
  const { push } = openQueue(async (works) => {
    if (works[0]?.id === 'a') await slow
    return works.map(({ n }) => ({ value: n }))
  }, options)
  const blocked = push('a1')
  await sleep(0)
  const began = performance.now()
  await push('b1')
  expect(performance.now() - began).toBeLessThan(within(below))
  end()
  await blocked
})

it('beyond what may wait, callers are told to come back', async () => {
  const { push } = openQueue(doneAll, { maxWaiting: 2 })
  const answers = await push('a1', 'a2', 'a3')
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  expect(answers[2]).toMatchObject({ reason: { code: 'OVERLOADED' } })
  expect(await push('a4')).toMatchObject([{ value: 4 }])
})
