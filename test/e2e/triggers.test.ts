import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.js'
import { startTestServer, type TestServer } from '../support/server.js'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
  await server.register(`apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: hooked, path: e2e/hooked}
workload: {repository: "", body: {}}
schema: {workload: {properties: {repository: {type: string, maxLength: 10}}}}
workflow:
- step: a
  vars: {repository: "{{ workload.repository }}", body: "{{ workload.body }}"}
`)
})
afterAll(() => server?.close())

const SECRET = 'a-secret-of-some-length'
const signed = (body: string | Uint8Array, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex')

async function set(input: object): Promise<{ secret: string }> {
  const query = `mutation ($input: TriggerInput!) { setTrigger(input: $input) { secret trigger { url } } }`
  const { body } = await server.rest('POST', '/graphql', { query, variables: { input: { path: 'e2e/hooked', ...input } } })
  const { data, errors } = body as { data: { setTrigger: { secret: string } } | null; errors?: { message: string }[] }
  if (!data) throw new Error(errors?.[0]?.message)
  return data.setTrigger
}

async function send(name: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, method = 'POST') {
  const response = await fetch(`${server.url}/hooks/${name}`, { method, headers, ...(method === 'GET' ? {} : { body }) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const deliveries = async (name: string) => {
  const ran = await runCli(['trigger', 'deliveries', name, '--output', 'json'], { url: server.url })
  return (JSON.parse(ran.out) as { outcome: string; reason: string | null }[]).map(({ outcome, reason }) =>
    `${outcome} ${reason ?? ''}`.trim(),
  )
}

describe('triggers', () => {
  it('a signed request starts an execution, with the workload that templates make; a repetition gets the same one', async () => {
    await set({
      name: 'git',
      preset: 'GITHUB',
      secret: SECRET,
      workload: { repository: '{{ body.repository.name }}', body: '{{ headers["x-github-event"] }}' },
    })
    const body = '{"repository": {"name": "dolls"}}'
    const headers = { 'x-hub-signature-256': `sha256=${signed(body)}`, 'x-github-event': 'push' }
    const first = await send('git', body, headers)
    expect(first).toEqual({ status: 202, body: { execution_id: expect.stringMatching(/^\d+$/) } })
    const id = String(first.body['execution_id'])
    await server.untilEnded(id)
    expect((await server.rest('GET', `/api/vars/${id}`)).body).toMatchObject({
      variables: { repository: { value: 'dolls' }, body: { value: 'push' } },
    })
    expect(await send('git', body, { ...headers, 'x-github-event': 'other' })).toEqual(first)
    expect(await Promise.all([1, 2, 3, 4].map(() => send('git', body, headers)))).toEqual([first, first, first, first])
    const other = '{"repository": {"name": "more"}}'
    const answers = await Promise.all([1, 2, 3, 4].map(() => send('git', other, { 'x-hub-signature-256': signed(other) })))
    expect(new Set(answers.map((answer) => answer.body['execution_id'])).size).toBe(1)
  })

  it('nothing is parsed before the signature holds; each refusal says why, and is logged', async () => {
    await set({ name: 'strict', signatureHeader: 'X-Signature', secret: SECRET, workload: { repository: '{{ body.name }}' } })
    const refused = async (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) => {
      const answer = await send('strict', body, headers)
      return [answer.status, answer.body['code'], answer.body['detail'] ?? answer.body['title']]
    }
    const sign = (body: string | Uint8Array) => ({ 'x-signature': signed(body) })
    expect(await refused('not json', { 'x-signature': signed('other') })).toEqual([
      401,
      'UNAUTHENTICATED',
      'trigger "strict": the signature does not hold',
    ])
    expect(await refused('not json', sign('not json'))).toEqual([400, 'BAD_REQUEST', 'the body is not JSON'])
    const bytes = new Uint8Array([0x7b, 0xff, 0x7d])
    expect((await refused(bytes, sign(bytes))).slice(0, 2)).toEqual([400, 'BAD_REQUEST'])
    const large = JSON.stringify({ name: 'x'.repeat(2 * 1024 * 1024) })
    expect((await refused(large, sign(large))).slice(0, 2)).toEqual([413, 'TOO_LARGE'])
    const long = '{"name": "longer than ten"}'
    expect((await refused(long, sign(long))).slice(0, 2)).toEqual([422, 'VALIDATION'])
    expect((await refused('{}', sign('{}'))).slice(0, 2)).toEqual([422, 'VALIDATION'])
    expect((await send('nowhere', '{}', sign('{}'))).status).toBe(404)
    expect((await send('strict', '', {}, 'GET')).status).toBe(405)
    // Of refusals one a second is noted.
    expect(await deliveries('strict')).toEqual(['refused UNAUTHENTICATED: trigger "strict": the signature does not hold'])
    await set({ name: 'strict', signatureHeader: 'X-Signature', isPaused: true })
    expect((await refused('{}', sign('{}'))).slice(0, 2)).toEqual([503, 'OVERLOADED'])
  })

  it("Slack's question is answered, once it is signed", async () => {
    await set({ name: 'chat', preset: 'SLACK', secret: SECRET })
    const body = '{"type": "url_verification", "challenge": "abc"}'
    const timestamp = String(Math.floor(Date.now() / 1000))
    const headers = { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': `v0=${signed(`v0:${timestamp}:${body}`)}` }
    expect(await send('chat', body, headers)).toEqual({ status: 200, body: { challenge: 'abc' } })
    expect((await send('chat', body, { ...headers, 'x-slack-signature': 'v0=00' })).status).toBe(401)
  })

  it('the command line does all of it; a secret holds for a day after it was replaced', async () => {
    const run = (...args: string[]) => runCli(['trigger', ...args], { url: server.url })
    const made = await run('set', 'cli', 'e2e/hooked', '--idempotency-header', 'X-Id')
    expect([made.code, made.err]).toEqual([0, expect.stringContaining('requests to /hooks/cli start "e2e/hooked"')])
    const key = made.out.trim()
    const first = await send('cli', '{"a": 1}', { authorization: `Bearer ${key}`, 'x-id': '1' })
    expect(first.status).toBe(202)
    const id = String(first.body['execution_id'])
    await server.untilEnded(id)
    // Without templates the body is the workload's `body`.
    expect((await server.rest('GET', `/api/vars/${id}`)).body).toMatchObject({ variables: { body: { value: { a: 1 } } } })
    expect(await send('cli', '{"a": 2}', { 'x-api-key': key, 'x-id': '1' })).toEqual(first)
    expect((await send('cli', '{"a": 2}', { 'x-api-key': key })).body['detail']).toBe('the header x-id is missing')
    const rotated = (await run('rotate', 'cli')).out.trim()
    expect(rotated).not.toBe(key)
    for (const one of [key, rotated]) {
      await expect
        .poll(async () => (await send('cli', '{}', { 'x-api-key': one, 'x-id': one })).status, { timeout: 5000 })
        .toBe(202)
    }
    expect((await run('list')).out).toMatch(/cli +\/hooks\/cli +e2e\/hooked/)
    expect((await deliveries('cli')).slice(-2)).toEqual(['repeated', 'started'])
    const again = await run('set', 'cli', 'e2e/hooked')
    expect([again.code, again.out]).toEqual([0, ''])
    expect((await run('delete', 'cli')).code).toBe(0)
    expect((await run('delete', 'cli')).code).toBe(3)
    expect((await send('cli', '{}', { 'x-api-key': rotated, 'x-id': '9' })).status).toBe(404)
  })

  it.each([
    ['a name that is none', { name: 'a/b' }, 'name: letters'],
    ['an unknown preset', { preset: 'GITLAB' }, 'preset: GITHUB, STRIPE, SLACK are possible, not "GITLAB"'],
    ['a preset and a header', { preset: 'SLACK', signatureHeader: 'X-Sig' }, 'signatureHeader: the preset SLACK says'],
    ['a header that is none', { signatureHeader: 'X Sig' }, 'signatureHeader: the name of a header'],
    ['a secret that is too short', { secret: 'short' }, 'secret: 16 to 1000 characters'],
    ['a template that reads something else', { workload: { a: '{{ vars.x }}' } }, 'workload.a: it reads "vars"'],
    ['a template that does not compile', { workload: { a: '{{ body. }}' } }, 'workload.a: '],
    ['a playbook that is not there', { path: 'e2e/none' }, 'e2e/none'],
  ])('refuses %s', async (_what, input, message) => {
    await expect(set({ name: 'bad', ...input })).rejects.toThrow(message)
  })
})
