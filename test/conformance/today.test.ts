import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { convertPlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { type Backend, startBackend } from '../support/backends.js'
import { ROOT } from '../support/paths.js'
import { type PlaybookCase, playbookFaults } from '../support/playbook-run.js'

type Scenario = Omit<PlaybookCase, 'source'>

const API = { api_url: '{stub}' }
const get = (
  path: string,
  ...responses: readonly { status: number; body?: unknown; expect?: { query: Record<string, string> } }[]
) => ({
  ...{ method: 'GET', path, responses },
})
const ok = (body: unknown, query: Record<string, string> = {}) => ({ status: 200, body, expect: { query } })
const step = (value: unknown, source_step: string) => ({ value, type: 'step_result', source_step })

/** How playbooks in NoETL's present form end, each one of test/conformance/playbooks/today_*.yaml. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  chain: {
    expected: {
      ...{ status: 'completed', variables: {}, steps: ['start', 'greet', 'count', 'end'] },
      results: { greet: { said: ['Good day', 'Good day'] }, end: { status: 'completed', count: 3 } },
    },
  },
  variables: {
    expected: {
      status: 'completed',
      variables: {
        ...{ counter: step(1, 'change'), config: step({ limit: 30 }, 'start'), first: step(5, 'start') },
        ...{ on_the_way: step(30, 'start_to_change'), passed: step(true, 'check'), status: step('success', 'check') },
      },
      steps: ['start', 'start_to_change', 'change', 'check'],
    },
  },
  routing: {
    expected: {
      status: 'completed',
      variables: { category: step('high', 'high'), processed: step(28, 'high'), left: step(true, 'left') },
      steps: ['start', 'high', 'left', 'right'],
    },
  },
  loop: {
    expected: {
      ...{ status: 'completed', steps: ['start', 'double', 'sum_up'] },
      results: {
        start: [10, 20, 30].map((number, index) => ({ number, index })),
        sum_up: { sum: 120, indexes: [0, 1, 2] },
      },
    },
  },
  transfer: {
    workload: { api_url: '{stub}/posts' },
    http: [get('/posts', ok([1, 2, 3].map((id) => ({ id, title: `it's ${id}`, body: `body's ${id}` }))))],
    expected: {
      status: 'completed',
      variables: { first: step("it's 1", 'end'), posts: step(3, 'end') },
      extraVariables: true,
      results: { counted: [{ first: "it's 1", posts: 3, last: "body's 3" }] },
    },
  },
  offset: {
    workload: API,
    http: [
      get(
        '/users',
        ok({ users: [1, 2], more: true }, { offset: '0', limit: '2' }),
        { status: 503 },
        ok({ users: [3, 4], more: true }, { offset: '2' }),
        ok({ users: [5], more: false }, { offset: '4' }),
      ),
    ],
    expected: {
      status: 'completed',
      variables: { collected: step([1, 2, 3, 4, 5], 'collect'), offset: step(6, 'collect'), more: step(false, 'collect') },
      results: { end: { total: 5, last: 5 } },
    },
  },
  jump: {
    workload: API,
    http: [
      get(
        '/data',
        ok({ items: ['a'], paging: { page: 1, hasMore: true } }, { page: '1' }),
        { status: 500 },
        ok({ items: ['b'], paging: { page: 2, hasMore: true } }, { page: '2' }),
        ok({ items: ['c'], paging: { page: 3 } }, { page: '3' }),
      ),
    ],
    expected: {
      status: 'completed',
      variables: { all_pages: step(['a', 'b', 'c'], 'pages'), paginated: step(['a', 'b', 'c'], 'pages_to_end') },
      steps: ['start', 'pages', 'pages_to_end', 'end'],
      results: { pages: { all_pages: ['a', 'b', 'c'] }, end: { count: 3 } },
    },
  },
  linked: {
    workload: API,
    http: [
      get(
        '/items',
        ok({ data: [1, 2, 3].map((id) => ({ id, ref: `record-${id}` })), more: true, page: 1 }, { page: '1' }),
        ok({ data: [4, 5].map((id) => ({ id, ref: `record-${id}` })), more: false, page: 2 }, { page: '2' }),
      ),
    ],
    expected: {
      status: 'completed',
      variables: { processed: step(5, 'progress'), page: step(3, 'fetch_page'), more: step(false, 'fetch_page') },
      extraVariables: true,
      results: { finalize: { status: 'ok', message: 'complete' } },
    },
  },
  batch: {
    workload: API,
    http: [
      get('/details/1', { status: 502 }, ok({ data: { note: "it's one" } })),
      get('/details/2', { status: 404, body: {} }),
      get('/details/3', ok({ data: { note: 'three' } })),
    ],
    expected: {
      ...{ status: 'completed', steps: ['start', 'rows', 'fetch_details', 'end'] },
      results: {
        fetch_details: [[], {}, []],
        end: [
          { id: '1', note: "it's one" },
          { id: '3', note: 'three' },
        ],
      },
    },
  },
  scored: {
    expected: {
      ...{ status: 'completed', steps: ['start', 'each', 'end'] },
      results: {
        end: [
          { name: 'Alice', score: 56 },
          { name: 'Bob', score: 68 },
        ],
      },
    },
  },
  weather: {
    workload: API,
    http: [get('/weather', ok({ temperature: 12 }, { lat: '1' }), ok({ temperature: 35.5 }, { lat: '2' }))],
    expected: {
      status: 'completed',
      variables: {
        seen: step(['Cold'], 'cities'),
        alerts: step(['Hot'], 'cities'),
        summary: step({ cities: 2, alerts: 1 }, 'summary'),
      },
      extraVariables: true,
      results: { summary: [{ cities: 2, summary: { cities: 2, alerts: 1 } }] },
    },
  },
  shell: {
    expected: {
      ...{ status: 'completed', variables: { said: step('Hello Ada; echo no\n42', 'start') }, steps: ['start', 'end'] },
      results: { end: [0, ['Hello Ada; echo no', '42']] },
    },
  },
  failing: {
    expected: { status: 'failed', error: { code: 'TOOL_FAILED', step: 'verify' }, variables: {}, steps: ['start', 'verify'] },
  },
  stopped: {
    workload: API,
    http: [get('/ask', { status: 503 }, { status: 503 })],
    expected: {
      ...{ status: 'failed', error: { code: 'TOOL_FAILED', step: 'start', attempt: 3 } },
      ...{ variables: { noted: step(1, 'start') }, steps: ['start'] },
    },
  },
}

const SCORER = `apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: today_scorer, path: today/scorer}
workflow:
  - {step: start, tool: {kind: python, input: {user: "{{ user_data }}"}, code: "return {'score': user['age'] * 2}"}}
`

describe.each(['embedded', 'postgresql'] as const)('NoETL’s present form, on %s', (name) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await startBackend(name, { hasConnections: true })
    await backend.server.register(SCORER)
  })
  afterAll(() => backend?.close())

  it.for(Object.entries(SCENARIOS))('%s ends as it says, and converted the same', async ([file, run]) => {
    const source = readFileSync(join(ROOT, 'test/conformance/playbooks', `today_${file}.yaml`), 'utf8')
    expect(await playbookFaults(backend.server, { source, ...run })).toEqual([])
    const { text, isChanged } = await convertPlaybook(source, { tools: TOOLS })
    expect(isChanged).toBe(true)
    expect(await playbookFaults(backend.server, { source: text ?? '', ...run })).toEqual([])
  })
})
