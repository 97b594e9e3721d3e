import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { WAIT } from '../support/pace.js'
import { playbook, python } from '../support/source.js'
import { type Receiver, startReceiver } from '../support/webhooks.js'
import { newId, remove, set } from '../variables/support.js'
import { about } from './support.js'

let server: InProcessServer
let receiver: Receiver
beforeAll(async () => {
  server = await startInProcess()
  receiver = await startReceiver()
})
afterAll(async () => {
  await server?.close()
  await receiver?.close()
})

const service = () => server.services.webhooks
const write = (executionId: string, ...writes: Parameters<typeof server.services.variables.write>[0]['writes']) =>
  server.services.variables.write({ executionId, writes, actor: 'api:test' })
const changesOf = (name: string, id: string) =>
  about(receiver, id)
    .filter(({ body }) => body.webhook === name)
    .flatMap(({ body }) => body.changes.map(({ revision, name: variable }) => `${revision} ${variable}`))

it('when: only the changes with which it becomes true, whatever came together', async () => {
  const input = { url: receiver.url, events: ['variables'] as const }
  const all = await service().create({ ...input, name: 'all', when: 'vars.n >= 10' })
  await service().create({ ...input, name: 'bare', when: '{{ n is defined and n >= 10 and flag }}' })
  await service().create({ ...input, name: 'named', when: 'vars.n >= 10', names: ['m'] })
  await service().pause(all.webhook.id)
  const id = newId()
  await write(id, set('n', 1), set('flag', true))
  await write(id, set('n', 10), set('m', 1))
  await write(id, set('n', 11))
  await write(id, set('n', 'no number'))
  await write(id, set('n', 12))
  await write(id, remove('n'))
  await write(id, set('flag', false))
  await write(id, set('n', 13))
  await write(id, set('m', 2))
  await service().resume(all.webhook.id)
  await vi.waitFor(() => {
    expect(changesOf('all', id)).toEqual(['2 n', '2 m', '5 n', '8 n'])
    expect(changesOf('bare', id)).toEqual(['2 n', '2 m', '5 n'])
    expect(changesOf('named', id)).toEqual(['2 m'])
  }, WAIT)
})

it('when sees masks alone', async () => {
  await service().create({ name: 'masked', url: receiver.url, events: ['variables'], when: 'vars.token == "open sesame"' })
  const other = await service().create({
    name: 'mask',
    url: receiver.url,
    events: ['variables'],
    when: 'vars.token == "********"',
  })
  const key = { id: newId() }
  // Without a key ring nothing is sensitive; the mask itself is a text like any other.
  await write(key.id, set('token', '********'))
  await vi.waitFor(() => expect(changesOf('mask', key.id)).toEqual(['1 token']), WAIT)
  expect(changesOf('masked', key.id)).toEqual([])
  await service().remove(other.webhook.id)
})

it('notify in a playbook adds to what the hook selects itself', async () => {
  await service().create({ name: 'ops', url: receiver.url, events: ['execution.completed'], pathPrefix: 'test/elsewhere' })
  const more = 'notify: [{to: ops, on: [execution.failed, variables]}, {to: nobody, on: [step.failed]}]'
  const steps = `
- step: start
  vars: {n: 1}
  next: last
- step: last
  tool: ${python('raise Exception("no")')}`
  const told = await server.services.catalog.register(playbook('told', steps, { more }))
  const silent = await server.services.catalog.register(playbook('silent', steps))
  const other = await server.services.orchestrator.start({ path: silent.path })
  const { id } = await server.services.orchestrator.start({ path: told.path })
  const ops = () => about(receiver, id).filter(({ body }) => body.webhook === 'ops')
  await vi.waitFor(
    () => expect(ops().flatMap(({ body }) => body.events.map(({ name }) => name))).toEqual(['execution.failed']),
    WAIT,
  )
  expect(ops().flatMap(({ body }) => body.changes.map(({ name }) => name))).toEqual(['n'])
  await vi.waitFor(async () => expect((await server.services.executions.get(other.id)).status).toBe('failed'), WAIT)
  expect(about(receiver, other.id).filter(({ body }) => body.webhook === 'ops')).toEqual([])
})

it('notify names hooks, never a URL, and events that there are', async () => {
  const problemsOf = async (notify: string) => {
    const { problems } = await server.services.catalog.validate(
      playbook('wrong', '\n- step: start', { more: `notify: ${notify}` }),
    )
    return problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
  expect(await problemsOf('[{to: "https://example.com/?key=1", on: [execution.failed]}]')).toEqual([
    expect.stringMatching(/^5:15 "to" must be the name of a webhook.*never a URL/),
  ])
  expect(await problemsOf('[{to: ops, on: [execution.fail]}]')).toEqual([
    expect.stringMatching(/^5:25 .*did you mean "execution.failed"/),
  ])
  expect(await problemsOf('[{to: ops}]')).toEqual([expect.stringContaining('notify needs "on"')])
  expect(await problemsOf('[{to: ops, on: [variables]}, {to: ops, on: [step.failed]}]')).toEqual([
    expect.stringContaining('twice'),
  ])
  expect(await problemsOf('ops')).toEqual([expect.stringContaining('notify must be a list')])
  expect(await problemsOf('[{to: ops, on: [variables], url: x}]')).toEqual([expect.stringContaining('url')])
})
