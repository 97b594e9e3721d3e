import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { newId, type RestServer, startRest } from './support.js'

interface StreamedEvent {
  readonly event: string
  readonly id: string
  readonly data: { readonly revision: number; readonly changes: readonly Record<string, unknown>[] }
}

const STREAMS = [
  { of: 'an execution', base: '/api/vars', newStream: newId, title: (id: string) => `"execution_id":${id}` },
  {
    of: 'a space',
    base: '/api/globals',
    newStream: () => `team%2F${newId()}`,
    title: (id: string) => `"space":"${decodeURIComponent(id)}"`,
  },
]

describe.each(STREAMS)('$of:', ({ base, newStream, title }) =>
  describeDatabase('REST watch', (open) => {
    let rest: RestServer
    beforeAll(async () => {
      rest = await startRest(await open())
    })
    afterAll(() => rest.close())

    const set = (id: string, variables: object) => rest.call('POST', `${base}/${id}`, { body: { variables } })

    /** Reads a stream until it has so many events, and drops the connection. */
    async function events(path: string, count: number, headers: Record<string, string> = {}): Promise<StreamedEvent[]> {
      const abort = new AbortController()
      const response = await fetch(`${rest.url}${path}`, { headers, signal: abort.signal })
      expect(response.headers.get('content-type')).toBe('text/event-stream')
      const found: StreamedEvent[] = []
      let text = ''
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString()
        const blocks = text.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const match = /^event: (.*)\nid: (.*)\ndata: (.*)$/.exec(block)
          if (match) found.push({ event: match[1] ?? '', id: match[2] ?? '', data: JSON.parse(match[3] ?? '') })
        }
        if (found.length >= count) break
      }
      abort.abort()
      return found
    }

    it('streams every change after a revision, all of one revision in one event', async () => {
      const id = newStream()
      await set(id, { a: 1, b: 2 })
      await rest.call('DELETE', `${base}/${id}/a`)
      const stream = events(`${base}/${id}/events?after_revision=0`, 4)
      await set(id, { c: 3 })
      const found = await stream
      expect(found.map(({ event, id: revision }) => `${event} ${revision}`)).toEqual([
        'subscribed 0',
        'changed 1',
        'changed 2',
        'changed 3',
      ])
      expect(found[1]?.data).toMatchObject({
        revision: 1,
        changes: [
          { name: 'a', operation: 'set' },
          { name: 'b', value: 2 },
        ],
      })
      expect(found[2]?.data.changes).toEqual([
        {
          name: 'a',
          operation: 'delete',
          value: null,
          previous_value: 1,
          type: 'user_defined',
          source_step: null,
          actor: 'api:anonymous',
          changed_at: expect.any(String),
        },
      ])
    })

    it('resumes by Last-Event-ID, which goes before the query', async () => {
      const id = newStream()
      for (const n of [1, 2, 3]) await set(id, { n })
      const found = await events(`${base}/${id}/events?after_revision=0`, 2, { 'last-event-id': '2' })
      expect(found.map((event) => event.id)).toEqual(['2', '3'])
    })

    it('streams to whoever accepts anything, like curl', async () => {
      const id = newStream()
      await set(id, { a: 1 })
      expect(await events(`${base}/${id}/events`, 1, { accept: '*/*' })).toMatchObject([{ event: 'subscribed', id: '1' }])
    })

    it('filters by name and type', async () => {
      const id = newStream()
      await set(id, { a: 1 })
      await set(id, { b: 1 })
      const found = await events(`${base}/${id}/events?after_revision=0&names=b,x&types=user_defined`, 2)
      expect(found.filter(({ event }) => event === 'changed').map((event) => event.id)).toEqual(['2'])
    })

    it.each([
      ['Last-Event-ID', '', { 'last-event-id': 'yesterday' }],
      ['after_revision', '?after_revision=-1', {}],
    ])('refuses a bad %s with its code', async (field, query, headers) => {
      const answer = await rest.call('GET', `${base}/${newStream()}/events${query}`, { headers })
      expect(answer.json).toMatchObject({ status: 422, code: 'VALIDATION', field })
    })

    it('long-polls: at once when there is something, and as soon as there is', async () => {
      const id = newStream()
      await set(id, { a: 1 })
      await set(id, { a: 2 })
      const present = await rest.call('GET', `${base}/${id}?after_revision=0&wait=30`)
      expect(present.text).toContain(title(id))
      expect(present.json).toMatchObject({
        revision: 2,
        changes: [
          { revision: 1, value: 1 },
          { revision: 2, value: 2, previous_value: 1 },
        ],
      })
      const waiting = rest.call('GET', `${base}/${id}?after_revision=2&wait=30`)
      await set(id, { b: 1 })
      expect((await waiting).json).toMatchObject({ revision: 3, changes: [{ name: 'b' }] })
    })

    it('answers an empty long-poll at the end of its wait', async () => {
      const id = newStream()
      await set(id, { a: 1 })
      expect((await rest.call('GET', `${base}/${id}?after_revision=1&wait=1`)).json).toMatchObject({ revision: 1, changes: [] })
      expect((await rest.call('GET', `${base}/${id}?after_revision=1&wait=61`)).json).toMatchObject({
        code: 'VALIDATION',
        field: 'wait',
      })
    })
  }),
)
