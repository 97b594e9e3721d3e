import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, type RestAnswer, type TransientClient } from '../support/client.js'
import { within } from '../support/pace.js'

/** As long as a claim may wait: who gets a task is answered at once. */
const LONG_WAIT_MS = 60_000

/** One rule of docs/protocol.md that can be seen from outside. */
export interface Rule {
  readonly id: string
  readonly title: string
  check(bench: Bench): Promise<void>
}

interface Task {
  readonly id: string
  readonly execution_id: string
  readonly attempt: number
  readonly token: string
  readonly idempotency_key: string
  readonly lease_ms: number
}

/** A server under test, and a pool that nobody else uses. */
export interface Bench {
  readonly client: TransientClient
  readonly pool: string
  start(workload?: object): Promise<string>
  claim(waitMs?: number, workerId?: string): Promise<Task>
  claimNothing(): Promise<void>
  post(task: Task, action: 'heartbeat' | 'complete' | 'release', more?: object): Promise<RestAnswer>
}

/** A bench on any URL, with a pool and a playbook of its own. */
export async function createBench(url: string, key?: string): Promise<Bench> {
  const client = createClient(url, key)
  const pool = `conformance-${randomUUID().slice(0, 8)}`
  const claim = async (waitMs: number, workerId: string) =>
    (await client.rest('POST', '/api/tasks/claim', { pool, worker_id: workerId, wait_ms: waitMs })).body as Task | null
  const path = await client.register(
    JSON.stringify({
      apiVersion: 'noetl.io/v2',
      kind: 'Playbook',
      metadata: { name: pool, path: `conformance/${pool}` },
      workload: { timeout: 300 },
      workflow: [
        {
          step: 'start',
          timeout: '{{ workload.timeout }}',
          tool: 'python',
          code: 'result = 1',
          pool,
          vars: { answer: '{{ result }}' },
        },
      ],
    }),
  )
  return {
    client,
    pool,
    start: (workload) => client.startExecution(path, workload),
    async claim(waitMs = LONG_WAIT_MS, workerId = `worker-${randomUUID()}`) {
      const task = await claim(waitMs, workerId)
      ok(task, `nothing came within ${waitMs} ms`)
      return task
    },
    claimNothing: async () => equal(await claim(0, 'nobody'), null),
    post: (task, action, more = {}) =>
      client.rest('POST', `/api/tasks/${task.id}/${action}`, { attempt: task.attempt, token: task.token, ...more }),
  }
}

function refused(answer: RestAnswer, status: number, code: string): void {
  deepEqual([answer.status, (answer.body as { code?: string }).code], [status, code])
}

async function finish(bench: Bench, task: Task): Promise<void> {
  deepEqual((await bench.post(task, 'complete', { result: 1 })).status, 200)
}

