import { setTimeout as sleep } from 'node:timers/promises'
import { isAsyncIterable } from 'graphql-yoga'
import { beforeAll, expect, it, vi } from 'vitest'
import { createEnding, type Session } from '../../src/access/session.js'
import { createMemoryBus } from '../../src/bus/index.js'
import { ANONYMOUS } from '../../src/core/principal.js'
import { createExecutionFeed } from '../../src/executions/feed.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { createClientErrors } from '../../src/graphql/errors.js'
import { ALWAYS_THERE, contextOf, perform } from '../../src/graphql/request.js'
import type { ResultMessage } from '../../src/graphql/result-stream.js'
import { createGraphQLServer } from '../../src/graphql/server.js'
import type { Services } from '../../src/orchestrator/services.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { type CountingDatabase, countingDatabase } from '../support/counting-database.js'
import { describeDatabase } from '../support/database.js'
import { within } from '../support/pace.js'
import { newId, set, write } from '../variables/support.js'

const SUBSCRIBERS = 50
const CHANGES = 5
type Messages = AsyncGenerator<ResultMessage, void, undefined>
const VARIABLES = `subscription ($id: ID!, $after: Revision) { variableChanged(executionId: $id, afterRevision: $after) {
  kind revision changes { name value } } }`
const EXECUTION = 'subscription ($id: ID!) { executionChanged(id: $id) { id status revision } }'
const EXECUTIONS = 'subscription { executionsChanged { id revision } }'

describeDatabase(`${SUBSCRIBERS} subscribers of the same`, (open) => {
  let reads: CountingDatabase
  let variables: VariablesService
  let mine: Session
  let others: Session
  /** Since when reads are counted. A slow machine is looked at again: each second there may be reads that no change made. */
  let began = 0
  const pulls = () => 2 * Math.ceil((performance.now() - began) / 1000)
  let subscribe: (query: string, given?: object, session?: Session) => Promise<Messages>
  beforeAll(async () => {
    reads = countingDatabase(await open())
    const bus = createMemoryBus()
    const feed = createExecutionFeed({ db: reads.db, bus })
    variables = createVariablesService({ db: reads.db, bus, feed })
    const executions = createExecutionsService({ db: reads.db, bus, variableFilter: variableFilterSql, feed })
    const services = { variables, executions } as unknown as Services
    const yoga = createGraphQLServer(createClientErrors(() => undefined))
    const principal = ANONYMOUS
    mine = { id: 'mine', ...{ principal, services }, ending: createEnding(), admit: () => undefined }
    others = { ...mine, id: 'others' }
    subscribe = async (query, given = {}, session = mine) => {
      const result = await perform(yoga, contextOf(session, ALWAYS_THERE), { query, variables: { ...given } })
      if (!isAsyncIterable(result)) throw new Error(JSON.stringify(result))
      return result as Messages
    }
  })

  /** Opens them one after another, gathers what each gets, and waits until each has so many messages. */
  async function openAll(query: string, given: object) {
    const streams: Messages[] = []
    const taken: ResultMessage[][] = []
    for (let index = 0; index < SUBSCRIBERS; index += 1) {
      const stream = await subscribe(query, given)
      const messages: ResultMessage[] = []
      streams.push(stream)
      taken.push(messages)
      void (async () => {
        for await (const message of stream) messages.push(message)
      })()
    }
    const until = (isThere: (messages: ResultMessage[]) => boolean) =>
      vi.waitFor(() => expect(taken.filter(isThere)).toHaveLength(SUBSCRIBERS), { timeout: within(10_000), interval: 5 })
    await until((messages) => messages.length > 0)
    do await sleep(100)
    while (reads.count('') > 0)
    began = performance.now()
    return { taken, until, close: () => streams.map((stream) => stream.return()) }
  }

  async function change(id: string, from: number): Promise<void> {
    for (let value = from; value < from + CHANGES; value += 1) {
      await write(variables, id, set('n', value))
      await sleep(20)
    }
  }

  it('variableChanged: each change is read, executed and serialised once', async () => {
    const id = newId()
    const { taken, until, close } = await openAll(VARIABLES, { id, after: 0 })
    await change(id, 1)
    await until((messages) => messages.length === 1 + CHANGES)
    expect(reads.count('WITH ahead')).toBeLessThanOrEqual(2 * CHANGES + 2 + pulls())
    const [first] = taken
    for (const messages of taken) for (const at of [1, 2, 3, 4, 5]) expect(messages[at]).toBe(first?.[at])
    close()
  })

  it('executionChanged: the same, but for those with other rights', async () => {
    const id = newId()
    await write(variables, id, set('n', 0))
    const { taken, until, close } = await openAll(EXECUTION, { id })
    await change(id, 1)
    await until((messages) => messages.at(-1)?.text.includes(`"revision":${1 + CHANGES}`) ?? false)
    expect(reads.count('FROM transient.execution WHERE id = $1')).toBeLessThanOrEqual(2 * CHANGES + 2 + pulls())
    const last = taken[0]?.at(-1)
    for (const messages of taken) expect(messages.at(-1)).toBe(last)
    const other = await subscribe(EXECUTION, { id }, others)
    expect((await other.next()).value).toMatchObject({ text: last?.text })
    const next = other.next()
    await write(variables, id, set('n', 99))
    await until((messages) => messages.at(-1)?.text.includes(`"revision":${2 + CHANGES}`) ?? false)
    expect((await next).value).not.toBe(taken[0]?.at(-1))
    void other.return()
    close()
  })

  it('executionChanged of an execution that nobody knows: it is waited for, and leaving ends the wait', async () => {
    const id = newId()
    const gone = await subscribe(EXECUTION, { id })
    const never = gone.next()
    const stream = await subscribe(EXECUTION, { id })
    const first = stream.next()
    await sleep(30)
    void gone.return()
    expect((await never).done).toBe(true)
    await write(variables, id, set('n', 1))
    expect((await first).value).toMatchObject({ text: expect.stringContaining(`"id":"${id}"`) })
    void stream.return()
  })

  it('executionsChanged: what changed is read once for all', async () => {
    const id = newId()
    await write(variables, id, set('n', 0))
    const { until, close } = await openAll(EXECUTIONS, {})
    await change(id, 1)
    const last = `"id":"${id}","revision":${1 + CHANGES}`
    await until((messages) => messages.at(-1)?.text.includes(last) ?? false)
    expect(reads.count('id = ANY')).toBeLessThanOrEqual(4 * CHANGES + 2 + pulls())
    close()
  })
})
