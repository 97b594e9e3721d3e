import { describe, expect, it } from 'vitest'
import { POLICY } from '../../src/access/policy.js'
import type { AuditAction } from '../../src/access/rule.js'
import { createEnding, servicesFor } from '../../src/access/session.js'
import { TransientError } from '../../src/core/errors.js'
import { createPrincipal, type Principal, ROLE_RIGHTS, ROLES, TASK_RIGHTS } from '../../src/core/principal.js'
import type { Services } from '../../src/orchestrator/services.js'

const OWN = '507861119290048685'
const OTHER = '507861119290048686'
const TASK = `${OWN}-1-1`
const task = createPrincipal({
  ...{ name: 'load', actor: 'step:load', role: 'worker', rights: TASK_RIGHTS },
  ...{ executions: [OWN], taskId: TASK },
})

/** Services that answer their arguments. */
function openFor(principal: Principal) {
  const actions: AuditAction[] = []
  const echo = (name: string) => ({ name, get: (_target: object, method: string) => echoed(name, method) })
  const services = new Proxy({}, { get: (_target, name: string) => new Proxy({}, echo(name)) }) as Services
  const ending = createEnding()
  return { ending, actions, services: servicesFor(services, { principal, ending, note: (action) => void actions.push(action) }) }
}

function echoed(name: string, method: string) {
  if (['watch', 'watchAll', 'watchFromNow'].includes(method)) {
    return async function* (...args: { signal: AbortSignal }[]) {
      yield method
      const signal = args.map((arg) => (arg instanceof AbortSignal ? arg : arg?.signal)).find((found) => found) as AbortSignal
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      throw new Error('aborted')
    }
  }
  // What is asked for with the reason 'again' was so already.
  return async (...args: unknown[]) => ({ name, method, args, isChanged: !args.includes('again') })
}

const ticket = (taskId: string) => ({ taskId, attempt: 1, token: 't' })

describe('roles', () => {
  it('each may what the table says', () => {
    const rights = Object.fromEntries(ROLES.map((role) => [role, ROLE_RIGHTS[role].join(' ')]))
    expect(rights).toEqual({
      worker: 'work',
      viewer: 'read_variables read read_globals answer',
      editor: 'read_variables read read_globals answer write run write_globals schedules',
      author: 'read_variables read read_globals answer write run write_globals schedules register',
      admin: 'read_variables read write run work register reveal keys audit webhooks read_globals write_globals answer schedules',
    })
  })

  it.each(ROLES)('%s may call the methods whose right it has, and no other', async (role) => {
    const { services } = openFor(createPrincipal({ name: role, actor: `api:${role}`, role }))
    for (const [name, rules] of Object.entries(POLICY)) {
      for (const [method, rule] of Object.entries(rules)) {
        const call = (services as unknown as Record<string, Record<string, (...args: unknown[]) => unknown>>)[name]?.[method]
        const isAllowed = ROLE_RIGHTS[role].some((right) => right === rule.right)
        // What it does with these arguments does not matter here.
        const attempt = async () =>
          call?.({ signal: new AbortController().signal, outcomes: [], writes: [] }, new AbortController().signal)
        const code = await attempt().then(
          () => 'done',
          (error: unknown) => (error instanceof TransientError ? error.code : 'done'),
        )
        expect(`${name}.${method}: ${code}`).toBe(`${name}.${method}: ${isAllowed ? 'done' : 'FORBIDDEN'}`)
      }
    }
  })
})

describe('a caller bound to one execution and task', () => {
  const { services } = openFor(task)

  it('has its variables and its task', async () => {
    expect(await services.variables.read(OWN, 'a')).toMatchObject({ args: [OWN, 'a'] })
    expect(await services.orchestrator.heartbeat(ticket(TASK))).toMatchObject({ method: 'heartbeat' })
  })

  it('finds no other there', async () => {
    const notFound = { code: 'NOT_FOUND' }
    await expect(async () => services.variables.read(OTHER, 'a')).rejects.toMatchObject(notFound)
    await expect(async () => services.variables.list({ executionId: OTHER })).rejects.toMatchObject(notFound)
    await expect(async () => services.orchestrator.cancel(OTHER, null, 'x')).rejects.toMatchObject(notFound)
    await expect(async () => services.orchestrator.complete(ticket(`${OTHER}-1-1`))).rejects.toMatchObject(notFound)
    await expect(async () => services.orchestrator.complete(ticket(`${OWN}-2-1`))).rejects.toMatchObject(notFound)
    await expect(async () => services.orchestrator.complete(ticket('no task'))).rejects.toMatchObject(notFound)
    expect(await services.variables.find(OTHER, 'a')).toBeNull()
    expect(await services.executions.find(OTHER)).toBeNull()
  })

  it('is refused what it sees and may not do', async () => {
    const forbidden = { code: 'FORBIDDEN' }
    await expect(async () => services.orchestrator.cancel(OWN, null, 'x')).rejects.toMatchObject(forbidden)
    await expect(async () => services.executions.get(OWN)).rejects.toMatchObject(forbidden)
    await expect(async () => services.variables.search({}, {})).rejects.toMatchObject(forbidden)
    await expect(async () => services.orchestrator.claim({ pool: 'p', workerId: 'w', waitMs: 0 })).rejects.toMatchObject(
      forbidden,
    )
    await expect(async () => services.catalog.list({})).rejects.toMatchObject(forbidden)
  })
})

describe('what a call carries', () => {
  const editor = createPrincipal({ name: 'ann', actor: 'api:ann', role: 'editor' })

  it('the caller is written into it, whatever the API said', async () => {
    const { services } = openFor(editor)
    expect(await services.orchestrator.cancel(OWN, 'why', 'system')).toMatchObject({ args: [OWN, 'why', 'api:ann'] })
  })

  it('actions are recorded after they were done; reads, and what changed nothing, are not', async () => {
    const { services, actions } = openFor(editor)
    await services.orchestrator.cancel(OWN, null, '')
    await services.orchestrator.cancel(OWN, 'again', '')
    await services.variables.read(OWN, 'a')
    expect(actions).toEqual([{ action: 'execution.cancelled', executionId: OWN, subject: null, count: 1 }])
  })
})

describe('the end of a session', () => {
  const gone = new TransientError('UNAUTHENTICATED', 'revoked')

  it('ends its streams with the reason, and every later call', async () => {
    const { services, ending } = openFor(createPrincipal({ name: 'v', actor: 'api:v', role: 'viewer' }))
    const watch = services.variables.watch({ executionId: OWN, signal: new AbortController().signal })
    const all = services.executions.watchAll(null, new AbortController().signal)
    expect((await watch.next()).value).toBe('watch')
    expect((await all.next()).value).toBe('watchAll')
    const pending = [watch.next(), all.next()]
    ending.end(gone)
    for (const next of pending) await expect(next).rejects.toBe(gone)
    await expect(async () => services.variables.read(OWN, 'a')).rejects.toBe(gone)
  })

  it('a reader who leaves is not an error', async () => {
    const { services } = openFor(createPrincipal({ name: 'v', actor: 'api:v', role: 'viewer' }))
    const abort = new AbortController()
    const watch = services.variables.watch({ executionId: OWN, signal: abort.signal })
    await watch.next()
    const next = watch.next()
    abort.abort()
    await expect(next).rejects.toThrow('aborted')
  })
})
