import fc from 'fast-check'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { VariableWrite } from '../../src/commit/record.js'
import type { JsonValue } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { findExecution } from '../../src/executions/store.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { updateExecution } from '../support/executions.js'
import { keyRingOf } from '../support/keys.js'
import { within } from '../support/pace.js'
import { increment, newId, remove, set, write } from './support.js'

/** A database that counts how it is asked. */
function countingWays(db: Database) {
  const ways = { alone: 0, transactions: 0 }
  const counting: Database = {
    ...db,
    alone(text, ...parameters) {
      ways.alone += 1
      return db.alone(text, ...parameters)
    },
    transaction(work) {
      ways.transactions += 1
      return db.transaction(work)
    },
  }
  const since = () => {
    const seen = { ...ways }
    Object.assign(ways, { alone: 0, transactions: 0 })
    return seen
  }
  return { counting, since }
}

const ONE_STATEMENT = { alone: 1, transactions: 0 }
const ONE_TRANSACTION = { alone: 0, transactions: 1 }

describeDatabase('a write over what the process remembers', (open) => {
  let db: Database
  let ours: VariablesService
  let theirs: VariablesService
  let since: ReturnType<typeof countingWays>['since']
  let id: string
  beforeAll(async () => {
    db = await open()
  })
  beforeEach(async () => {
    const ways = countingWays(db)
    since = ways.since
    const keyRing = keyRingOf('one')
    ours = createVariablesService({ db: ways.counting, bus: createMemoryBus(), keyRing })
    theirs = createVariablesService({ db, bus: createMemoryBus(), keyRing })
    id = newId()
    await write(ours, id, set('a', 1))
    since()
  })

  it('takes one statement, also where the name is new to an execution that began here', async () => {
    await write(ours, id, set('a', 2), increment('new'))
    expect(since()).toEqual(ONE_STATEMENT)
    await Promise.all(Array.from({ length: 10 }, (_, index) => write(ours, id, set('a', index))))
    expect(since()).toEqual(ONE_STATEMENT)
    expect(await ours.find(id, 'a')).toMatchObject({ value: 9, version: 12, revision: 12 })
  })

  it('asks for what it does not know, and remembers it', async () => {
    const foreign = newId()
    await write(theirs, foreign, set('a', 1), set('b', 1))
    await write(ours, foreign, set('a', 2))
    await write(ours, foreign, set('b', 2))
    expect(since()).toEqual({ alone: 0, transactions: 2 })
    await write(ours, foreign, set('a', 3), set('b', 3))
    expect(since()).toEqual(ONE_STATEMENT)
    await write(ours, foreign, set('c', 1))
    expect(since()).toEqual(ONE_TRANSACTION)
  })

  it('asks before it says that nothing changed, or that a name is not there', async () => {
    await write(ours, id, set('a', 1))
    await write(ours, id, remove('b'))
    expect(since()).toEqual({ alone: 0, transactions: 2 })
    await db.run(`UPDATE noetl.transient SET var_value = '5' WHERE execution_id = $1::bigint`, id)
    expect(await write(ours, id, set('a', 1))).toMatchObject({ outcomes: [{ isChanged: true }] })
  })

  it('is folded anew where another process has written', async () => {
    await write(theirs, id, set('a', 10), set('b', 1))
    const result = await write(ours, id, increment('a'))
    expect(result).toMatchObject({ revision: 3, outcomes: [{ variable: { value: 11, version: 3 } }] })
    await expect(write(ours, id, set('b', 2, { expectedVersion: 0 }))).rejects.toMatchObject({ code: 'CONFLICT' })
    const history = await ours.history({ executionId: id, first: 10 })
    expect(history.items.map(({ name, value, previousValue }) => [name, value, previousValue])).toEqual([
      ['a', 1, null],
      ['a', 10, 1],
      ['b', 1, null],
      ['a', 11, 10],
    ])
  })

  it('does not try again and again where two processes take turns', async () => {
    for (let turn = 0; turn < 5; turn += 1) for (const service of [theirs, ours]) await write(service, id, increment('a'))
    expect(since()).toEqual({ alone: 2, transactions: 5 })
    expect(await ours.find(id, 'a')).toMatchObject({ value: 11, version: 11 })
  })

  it('goes on from memory after a single write of another process', async () => {
    await write(theirs, id, increment('a'))
    await write(ours, id, increment('a'))
    expect(since()).toEqual({ alone: 1, transactions: 1 })
    await write(ours, id, increment('a'))
    expect(since()).toEqual(ONE_STATEMENT)
  })

  it('goes on from the tombstone of what another process deleted', async () => {
    await write(theirs, id, set('a', 2))
    await write(theirs, id, remove('a'))
    expect(await write(ours, id, set('a', 'again'))).toMatchObject({ outcomes: [{ variable: { version: 4, accessCount: 0 } }] })
  })

  it('keeps secret what another process made sensitive', async () => {
    await write(theirs, id, { ...set('a', 'hidden'), isSensitive: true } as VariableWrite)
    await write(ours, id, set('a', 'also hidden'))
    expect(await ours.find(id, 'a')).toMatchObject({ value: '********' })
    expect(await ours.reveal(id, 'a')).toMatchObject({ value: 'also hidden' })
    const { items } = await ours.history({ executionId: id, first: 10 })
    expect(items.map(({ value }) => value)).toEqual(Array(3).fill('********'))
  })

  it('is never over a secret, which a rotation of keys may have sealed anew', async () => {
    const secret = { ...set('s', 'hidden'), isSensitive: true } as VariableWrite
    await write(ours, id, secret)
    for (const value of ['still hidden', '********']) await write(ours, id, set('s', value))
    expect(since()).toEqual({ alone: 0, transactions: 3 })
    expect(await ours.reveal(id, 's')).toMatchObject({ value: 'still hidden' })
  })

  it('goes on after a delete of its own', async () => {
    await write(ours, id, remove('a'))
    since()
    expect(await write(ours, id, set('a', 'again'))).toMatchObject({ outcomes: [{ variable: { version: 3 } }] })
    expect(since()).toEqual(ONE_STATEMENT)
  })

  it('is refused where another process has ended the execution, and changes nothing', async () => {
    await updateExecution(db, id, { status: 'completed' })
    await expect(write(ours, id, set('a', 2))).rejects.toMatchObject({ code: 'EXECUTION_FINISHED' })
    expect(await ours.find(id, 'a')).toMatchObject({ value: 1, version: 1 })
  })

  it('answers with the reads that were counted meanwhile', async () => {
    for (let read = 0; read < 3; read += 1) await theirs.read(id, 'a')
    const answers = await Promise.all([write(ours, id, set('a', 2)), write(ours, id, set('a', 3))])
    expect(since()).toEqual(ONE_STATEMENT)
    expect(answers.flatMap(({ outcomes }) => outcomes.map(({ variable }) => variable?.accessCount))).toEqual([3, 3])
    expect(await ours.find(id, 'a')).toMatchObject({ accessCount: 3 })
    const { outcomes } = await write(ours, id, set('a', 3), set('b', 1))
    expect(outcomes).toMatchObject([
      { isChanged: false, variable: { accessCount: 3 } },
      { isChanged: true, variable: { accessCount: 0 } },
    ])
    expect(since()).toEqual(ONE_TRANSACTION)
  })

  it('leaves its neighbours alone where it is refused, or has to be folded anew', async () => {
    const neighbours = Array.from({ length: 20 }, newId)
    for (const neighbour of neighbours) await write(ours, neighbour, set('a', 1))
    await write(theirs, neighbours[3] as string, set('a', 'theirs'))
    const answers = await Promise.allSettled([
      write(ours, id, set('a', '\u0000')),
      ...neighbours.map((neighbour) => write(ours, neighbour, set('a', 2))),
      write(ours, id, set('a', 2, { expectedVersion: 9 })),
      write(ours, id, set('a', 3)),
    ])
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(2)
    expect(answers[0]).toMatchObject({ reason: { code: 'VALIDATION' } })
    expect(answers.at(-2)).toMatchObject({ reason: { code: 'CONFLICT', details: { currentValue: 1 } } })
    const versions = await Promise.all([id, ...neighbours].map(async (one) => (await ours.find(one, 'a'))?.version))
    expect(versions).toEqual([2, 2, 2, 2, 3, ...Array(16).fill(2)])
  })

  it('leaves one log with another process, whatever both do', { timeout: within(60_000) }, async () => {
    const aName = fc.constantFrom('a', 'b', 'c')
    const aWrite = fc.oneof(
      fc.tuple(aName, fc.constantFrom<JsonValue>(0, 1, 'x')).map(([name, value]) => set(name, value)),
      aName.map((name) => increment(name)),
      aName.map((name) => remove(name)),
    )
    const aTurn = fc.record({ isOurs: fc.boolean(), which: fc.nat(1), write: aWrite, isWaitedFor: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(aTurn, { minLength: 5, maxLength: 30 }), async (turns) => {
        const ids = [newId(), newId()]
        const running: Promise<unknown>[] = []
        for (const { isOurs, which, write: one, isWaitedFor } of turns) {
          const writing = write(isOurs ? ours : theirs, ids[which] as string, one).catch((error: { code: string }) => {
            expect(error.code).toBe('VALIDATION')
          })
          running.push(writing)
          if (isWaitedFor) await writing
        }
        await Promise.all(running)
        for (const executionId of ids) await expectOneLog(executionId)
      }),
      { numRuns: 40 },
    )
  })

  async function expectOneLog(executionId: string): Promise<void> {
    const { variables, revision } = await ours.all(executionId)
    const history = (await ours.history({ executionId, first: 250 })).items
    const live = new Map<string, { value: JsonValue; version: number }>()
    const versions = new Map<string, number>()
    for (const { name, operation, value, previousValue, version } of history) {
      expect(previousValue).toEqual(live.get(name)?.value ?? null)
      expect(version).toBe((versions.get(name) ?? 0) + 1)
      versions.set(name, version)
      if (operation === 'delete') live.delete(name)
      else live.set(name, { value, version })
    }
    expect(history.map((change) => change.revision)).toEqual(Array.from({ length: revision }, (_, index) => index + 1))
    expect(new Map(variables.map(({ name, value, version }) => [name, { value, version }]))).toEqual(live)
    const execution = await findExecution(db, executionId)
    expect(execution?.historyCount ?? 0).toBe(history.length)
    expect(execution?.variableCount ?? 0).toBe(live.size)
    expect(execution?.eventSeq ?? 0).toBe(revision)
  }
})
