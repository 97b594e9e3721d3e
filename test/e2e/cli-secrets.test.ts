import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ran, runCli } from '../support/cli.js'
import { encryptionKeys } from '../support/keys.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { playbook } from '../support/source.js'

const ADMIN = 'an-admin-key-of-many-letters'
const ID = '507861119290048700'
const SECRET = 'hunter2 and more'
const WAITING = playbook('waiting', '\n- {step: start, pool: nobody, tool: python, code: "x"}')

type Row = Record<string, unknown>
const rowsOf = ({ out }: Ran): Row[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)

describe('sensitive values and the audit by the command line', () => {
  let first: TestServer
  let server: TestServer
  let folder: string
  let author: string
  let viewer: string

  const run = (args: readonly string[], key = ADMIN, input = '') => runCli(args, { url: server.url, key, input })
  const audit = async (...args: string[]): Promise<Row[]> => {
    const ran = await run(['audit', 'list', '-o', 'jsonl', ...args])
    expect(ran, ran.err).toMatchObject({ code: 0, err: '' })
    return rowsOf(ran)
  }

  beforeAll(async () => {
    first = await startTestServer({ env: { ADMIN_KEY: ADMIN, ENCRYPTION_KEYS: encryptionKeys('old') } })
    server = first
    folder = mkdtempSync(join(tmpdir(), 'transient-cli-'))
    author = (await run(['key', 'create', 'ann', '--role', 'author'])).out.trim()
    viewer = (await run(['key', 'create', 'vera', '--role', 'viewer'])).out.trim()
  })
  afterAll(async () => {
    if (server !== first) await server?.close()
    await first?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('a value that is set as sensitive is a mask until it is revealed to who may', async () => {
    const set = ['vars', 'set', ID, 'token', '--value', '@-', '--sensitive']
    expect(await run(set, author, JSON.stringify(SECRET))).toMatchObject({ code: 0 })
    expect((await run(['vars', 'get', ID, 'token'], viewer)).out).toBe('"********"\n')
    for (const args of [
      ['list', ID],
      ['history', ID],
    ]) {
      const shown = await run(['vars', ...args, '-o', 'json'], author)
      expect(shown.out).toContain('********')
      expect(shown.out).not.toContain('hunter2')
    }
    const refused = await run(['vars', 'get', ID, 'token', '--reveal'], author)
    expect(refused).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/FORBIDDEN: revealVariable: "ann" with the role author may not/),
    })
    expect((await run(['vars', 'get', ID, 'token', '--reveal'])).out).toBe(`${JSON.stringify(SECRET)}\n`)
    expect((await run(['vars', 'get', ID, 'none', '--reveal'])).code).toBe(3)
  })

  it('a rotation is for admins, and refused while the server does not have the key, or has it behind another', async () => {
    expect(await run(['key', 'rotate'], author)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/FORBIDDEN: rotateEncryption: "ann" with the role author may not/),
    })
    expect(await run(['key', 'rotate', 'new'])).toMatchObject({ code: 2, err: expect.stringContaining('does not have it') })
    await first.kill()
    const env = { ADMIN_KEY: ADMIN, ENCRYPTION_KEYS: encryptionKeys('new', 'old') }
    server = await startTestServer({ dataDir: first.dataDir, env })
    expect(await run(['key', 'rotate', 'old'])).toMatchObject({ code: 2, err: expect.stringContaining('"new" stands first') })
    const done = await run(['key', 'rotate', 'new', '-o', 'jsonl'])
    expect(done).toMatchObject({ code: 0, out: '{"key_id":"new","rotated":2,"lost_keys":[]}\n' })
    expect((await run(['key', 'rotate'])).err).toMatch(/^0 values .* with the key "new"/)
    expect((await run(['vars', 'get', ID, 'token', '--reveal'])).out).toBe(`${JSON.stringify(SECRET)}\n`)
  })

  it('the audit has who started, ran again, cancelled, wrote, deleted, revealed and rotated', async () => {
    writeFileSync(join(folder, 'waiting.yaml'), WAITING)
    expect((await run(['playbook', 'register', join(folder, 'waiting.yaml')], author)).code).toBe(0)
    const [started] = rowsOf(await run(['execution', 'start', 'test/waiting', '-o', 'jsonl'], author))
    const execution = String(started?.['id'])
    await run(['execution', 'cancel', execution], author)
    const [rerun] = rowsOf(await run(['execution', 'rerun', execution, '-o', 'jsonl'], author))
    await run(['vars', 'set', ID, 'plain', '--value', '1'], author)
    await run(['vars', 'delete', ID, 'plain'], author)
    await run(['key', 'revoke', viewer])
    viewer = (await run(['key', 'create', 'vera', '--role', 'viewer'])).out.trim()

    const [annId] = (await audit('--actor', 'api:ann', '--first', '1')).map((entry) => entry['key_id'])
    const of = (entries: Row[]) =>
      entries.map((entry) => [entry['actor'], entry['action'], entry['execution_id'], entry['subject']])
    expect(author).toContain(`tr_${annId}_`)
    expect(of(await audit()).slice(2, 12)).toEqual([
      ['api:ann', 'variables.deleted', ID, 'plain'],
      ['api:ann', 'variables.written', ID, 'plain'],
      ['api:ann', 'execution.rerun', rerun?.['id'], execution],
      ['api:ann', 'execution.cancelled', execution, null],
      ['api:ann', 'execution.started', execution, 'test/waiting@1'],
      ['api:ann', 'playbook.registered', null, 'test/waiting@1'],
      ['api:admin', 'variable.revealed', ID, 'token'],
      ['api:admin', 'encryption.rotated', null, 'new'],
      ['api:admin', 'variable.revealed', ID, 'token'],
      ['api:ann', 'variables.written', ID, 'token'],
    ])
    expect((await audit('--action', 'key.created')).map(({ subject }) => subject)).toHaveLength(3)
    expect((await audit('--action', 'encryption.rotated'))[0]).toMatchObject({ count: 2, key_id: null })
    expect(of(await audit('--execution', execution))).toHaveLength(2)
    expect(await audit('--actor', 'api:ann', '--action', 'variables.written')).toHaveLength(2)
    expect(await audit('--actor', "api:ann' OR true --")).toEqual([])
    const [newest, second] = await audit('--first', '2')
    expect(await audit('--first', '1')).toEqual([newest])
    expect(await audit('--since', String(newest?.['occurred_at']))).toEqual([newest])
    expect((await audit('--until', String(newest?.['occurred_at'])))[0]).toEqual(second)
    expect(await audit('--since', '2100-01-01')).toEqual([])
  })

  it('the audit is read on over the pages of the server, as JSON and as a table, by admins only', async () => {
    const write = (index: number) => server.rest('POST', `/api/vars/${index + 1_000}`, { variables: { a: index } })
    await Promise.all(Array.from({ length: 300 }, (_, index) => write(index)))
    const all = await audit('--action', 'variables.written', '--actor', 'api:admin', '--first', '1000')
    expect(all).toHaveLength(300)
    expect(new Set(all.map(({ id }) => id)).size).toBe(300)
    expect(await audit('--actor', 'api:admin', '--first', '260')).toHaveLength(260)
    const json = JSON.parse((await run(['audit', 'list', '-o', 'json', '--first', '3'])).out) as Row[]
    expect(json.map(({ action }) => action)).toEqual(['variables.written', 'variables.written', 'variables.written'])
    expect((await run(['audit', 'list', '--first', '3'])).out).toMatch(/occurred_at.*actor.*action/)

    for (const key of [viewer, author])
      expect(await run(['audit', 'list'], key)).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringMatching(/FORBIDDEN: audit: "\w+" with the role \w+ may not/),
      })
    expect((await run(['audit', 'list'], 'nobody')).err).toContain('UNAUTHENTICATED')
    expect((await run(['audit', 'list', '--since', 'yesterday'])).code).toBe(2)
    expect((await run(['audit', 'list', '--first', 'all'])).code).toBe(2)
    expect((await run(['audit', 'list', '--execution', 'x'])).code).toBe(2)
  })
})
