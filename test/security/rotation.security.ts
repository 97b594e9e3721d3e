import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.js'
import { dumpOfUrl } from '../support/dump.js'
import { encryptionKeys } from '../support/keys.js'
import { hasNatsServer, startTestNats, type TestNats } from '../support/nats.js'
import { within } from '../support/pace.js'
import { openPostgres } from '../support/postgres.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { playbook } from '../support/source.js'

const SECRET = 'hunter2 and more'
const IDS = Array.from({ length: 24 }, (_, index) => String(8_000 + index))
const ROUNDS = 15
/** Reads what is sensitive in every round, and takes a result from it. */
const PLAYBOOK = playbook(
  'rotating',
  `
- {step: start, vars: {n: 0, seen: "{{ workload.key }}"}, next: [{step: turn}]}
- step: turn
  tool: {kind: python, args: {k: "{{ vars.seen }}"}, code: "def main(k): return k"}
  vars: {n: "{{ vars.n + 1 }}", seen: "{{ result }}"}
  next: [{when: "{{ vars.n < ${ROUNDS} }}", step: turn}]`,
  { more: 'sensitive: [seen, workload.key]' },
)

const postgres = hasNatsServer ? openPostgres() : null
afterAll(() => postgres?.close())

if (postgres === null) {
  it.skip('NOT RUN: rotating two processes needs nats-server', () => undefined)
} else {
  describe('the rotation of two processes on one PostgreSQL with NATS', () => {
    let nats: TestNats
    let url: string
    const servers: TestServer[] = []

    async function start(...ring: string[]): Promise<TestServer> {
      return startWith({}, ...ring)
    }
    async function startWith(more: Readonly<Record<string, string>>, ...ring: string[]): Promise<TestServer> {
      const env = { DATABASE_URL: url, NATS_URL: nats.url, ENCRYPTION_KEYS: encryptionKeys(...ring), LOG_LEVEL: 'warn' }
      const server = await startTestServer({ env: { ...env, ...more } })
      servers.push(server)
      return server
    }
    const rotate = ({ url }: TestServer, ...args: string[]) => runCli(['key', 'rotate', ...args], { url })
    const write = async (server: TestServer, id: string, count: number): Promise<void> => {
      const variables = { token: `${SECRET} ${count}` }
      const { status, body } = await server.rest('POST', `/api/vars/${id}`, { variables, sensitive: true })
      expect(status, JSON.stringify(body)).toBe(200)
    }

    beforeAll(async () => {
      nats = await startTestNats()
      url = await postgres.createDatabase()
    })
    afterAll(async () => {
      await Promise.all(servers.map((server) => server.close()))
      await nats?.close()
    })

    it('leaves nothing unreadable while both write and run, and nothing under the old key', {
      timeout: within(240_000),
    }, async () => {
      const before = await start('old')
      const path = await before.register(PLAYBOOK)
      for (let count = 0; count < 10; count += 1) await Promise.all(IDS.map((id) => write(before, id, count)))
      const early = await Promise.all([1, 2, 3].map((n) => before.startExecution(path, { key: `${SECRET} ${n}` })))
      await before.close()

      const both = await Promise.all([start('new', 'old'), start('new', 'old')])
      const [one, other] = both
      let isRotating = true
      let count = 10
      const writing = (async () => {
        for (; isRotating; count += 1)
          await Promise.all(IDS.map((id, index) => write(both[(index + count) % 2] ?? one, id, count)))
      })()
      const late = await Promise.all(both.map((server) => server.startExecution(path, { key: SECRET })))

      // A process without the new key refuses, and says at once that it cannot read what the others seal. It runs no steps: they would fail.
      const behind = await startWith({ CONCURRENCY: '0' }, 'old')
      expect(await rotate(behind, 'new')).toMatchObject({ code: 2, err: expect.stringContaining('does not have it') })
      const ready = await fetch(`${behind.url}/health/ready`)
      expect(await ready.json()).toMatchObject({ encryption: 'keys missing: new' })
      expect(await rotate(other, 'old')).toMatchObject({ code: 2, err: expect.stringContaining('"new" stands first') })
      await behind.close()

      // Two at once: neither waits for the other's rows.
      const done = await Promise.all([rotate(one, 'new', '-o', 'jsonl'), rotate(other, 'new', '-o', 'jsonl')])
      for (const { code, err } of done) expect(code, err).toBe(0)
      const rotated = done.map(({ out }) => (JSON.parse(out) as { rotated: number }).rotated)
      expect((rotated[0] ?? 0) + (rotated[1] ?? 0)).toBeGreaterThanOrEqual(IDS.length * 10)
      await sleep(500)
      isRotating = false
      await writing
      for (const id of [...early, ...late]) expect((await one.untilEnded(id)).status).toBe('COMPLETED')
      // What the process with only the old key sealed meanwhile is there, too.
      expect((await rotate(other, 'new')).code).toBe(0)
      const dump = await dumpOfUrl(url)
      expect(dump).toMatch(/\bnew:/)
      expect(dump).not.toMatch(/\bold:/)
      expect(dump).not.toContain(SECRET)
      await Promise.all(both.map((server) => server.close()))

      const after = await start('new')
      expect(await (await fetch(`${after.url}/health/ready`)).json()).toMatchObject({ encryption: 'on' })
      const reveal = async (id: string, name: string): Promise<unknown> => {
        const { code, out, err } = await runCli(['vars', 'get', id, name, '--reveal'], { url: after.url })
        expect(code, err).toBe(0)
        return JSON.parse(out)
      }
      expect(await reveal(IDS[0] ?? '', 'token')).toBe(`${SECRET} ${count - 1}`)
      for (const id of IDS) {
        const revealed = await after.rest('POST', `/api/vars/${id}/token/reveal`)
        expect(revealed.body).toMatchObject({ value: `${SECRET} ${count - 1}` })
        const revisions = (await after.history(id)).map(({ revision }) => revision)
        expect(revisions).toEqual(Array.from({ length: count }, (_, index) => index + 1))
      }
      for (const [index, id] of early.entries()) expect(await reveal(id, 'seen')).toBe(`${SECRET} ${index + 1}`)
      for (const id of late) expect(await reveal(id, 'seen')).toBe(SECRET)
      const rerun = 'mutation ($id: ID!) { rerunExecution(id: $id, fromStep: "turn") { id } }'
      const again = await after.query<{ rerunExecution: { id: string } }>(rerun, { id: early[0] ?? '' })
      expect((await after.untilEnded(again.rerunExecution.id)).status).toBe('COMPLETED')
      await after.close()
    })

    it('ends, and says why, while something stays under another key', { timeout: within(120_000) }, async () => {
      const one = await start('newest', 'new')
      const holder = new pg.Client({ connectionString: url })
      await holder.connect()
      await holder.query('BEGIN')
      await holder.query('SELECT FROM noetl.transient WHERE execution_id = $1 FOR UPDATE', [IDS[0]])
      const { code, err } = await rotate(one, 'newest')
      await holder.end()
      expect({ code, err }).toMatchObject({ code: 4, err: expect.stringContaining('another first key in ENCRYPTION_KEYS') })
      expect(await dumpOfUrl(url)).toMatch(/\bnew:/)
      expect((await rotate(one, 'newest')).code).toBe(0)
      expect(await dumpOfUrl(url)).not.toMatch(/\bnew:/)
    })
  })
}
