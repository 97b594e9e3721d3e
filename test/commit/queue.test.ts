import { beforeAll, expect, it } from 'vitest'
import { TryAgain } from '../../src/commit/carry-out.js'
import { foldInto } from '../../src/commit/change-set.js'
import { checkRunning, type Draft, record } from '../../src/commit/draft.js'
import { type CommitQueue, type CommitRequest, createCommitQueue } from '../../src/commit/queue.js'
import { TransientError } from '../../src/core/errors.js'
import type { Database } from '../../src/db/database.js'
import { findExecution } from '../../src/executions/store.js'
import { NO_KEYS } from '../../src/sealing/key-ring.js'
import type { VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { createService, newId, set, write } from '../variables/support.js'

const NOW = new Date('2026-01-02T03:04:05.678Z')

interface Rename {
  readonly executionId: string
  readonly from: string
  readonly to: string
}

/** A work of somebody who adds one: under its new name a variable is another one, and both change in one revision. */
function renaming({ executionId, from, to }: Rename): CommitRequest<number> {
  return {
    executionId,
    needs: { written: [from, to] },
    work(draft) {
      checkRunning(draft)
      const variable = draft.present.get(from)
      if (!variable) throw new TransientError('NOT_FOUND', `${from} does not exist`)
      const { value, type } = variable
      const writes = [
        { operation: 'set', name: to, value, type, sourceStep: null },
        { operation: 'delete', name: from },
      ] as const
      const { revision } = foldInto(draft, { writes, actor: 'api:test', now: NOW })
      record(draft, [{ name: 'variables.changed', step: null, run: null, attempt: null, data: { actor: 'api:test', count: 2 } }])
      return revision
    },
  }
}

describeDatabase('works that share a transaction', (open) => {
  let db: Database
  let service: VariablesService
  let queue: CommitQueue
  let committed: Draft[] = []
  beforeAll(async () => {
    db = await open()
    service = createService(db)
    queue = createCommitQueue({
      ...{ db, keyRing: NO_KEYS, maxSize: 10, maxTransactions: 1 },
      afterCommit: (draft) => void committed.push(draft),
    })
  })

  it('are each carried out on what those before them left, and one that is refused changes nothing', async () => {
    const [id, other] = [newId(), newId()]
    await Promise.all([write(service, id, set('a', 1)), write(service, other, set('x', 'kept'))])
    committed = []
    const answers = await Promise.allSettled([
      queue.push(renaming({ executionId: id, from: 'a', to: 'b' })),
      queue.push(renaming({ executionId: other, from: 'none', to: 'y' })),
      queue.push(renaming({ executionId: id, from: 'b', to: 'c' })),
    ])
    expect(answers).toMatchObject([{ value: 2 }, { reason: { code: 'NOT_FOUND' } }, { value: 3 }])
    expect(await service.values(id)).toEqual({ c: 1 })
    expect(await service.values(other)).toEqual({ x: 'kept' })
    const { items } = await service.history({ executionId: id, first: 10 })
    expect(items.map(({ revision, name, operation }) => [revision, name, operation])).toEqual([
      [1, 'a', 'set'],
      [2, 'b', 'set'],
      [2, 'a', 'delete'],
      [3, 'c', 'set'],
      [3, 'b', 'delete'],
    ])
    expect(await findExecution(db, id)).toMatchObject({ revision: 3, eventSeq: 3, variableCount: 1, historyCount: 5 })
    expect(committed.map(({ execution }) => execution.id)).toEqual([id])
  })

  it('ask for what they find that they need, and then have it locked', async () => {
    const id = newId()
    await write(service, id, set('next', 'target'), set('target', 41))
    const read = await queue.push({
      executionId: id,
      needs: { vars: ['next'], written: ['next'] },
      *work(draft: Draft) {
        const name = String(draft.present.get('next')?.value)
        expect(draft.present.has(name)).toBe(false)
        yield { written: [name] }
        foldInto(draft, { writes: [{ operation: 'increment', name, by: '1', sourceStep: null }], actor: 'api:test', now: NOW })
        return draft.present.get(name)?.value
      },
    })
    expect(read).toBe(42)
    expect(await service.values(id)).toEqual({ next: 'target', target: 42 })
  })

  it('are carried out again, over a new draft, when they say so; what fails takes nobody with it', async () => {
    const [id, other] = [newId(), newId()]
    await Promise.all([write(service, id, set('n', 0)), write(service, other, set('n', 0))])
    let tries = 0
    const counting = (executionId: string, fail?: () => void): CommitRequest<number> => ({
      executionId,
      needs: { written: ['n'] },
      work(draft) {
        foldInto(draft, {
          writes: [{ operation: 'increment', name: 'n', by: '1', sourceStep: null }],
          actor: 'api:test',
          now: NOW,
        })
        fail?.()
        return draft.execution.revision
      },
    })
    const again = () => {
      tries += 1
      if (tries < 3) throw new TryAgain()
    }
    const answers = await Promise.allSettled([
      queue.push(counting(id, again)),
      queue.push(counting(other)),
      queue.push(
        counting(other, () => {
          throw new Error('a fault of ours')
        }),
      ),
    ])
    expect(answers).toMatchObject([{ value: 2 }, { value: 2 }, { status: 'rejected' }])
    expect(tries).toBe(3)
    expect(await Promise.all([service.values(id), service.values(other)])).toEqual([{ n: 1 }, { n: 1 }])
  })

  it('of an execution that does not exist find none, and leave none behind', async () => {
    const id = newId()
    const there = await queue.push({ executionId: id, needs: {}, work: ({ transaction }) => transaction !== '' })
    expect(there).toBe(false)
    expect(await findExecution(db, id)).toBeNull()
  })
})
