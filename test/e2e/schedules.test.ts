import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { runCli } from '../support/cli.js'
import { within } from '../support/pace.js'
import { ROOT } from '../support/paths.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { playbook } from '../support/source.js'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
  await server.register(`apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: tick, path: e2e/tick}
workflow:
- step: a
  vars: {who: "{{ workload.who }}"}
`)
})
afterAll(() => server?.close())

it('the command line, REST and GraphQL do all of it, and the server starts what is due', async () => {
  const run = (...args: string[]) => runCli(['schedule', ...args], { url: server.url })
  const set = await run('set', 'tick', 'e2e/tick', '--every', '1', '--workload', '{"who": "me"}')
  expect([set.code, set.out + set.err]).toEqual([0, expect.stringMatching(/^schedule "tick" fires next at 20/)])
  const shown = async () => (await server.rest('GET', '/api/schedules/tick')).body as Record<string, unknown>
  await expect.poll(async () => (await shown())['last_execution_id'], { timeout: within(10_000) }).not.toBeNull()
  const { last_execution_id: execution } = await shown()
  await server.untilEnded(String(execution))
  expect((await server.rest('GET', `/api/vars/${execution}/who`)).body).toMatchObject({ value: 'me' })
  expect((await run('pause', 'tick')).err).toBe('schedule "tick" is paused\n')
  expect(await shown()).toMatchObject({ is_paused: true, next_at: null, every_seconds: 1, missed: 'last', overlap: 'allow' })
  expect((await run('next', 'tick', '--count', '3')).out.trim().split('\n')).toHaveLength(3)
  expect((await run('list')).out).toMatch(/tick +e2e\/tick +every 1 s +UTC +true/)
  expect((await run('resume', 'tick')).code).toBe(0)
  const put = await server.rest('PUT', '/api/schedules/nightly', {
    path: 'e2e/tick',
    cron: '30 2 * * *',
    time_zone: 'Europe/Berlin',
    is_paused: true,
  })
  expect(put).toMatchObject({
    status: 200,
    body: { name: 'nightly', cron: '30 2 * * *', time_zone: 'Europe/Berlin', is_paused: true },
  })
  expect(
    ((await server.rest('GET', '/api/schedules/nightly/next?count=2')).body as { upcoming: string[] }).upcoming,
  ).toHaveLength(2)
  expect(await server.rest('PUT', '/api/schedules/bad', { path: 'e2e/tick', cron: '* * * * * *' })).toMatchObject({
    status: 422,
    body: { code: 'VALIDATION', field: 'cron' },
  })
  expect((await server.rest('PUT', '/api/schedules/bad', { path: 'e2e/none', cron: '@daily' })).status).toBe(404)
  const first = (await server.rest('GET', '/api/schedules?first=1')).body as { schedules: { name: string }[]; next: string }
  expect(first.schedules.map(({ name }) => name)).toEqual(['nightly'])
  const second = (await server.rest('GET', `/api/schedules?after=${first.next}`)).body as typeof first
  expect([second.schedules.map(({ name }) => name), second.next]).toEqual([['tick'], null])
  const query = '{ schedules { totalCount nodes { name nextAt lastAt lastExecution { status } upcoming(count: 2) } } }'
  const { data } = (await server.rest('POST', '/graphql', { query })).body as {
    data: { schedules: { totalCount: number; nodes: object[] } }
  }
  expect(data.schedules).toMatchObject({
    totalCount: 2,
    nodes: [
      { name: 'nightly', nextAt: null, lastExecution: null },
      { name: 'tick', lastExecution: { status: 'COMPLETED' } },
    ],
  })
  expect((await run('delete', 'tick')).code).toBe(0)
  expect((await run('delete', 'tick')).code).toBe(3)
  expect((await server.rest('DELETE', '/api/schedules/nightly')).body).toEqual({ name: 'nightly', deleted: true })
})

it('the commands and the program of docs/schedules.md do what they say', async () => {
  const page = readFileSync(join(ROOT, 'docs/schedules.md'), 'utf8')
  await server.register(playbook('report', '\n- step: start').replace('test/report', 'demo/report'))
  const [, commands = ''] = /```\n(transient .*?)```/s.exec(page) ?? []
  const printed: string[] = []
  for (const command of commands.trim().split('\n')) {
    const [, ...args] = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
    const { code, out, err } = await runCli(args, { url: server.url })
    expect([command, code, err]).toEqual([command, 0, expect.any(String)])
    printed.push(out)
  }
  expect(printed[1]?.trim().split('\n')).toHaveLength(5)
  expect((await server.rest('GET', '/api/schedules/nightly')).status).toBe(404)
  const file = join(ROOT, `.schedules-doc-${process.pid}.mjs`)
  writeFileSync(file, /```js\n(.*?)```/s.exec(page)?.[1] ?? '')
  onTestFinished(() => rmSync(file, { force: true }))
  const env = { ...process.env, TRANSIENT_URL: server.url }
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: within(10_000) })
  expect(stdout).toMatch(/^(\d{4}-\d\d-\d\dT0[01]:30:00.000Z\n){3}$/)
  const kept = await server.rest('GET', '/api/schedules/nightly')
  expect(kept.body).toMatchObject({ time_zone: 'Europe/Berlin', overlap: 'skip', workload: { day: 'yesterday' } })
})