export const RULES: readonly Rule[] = [
  {
    id: 'S1',
    title: 'a task is given to one worker at a time',
    async check(bench) {
      const ids = await Promise.all([bench.start(), bench.start(), bench.start()])
      const tasks = await Promise.all([bench.claim(), bench.claim(), bench.claim()])
      deepEqual(tasks.map((task) => task.execution_id).sort(), [...ids].sort())
      equal(new Set(tasks.map(({ token }) => token)).size, 3)
      await bench.claimNothing()
      for (const task of tasks) await finish(bench, task)
    },
  },
  {
    id: 'S2',
    title: 'a claim gets tasks of its pool only',
    async check(bench) {
      const other = { pool: `${bench.pool}-other`, worker_id: 'w', wait_ms: 200 }
      await bench.start()
      equal((await bench.client.rest('POST', '/api/tasks/claim', other)).body, null)
      await finish(bench, await bench.claim())
    },
  },
  {
    id: 'S3',
    title: 'a waiting claim is answered when a task comes, and with null when none does',
    async check(bench) {
      const body = { pool: bench.pool, worker_id: 'w', wait_ms: 300 }
      equal((await bench.client.rest('POST', '/api/tasks/claim', body)).body, null)
      const waiting = bench.claim()
      await bench.start()
      const startedAt = performance.now()
      await finish(bench, await waiting)
      const tookMs = performance.now() - startedAt
      ok(tookMs < LONG_WAIT_MS - 10_000, `only the end of its wait answered the claim, after ${tookMs.toFixed()} ms`)
    },
  },
  {
    id: 'S4',
    title: 'a claim that says nonsense is refused',
    async check({ client, pool }) {
      refused(await client.rest('POST', '/api/tasks/claim', { pool }), 422, 'VALIDATION')
      refused(await client.rest('POST', '/api/tasks/claim', { pool, worker_id: '' }), 422, 'VALIDATION')
      refused(await client.rest('POST', '/api/tasks/claim', { pool, worker_id: 'w', wait_ms: 60_001 }), 422, 'VALIDATION')
      refused(await client.rest('POST', '/api/tasks/claim', 'not json'), 400, 'BAD_REQUEST')
    },
  },
  {
    id: 'S6',
    title: 'heartbeats keep a lease',
    async check(bench) {
      await bench.start()
      const task = await bench.claim()
      for (let beat = 0; beat < 5; beat += 1) {
        const beganAt = performance.now()
        await sleep(task.lease_ms / 3)
        const { status, body } = await bench.post(task, 'heartbeat')
        const late = `heartbeat ${beat + 1}, ${(performance.now() - beganAt).toFixed()} ms after the one before, of ${task.lease_ms}`
        deepEqual([status, (body as Task).id, (body as Task).token], [200, task.id, task.token], late)
      }
      await bench.claimNothing()
      await finish(bench, task)
    },
  },
  {
    id: 'S7',
    title: 'a task whose lease ended is offered again, as the same attempt',
    async check(bench) {
      await bench.start()
      const task = await bench.claim()
      const again = await bench.claim()
      deepEqual([again.id, again.attempt, again.idempotency_key], [task.id, task.attempt, task.idempotency_key])
      notEqual(again.token, task.token)
      for (const action of ['heartbeat', 'complete', 'release'] as const) {
        refused(await bench.post(task, action), 409, 'CONFLICT')
      }
      await finish(bench, again)
    },
  },
  {
    id: 'S8',
    title: 'another token, attempt or task is refused and changes nothing',
    async check(bench) {
      const id = await bench.start()
      const task = await bench.claim()
      const stranger = { ...task, token: randomUUID() }
      for (const action of ['heartbeat', 'complete', 'release'] as const) {
        refused(await bench.post(stranger, action), 409, 'CONFLICT')
        refused(await bench.post({ ...task, attempt: task.attempt + 1 }, action), 409, 'CONFLICT')
        refused(await bench.post({ ...task, id: `${id}-999-1` }, action), 404, 'NOT_FOUND')
        refused(await bench.post({ ...task, id: 'nonsense' }, action), 404, 'NOT_FOUND')
      }
      equal((await bench.client.execution(id)).status, 'RUNNING')
      await finish(bench, task)
    },
  },
  {
    id: 'S9',
    title: 'a completion takes effect once',
    async check(bench) {
      const id = await bench.start()
      const task = await bench.claim()
      const answers = await Promise.all([1, 2, 3, 4].map(() => bench.post(task, 'complete', { result: 42 })))
      deepEqual(answers.map(({ body }) => (body as { accepted: boolean }).accepted).sort(), [false, false, false, true])
      equal((await bench.client.untilEnded(id)).status, 'COMPLETED')
      equal((await bench.client.variables(id))['answer']?.value, 42)
      equal((await bench.client.history(id)).length, 1)
    },
  },
  {
    id: 'S10',
    title: 'a result and an error exclude each other; an error fails the step',
    async check(bench) {
      const id = await bench.start()
      const task = await bench.claim()
      const error = { code: 'TOOL_FAILED', message: 'out of paper' }
      refused(await bench.post(task, 'complete', { result: 1, error }), 422, 'VALIDATION')
      refused(await bench.post(task, 'complete', { error: { ...error, code: 'NOT_FOUND' } }), 422, 'VALIDATION')
      refused(await bench.post(task, 'complete', { error: { ...error, details: 'tray 2' } }), 422, 'VALIDATION')
      equal((await bench.post(task, 'complete', { error: { ...error, details: { tray: 2 }, data: { sheets: 0 } } })).status, 200)
      const ended = await bench.client.untilEnded(id)
      equal(ended.status, 'FAILED')
      ok(ended.error?.message.includes('out of paper'))
    },
  },
  {
    id: 'S11',
    title: 'a released task is offered again at once',
    async check(bench) {
      await bench.start()
      const task = await bench.claim()
      deepEqual((await bench.post(task, 'release')).body, { released: true })
      const again = await bench.claim(0)
      deepEqual([again.id, again.attempt], [task.id, task.attempt])
      refused(await bench.post(task, 'complete', { result: 1 }), 409, 'CONFLICT')
      await finish(bench, again)
    },
  },
  {
    id: 'S12',
    title: 'a report beyond the limits is refused, and the task stays held',
    async check(bench) {
      await bench.start()
      const task = await bench.claim()
      refused(await bench.post(task, 'complete', { result: 'x'.repeat(1024 * 1024) }), 413, 'TOO_LARGE')
      await finish(bench, task)
    },
  },
  {
    id: 'S13',
    title: 'the token of a held task writes the variables of its execution, and no other',
    async check(bench) {
      const id = await bench.start()
      const other = await bench.start()
      const [task, second] = [await bench.claim(), await bench.claim()]
      const mine = task.execution_id === id ? id : other
      const bearer = { authorization: `Bearer ${task.token}` }
      const write = (execution: string) =>
        bench.client.rest('POST', `/api/vars/${execution}`, { variables: { seen: true } }, bearer)
      equal((await write(mine)).status, 200)
      refused(await write(mine === id ? other : id), 404, 'NOT_FOUND')
      refused(await bench.client.rest('POST', `/api/executions/${mine}/cancel`, {}, bearer), 403, 'FORBIDDEN')
      match(String((await bench.client.history(mine))[0]?.actor), /^step:/)
      await finish(bench, task)
      await finish(bench, second)
      const late = async () => (await write(mine)).status
      const deadline = performance.now() + within(10_000)
      while ((await late()) !== 401) {
        ok(performance.now() < deadline, 'a task that was reported still has a good token')
        await sleep(100)
      }
    },
  },
  {
    id: 'S14',
    title: 'an attempt ends with TIMEOUT, whatever heartbeats come, and a later report is CONFLICT',
    async check(bench) {
      const id = await bench.start({ timeout: 0.5 })
      const task = await bench.claim()
      const deadline = Date.now() + 60_000
      while ((await bench.post(task, 'heartbeat')).status === 200) {
        ok(Date.now() < deadline, 'its heartbeats are accepted for ever')
        await sleep(100)
      }
      const ended = await bench.client.untilEnded(id)
      deepEqual([ended.status, ended.error?.code], ['FAILED', 'TIMEOUT'])
      for (const action of ['heartbeat', 'release'] as const) refused(await bench.post(task, action), 409, 'CONFLICT')
      refused(await bench.post(task, 'complete', { result: 1 }), 409, 'CONFLICT')
    },
  },
  {
    id: 'S15',
    title: 'a claim with max gets as many as there are, and waits for the first alone',
    async check({ client, pool, start }) {
      const claim = async (max: number, waitMs = 0) => {
        const { body } = await client.rest('POST', '/api/tasks/claim', { pool, worker_id: 'w', wait_ms: waitMs, max })
        return (body as { tasks: Task[] }).tasks
      }
      deepEqual(await claim(10), [])
      const waiting = claim(10, LONG_WAIT_MS)
      const first = await start()
      const claimed = await waiting
      deepEqual(
        claimed.map(({ execution_id }) => execution_id),
        [first],
      )
      const ids = await Promise.all([start(), start(), start()])
      while (claimed.length < 4) claimed.push(...(await claim(2, LONG_WAIT_MS)))
      deepEqual(claimed.map(({ execution_id }) => execution_id).sort(), [first, ...ids].sort())
      deepEqual(await claim(10), [])
      for (const max of [0, 251, 1.5]) {
        refused(await client.rest('POST', '/api/tasks/claim', { pool, worker_id: 'w', max }), 422, 'VALIDATION')
      }
      const tasks = claimed.map(({ id, attempt, token }) => ({ id, attempt, token }))
      deepEqual((await client.rest('POST', '/api/tasks/complete', { tasks })).status, 200)
    },
  },
  {
    id: 'S16',
    title: 'of several tasks in one request each is treated as if it came alone',
    async check({ client, start, claim }) {
      const ids = [await start(), await start(), await start()]
      const tasks = [await claim(), await claim(), await claim()]
      const tickets = tasks.map(({ id, attempt, token }) => ({ id, attempt, token }))
      const [mine, others, lost] = tickets as [Ticket, Ticket, Ticket]
      const wrong = [{ ...others, token: 'guessed' }, { ...others, id: 'unheard-of' }, { attempt: 1 }]
      const beat = await client.rest('POST', '/api/tasks/heartbeat', { tasks: [mine, ...wrong] })
      const [kept, ...refusals] = answersOf(beat)
      ok(kept?.id === mine.id && Number.isFinite(Date.parse(kept?.lease_until ?? '')), JSON.stringify(kept))
      deepEqual(
        refusals.map(({ problem }) => problem?.code),
        ['CONFLICT', 'NOT_FOUND', 'VALIDATION'],
      )
      const reports = [
        { ...mine, result: 1 },
        { ...others, result: 1, error: { code: 'TOOL_FAILED', message: 'both' } },
        { ...lost, error: { code: 'TOOL_FAILED', message: 'broken' } },
      ]
      const [done, both, failed] = answersOf(await client.rest('POST', '/api/tasks/complete', { tasks: reports }))
      deepEqual([done?.accepted, both?.problem?.code, failed?.accepted], [true, 'VALIDATION', true])
      const again = answersOf(await client.rest('POST', '/api/tasks/complete', { tasks: [{ ...mine, result: 1 }, others] }))
      deepEqual(
        again.map(({ accepted }) => accepted),
        [false, true],
      )
      const ended = await Promise.all(ids.map((id) => client.untilEnded(id)))
      const byTask = tasks.map(({ execution_id }) => ended[ids.indexOf(execution_id)]?.status)
      deepEqual(byTask, ['COMPLETED', 'COMPLETED', 'FAILED'])
      for (const body of [{ tasks: [] }, { tasks: Array(251).fill(mine) }, { tasks: [1] }, {}]) {
        refused(await client.rest('POST', '/api/tasks/heartbeat', body), 422, 'VALIDATION')
      }
    },
  },
]

type Ticket = Pick<Task, 'id' | 'attempt' | 'token'>

interface TaskAnswer {
  readonly id: string
  readonly lease_until?: string
  readonly accepted?: boolean
  readonly problem?: { readonly code: string }
}

function answersOf({ status, body }: RestAnswer): readonly TaskAnswer[] {
  equal(status, 200, JSON.stringify(body))
  return (body as { tasks: TaskAnswer[] }).tasks
}
