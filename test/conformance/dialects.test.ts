import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Backend, startBackend } from '../support/backends.js'
import { ROOT } from '../support/paths.js'
import { type PlaybookCase, playbookFaults } from '../support/playbook-run.js'

type Scenario = Omit<PlaybookCase, 'source'> & { readonly file: string }

const POSTS = [
  { id: 1, title: 'first', body: 'one line' },
  { id: 2, title: 'second', body: 'two\nlines' },
  { id: 3, title: 'third', body: "x's" },
]
const posts = { method: 'GET', path: '/posts', responses: [{ status: 200, body: POSTS }] }
const iteratorState = (step: string, state: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(state).map(([name, value]) => [`${step}_${name}`, { value, type: 'iterator_state', source_step: step }]),
  )
const LAST = { index: 2, item: POSTS[2], count: 3, total: 3 }

/** How NoETL's forms of playbooks end, each in a playbook of test/conformance/playbooks. */
const SCENARIOS: readonly Scenario[] = [
  {
    file: 'v1_arguments',
    expected: {
      status: 'completed',
      variables: { sum: { value: 42, type: 'step_result', source_step: 'add' } },
      steps: ['start', 'add', 'end'],
      results: { add: { sum: 42, scratch: 'tmp_7' }, end: 'dropped tmp_7' },
    },
  },
  {
    file: 'v1_code_is_no_template',
    expected: { status: 'failed', error: { code: 'TOOL_FAILED', step: 'use' }, variables: {}, steps: ['start', 'use'] },
  },
  {
    file: 'v1_vars_survive',
    expected: {
      status: 'failed',
      error: { code: 'TOOL_FAILED', step: 'check' },
      variables: {
        first_id: { value: 123, type: 'step_result', source_step: 'fetch' },
        mail: { value: 'a@example.com', type: 'step_result', source_step: 'fetch' },
        count: { value: 2, type: 'step_result', source_step: 'fetch' },
        source: { value: 'memory', type: 'step_result', source_step: 'fetch' },
      },
      steps: ['fetch', 'check'],
    },
  },
  {
    file: 'v1_sql',
    workload: { api_url: '{stub}/posts' },
    // A quote in a template is data, inside quotes of the author's, too.
    http: [posts],
    expected: {
      status: 'completed',
      variables: iteratorState('store', LAST),
      steps: ['start', 'tables', 'fetch', 'store', 'count'],
      results: { count: [{ posts: 3 }] },
    },
  },
  {
    file: 'v1_broken_sql',
    expected: { status: 'failed', error: { code: 'TOOL_FAILED', step: 'read' }, variables: {}, steps: ['start', 'read'] },
  },
  {
    file: 'v2_cases',
    expected: {
      status: 'completed',
      variables: {
        id: { value: 999, type: 'step_result', source_step: 'make' },
        score: { value: 85, type: 'step_result', source_step: 'make' },
        about: { value: { made: '2025-12-01' }, type: 'step_result', source_step: 'make' },
      },
      steps: ['start', 'make', 'check', 'end'],
      results: { start: { root: 9 }, check: { score: 85 }, end: 'over' },
    },
  },
  {
    file: 'v2_loop',
    workload: { api_url: '{stub}/posts' },
    http: [posts],
    expected: {
      status: 'completed',
      variables: iteratorState('store', LAST),
      steps: ['start', 'table', 'fetch', 'store', 'count'],
      results: { start: { who: true }, count: [{ posts: 3, last: "x's" }] },
    },
  },
  { file: 'v2_implicit_end', expected: { status: 'completed', variables: {}, steps: ['start', 'last'] } },
]

const VALIDATE = 'query ($source: String!) { validatePlaybook(source: $source) { valid problems { severity message line } } }'
const REGISTER = 'mutation ($source: String!) { registerPlaybook(source: $source) { path } }'
const HEAD = 'apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: foreign}\nworkflow:\n- step: start\n'

/** What NoETL knows and this language does not, each with the line that has it. */
const FOREIGN: readonly [word: string, lines: string][] = [
  ['sink', '  tool:\n    kind: python\n    code: result = 1\n    sink: {tool: postgres}\n'],
  ['script', '  tool: python\n  script: {uri: code.py}\n'],
  ['on_success', '  tool: http\n  endpoint: http://127.0.0.1\n  on_success: {next_call: true}\n'],
  ['transfer', '  tool: transfer\n  source: {type: http}\n'],
  ['set', '  tool: {kind: python, code: result = 1}\n  next:\n  - step: end\n    set: {seen: 1}\n'],
]

describe('NoETL’s forms of playbooks', () => {
  let backend: Backend

  beforeAll(async () => {
    backend = await startBackend('embedded', { hasConnections: true })
  })
  afterAll(async () => {
    await backend?.close()
  })

  it.for(SCENARIOS.map((scenario) => [scenario.file, scenario] as const))('%s', async ([_file, { file, ...run }]) => {
    const source = readFileSync(join(ROOT, 'test/conformance/playbooks', `${file}.yaml`), 'utf8')
    expect(await playbookFaults(backend.server, { source, ...run })).toEqual([])
  })

  it.for(FOREIGN)('%s is refused by its name, at its line', async ([word, lines]) => {
    const source = HEAD + lines
    const { validatePlaybook } = await backend.server.query<{
      validatePlaybook: { valid: boolean; problems: { severity: string; message: string; line: number }[] }
    }>(VALIDATE, { source })
    expect(validatePlaybook.valid).toBe(false)
    const naming = validatePlaybook.problems.filter(
      ({ severity, message }) => severity === 'ERROR' && message.includes(`"${word}" is a feature of NoETL`),
    )
    expect(naming, JSON.stringify(validatePlaybook.problems)).not.toEqual([])
    for (const { line } of naming) expect(source.split('\n')[line - 1]).toContain(word)
    const registered = await backend.server.graphql(REGISTER, { source })
    expect(registered.errors[0]?.extensions?.code).toBe('PLAYBOOK_INVALID')
  })
})
