import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { LosslessNumber } from '../../src/core/json.js'
import { createClient } from '../../src/sdk/client.js'
import { UnreachableError } from '../../src/sdk/http.js'
import { reconnectDelayMs } from '../../src/sdk/resume.js'
import type { WatchMessage } from '../../src/sdk/watch.js'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }
})

/** Answers one request after another with what the script says; the last answer stays. */
async function serveScript(...answers: Answer[]): Promise<{ url: string; paths: string[] }> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    const answer = answers[Math.min(paths.length, answers.length - 1)]
    paths.push(request.url ?? '')
    answer?.(request, response)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths }
}

function changed(revision: number, value: string): string {
  const change = {
    name: 'a',
    operation: 'set',
    previous_value: null,
    type: 'user_defined',
    source_step: null,
    actor: 'x',
    changed_at: 'now',
  }
  const changes = JSON.stringify([change]).replace('"name"', `"value":${value},"name"`)
  return `event: changed\nid: ${revision}\ndata: {"revision":${revision},"changes":${changes}}\n\n`
}

function stream(text: string, end: 'cut' | 'finish' | 'stay'): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(text, () => {
      if (end === 'cut') response.destroy()
      if (end === 'finish') response.end()
    })
  }
}

const problem = (status: number, code: string): Answer => {
  return (_request, response) => {
    const body = { type: 'about:blank', title: code, status, code, detail: `it is ${code}`, oldest_revision: 7 }
    response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body))
  }
}

const SUBSCRIBED = 'event: subscribed\nid: 0\ndata: {"revision":0,"changes":[]}\n\n'

async function take(messages: AsyncGenerator<WatchMessage, void, undefined>, count: number): Promise<WatchMessage[]> {
  const taken: WatchMessage[] = []
  for await (const message of messages) {
    taken.push(message)
    if (taken.length === count) break
  }
  return taken
}

describe('the wait before the next connection', () => {
  it('grows from 0.25 to 30 s, of which a random half, so that readers do not come back together', () => {
    for (let failures = 1; failures <= 40; failures += 1) {
      const full = Math.min(500 * 2 ** (failures - 1), 30_000)
      const waits = Array.from({ length: 200 }, () => reconnectDelayMs(failures))
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(Math.max(full / 2, 250))
      expect(Math.max(...waits)).toBeLessThanOrEqual(full)
      expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(full / 4)
    }
  })
})

describe('watch', () => {
  it('goes on at the last revision over cut, ended and refused connections, and repeats nothing', async () => {
    const { url, paths } = await serveScript(
      stream(SUBSCRIBED + changed(1, '1') + changed(2, '2'), 'cut'),
      problem(503, 'OVERLOADED'),
      stream(SUBSCRIBED + changed(2, '2') + changed(3, '3'), 'finish'),
      stream(SUBSCRIBED + changed(4, '4'), 'stay'),
    )
    const waits: number[] = []
    const messages = await take(
      createClient({ url }).watch('1', { afterRevision: 0, onDisconnect: (_, ms) => waits.push(ms) }),
      5,
    )
    expect(messages.map(({ kind, revision }) => `${kind} ${revision}`)).toEqual([
      'subscribed 0',
      'changed 1',
      'changed 2',
      'changed 3',
      'changed 4',
    ])
    expect(paths.map((path) => /after_revision=(\d+)/.exec(path)?.[1])).toEqual(['0', '2', '2', '3'])
    expect(waits).toHaveLength(3)
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(250)
  })

  it('keeps digits, and messages that arrive in pieces', async () => {
    const text = SUBSCRIBED + changed(1, '507861119290048685123')
    const { url } = await serveScript((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const pieces = [...text]
      const timer = setInterval(() => {
        response.write(pieces.splice(0, 40).join(''))
        if (pieces.length === 0) clearInterval(timer)
      }, 1)
    })
    const [, message] = await take(createClient({ url }).watch('1', { afterRevision: 0 }), 2)
    expect(message?.changes[0]?.value).toEqual(new LosslessNumber('507861119290048685123'))
  })

  it('ends with an error that trying again cannot cure, details included', async () => {
    const { url } = await serveScript(stream(SUBSCRIBED, 'cut'), problem(410, 'REVISION_GONE'))
    const watching = take(createClient({ url }).watch('1', { afterRevision: 0 }), 2)
    await expect(watching).rejects.toMatchObject({ code: 'REVISION_GONE', details: { oldestRevision: 7 } })
  })

  it('ends at once where there is no server to begin with', async () => {
    await expect(take(createClient({ url: 'http://127.0.0.1:1' }).watch('1'), 1)).rejects.toThrow(UnreachableError)
  })

  it('ends quietly when its signal aborts', async () => {
    const { url } = await serveScript(stream(SUBSCRIBED, 'stay'))
    const abort = new AbortController()
    const kinds: string[] = []
    for await (const { kind } of createClient({ url }).watch('1', { signal: abort.signal })) {
      kinds.push(kind)
      abort.abort()
    }
    expect(kinds).toEqual(['subscribed'])
  })
})
