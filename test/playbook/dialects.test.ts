import { describe, expect, it } from 'vitest'
import { LosslessNumber } from '../../src/core/json.js'
import { modelOf, parse, stepOf, workflow } from './support.js'

const HTTP_NEXT = '\n- step: b\n- step: c\n'
const same = (sources: readonly string[], step = 'a') => {
  const [first, ...rest] = sources.map((source) => stepOf(source, step))
  for (const other of rest) expect(other).toEqual(first)
  return first
}

describe('every dialect gives one model', () => {
  it.each<[string, readonly string[]]>([
    [
      'tool',
      [
        '- step: a\n  tool: http\n  method: GET\n  endpoint: http://x\n  timeout: 5',
        '- step: a\n  type: http\n  method: GET\n  url: http://x\n  timeout: 5',
        '- step: a\n  tool: {kind: http, method: GET, url: http://x}\n  timeout: 5',
        '- step: a\n  tool: {kind: http, method: GET, endpoint: http://x, timeout: 5}',
        '- step: a\n  tool: {kind: http, method: GET, endpoint: http://x, timeout: 5, auth: {}}',
      ],
    ],
    [
      'args of python',
      ['args', 'with', 'params', 'data'].flatMap((name) => [
        `- step: a\n  tool: python\n  code: x = 1\n  ${name}: {n: "{{ vars.n }}"}`,
        `- step: a\n  tool: {kind: python, code: x = 1, ${name}: {n: "{{ vars.n }}"}}`,
      ]),
    ],
    [
      'args of playbook',
      ['args', 'with', 'params', 'data'].map((name) => `- step: a\n  tool: playbook\n  path: p\n  ${name}: {n: 1}`),
    ],
    [
      'query',
      ['query', 'command', 'commands'].map((name) => `- step: a\n  tool: postgres\n  ${name}: SELECT 1\n  params: {n: 1}`),
    ],
    [
      'iterator',
      [
        '- step: a\n  type: iterator\n  collection: [1]\n  element: x\n  mode: async\n  task: {type: python, code: y = 1}',
        '- step: a\n  tool: iterator\n  collection: [1]\n  element: x\n  mode: parallel\n  task: {tool: python, code: y = 1}',
        '- step: a\n  tool: {kind: iterator, collection: [1], element: x, mode: async, task: {tool: {kind: python, code: y = 1}}}',
        '- step: a\n  loop: {in: [1], iterator: x, mode: async}\n  tool: python\n  code: y = 1',
        '- step: a\n  loop: {collection: [1], element: x, mode: parallel, concurrency: 8}\n  tool: {kind: python, code: y = 1}',
      ],
    ],
    [
      'vars',
      ['- step: a\n  vars: {x: 1}', '- step: a\n  vars: {after: {x: 1}}', '- step: a\n  vars: {before: {}, after: {x: 1}}'],
    ],
  ])('%s', (_name, steps) => {
    const models = steps.map((text) =>
      JSON.parse(JSON.stringify(stepOf(workflow(text), 'a')).replace(/vars\.after\.x/, 'vars.x')),
    )
    for (const model of models) expect(model).toEqual(models[0])
  })

  it.each<[string, readonly string[]]>([
    ['one step', ['next: b', 'next: [b]', 'next: [{step: b}]', 'next: [{step: b, args: {}}]']],
    ['several', ['next: [b, c]', 'next: [{step: b}, {step: c}]']],
    [
      'conditional',
      [
        'next: [{when: "{{ vars.x }}", then: [{step: b}]}]',
        'next: [{when: "{{ vars.x }}", then: [b]}]',
        'next: [{when: "{{ vars.x }}", then: b}]',
        'next: [{when: "{{ vars.x }}", step: b}]',
      ],
    ],
    [
      'args',
      [
        'next: [{when: x, then: [{step: b, args: {n: 1}}]}]',
        'next: [{when: x, then: [{step: b, data: {n: 1}}]}]',
        'next: [{when: x, then: [{step: b}], args: {n: 1}}]',
        'next: [{when: x, then: [{step: b, args: {n: 1}}], data: {n: 2}}]',
      ],
    ],
    ['else', ['next: [{when: x, step: b}, {else: [{step: c}]}]', 'next: [{when: x, step: b}, {else: [c]}]']],
    [
      'case',
      [
        'case: [{when: x, then: [{step: b}]}]',
        'case: [{when: x, then: {next: [{step: b}]}}]',
        'case: [{when: x, then: {next: b}}]',
        'case: [{when: x, then: [b]}]',
      ],
    ],
  ])('routing: %s', (_name, lines) => {
    const models = lines.map((line) => {
      const { next, cases } = stepOf(workflow(`- step: a\n  ${line}${HTTP_NEXT}`), 'a')
      return { next: next.map(({ at: _at, ...rest }) => rest), cases: cases?.map(({ at: _at, ...rest }) => rest) ?? null }
    })
    for (const model of models) expect(model).toEqual(models[0])
  })

  it('both API versions', () => {
    const source = workflow('- step: a')
    expect(modelOf(source.replace('/v1', '/v2'))).toEqual({ ...modelOf(source), apiVersion: 'noetl.io/v2' })
  })

  it('JSON', () => {
    const yaml = modelOf(workflow('- step: a\n  vars: {n: 507861119290048685, d: 1.50}'))
    const json = `{"apiVersion": "noetl.io/v1",\n\t"kind": "Playbook", "metadata": {"name": "test"},
      "workflow": [{"step": "a", "vars": {"n": 507861119290048685, "d": 1.50}}]}`
    expect(modelOf(json)).toEqual(yaml)
  })
})

describe('the model', () => {
  it('keeps digits', () => {
    const text = '- step: a\n  vars: {n: 507861119290048685, d: 1.50, e: 1e3, f: +7, g: .5, h: 0x1F, i: 0o17}'
    const values = stepOf(workflow(text), 'a').vars.after.map((entry) => entry.value)
    expect(values).toEqual([new LosslessNumber('507861119290048685'), new LosslessNumber('1.50'), 1000, 7, 0.5, 31, 15])
  })

  it('reads every option of an iterator', () => {
    const options =
      'mode: async, concurrency: 3, where: x.ok, order_by: -x.price, limit: "{{ vars.n }}", chunk: 2, enumerate: true, fail_fast: true'
    const loop = same([
      workflow(`- step: a\n  loop: {in: "{{ workload.l }}", iterator: x, ${options}}\n  tool: python\n  code: y = 1`),
      workflow(
        `- step: a\n  tool: {kind: iterator, collection: "{{ workload.l }}", element: x, ${options}, task: {tool: python, code: y = 1}}`,
      ),
    ])?.loop
    expect(loop).toEqual({
      collection: '{{ workload.l }}',
      element: 'x',
      mode: 'async',
      concurrency: 3,
      where: 'x.ok',
      orderBy: { expression: 'x.price', isDescending: true },
      limit: '{{ vars.n }}',
      chunk: 2,
      isEnumerated: true,
      isFailFast: true,
      taskVars: [],
      taskOperations: { globals: [], parent: [], root: [] },
      taskLocals: [],
    })
  })

  it('reads the numbers of retry and their templates, with the defaults', () => {
    const retryOf = (text: string) => stepOf(workflow(`- step: a\n  retry: ${text}`), 'a').retry
    const defaults = { maxAttempts: 3, initialDelay: 1, backoffMultiplier: 2, maxDelay: 60, when: null }
    expect(retryOf('{max_attempts: 3}')).toEqual(defaults)
    expect(
      retryOf(
        '{max_attempts: 3, initial_delay: 0.25, backoff_multiplier: 1.5, max_delay: 2.5, when: "{{ this.status_code == 503 }}"}',
      ),
    ).toEqual({
      maxAttempts: 3,
      initialDelay: 0.25,
      backoffMultiplier: 1.5,
      maxDelay: 2.5,
      when: '{{ this.status_code == 503 }}',
    })
    const [a, b] = ['"{{ vars.n }}"', '"{{ workload.s }}"']
    expect(retryOf(`{max_attempts: ${a}, initial_delay: ${b}, backoff_multiplier: ${a}, max_delay: ${b}}`)).toEqual({
      maxAttempts: '{{ vars.n }}',
      initialDelay: '{{ workload.s }}',
      backoffMultiplier: '{{ vars.n }}',
      maxDelay: '{{ workload.s }}',
      when: null,
    })
  })

  it.each(['python', 'playbook', 'workbook'])('takes args beside a nested tool: %s', (kind) => {
    const parameters = kind === 'python' ? 'code: x' : kind === 'playbook' ? 'path: p' : 'name: t'
    const head = 'workbook: [{name: t, tool: {kind: python, code: x}, args: {n: 1}}]\n'
    const source = workflow(`- step: a\n  tool: {kind: ${kind}, ${parameters}}\n  args: {n: "{{ vars.n }}"}`, head)
    expect(stepOf(source, 'a').tool?.parameters).toMatchObject({ args: { n: '{{ vars.n }}' } })
    expect(modelOf(source).workbook[0]?.tool.parameters).toMatchObject({ args: { n: 1 } })
    const task = `- step: a\n  type: iterator\n  collection: [1]\n  element: e\n  task: {tool: {kind: python, code: x}, args: {e: "{{ e }}"}}`
    expect(stepOf(workflow(task), 'a').tool?.parameters).toMatchObject({ args: { e: '{{ e }}' } })
  })

  it("takes an iterator's retry and timeout from the task, too", () => {
    const loop = 'type: iterator\n  collection: [1]\n  element: x'
    const outer = `- step: a\n  ${loop}\n  retry: {max_attempts: 2}\n  timeout: 3\n  task: {type: python, code: y = 1}`
    const inner = `- step: a\n  ${loop}\n  task: {type: python, code: y = 1, retry: {max_attempts: 2}, timeout: 3}`
    same([workflow(outer), workflow(inner)])
  })

  it('starts at `start`, or at the first step', () => {
    expect(modelOf(workflow('- step: a\n- step: start\n  next: a')).startStep).toBe('start')
    expect(modelOf(workflow('- step: b\n  next: a\n- step: a')).startStep).toBe('b')
  })

  it('has the name as path, and keeps what else metadata says out', () => {
    expect(modelOf(workflow('- step: a'))).toMatchObject({ name: 'test', path: 'test', description: null })
    const head = workflow('- step: a').replace(
      '{name: test}',
      '{name: test, path: x/y, description: d, version: "2", labels: {a: b}, tags: [t], owner: o}',
    )
    expect(modelOf(head)).toMatchObject({ name: 'test', path: 'x/y', description: 'd' })
  })

  it('keeps the workbook with its assertions, and names that are secret', () => {
    const head =
      'sensitive: [token, workload.key]\nworkbook:\n- name: t\n  tool: python\n  code: x = 1\n  assert: {expects: [a], returns: [b]}\n'
    const playbook = modelOf(workflow('- step: a\n  tool: workbook\n  name: t\n  args: {a: 1}', head))
    expect(playbook.sensitive).toEqual(['token', 'workload.key'])
    expect(playbook.workbook).toEqual([
      { name: 't', tool: { kind: 'python', parameters: { code: 'x = 1' } }, expects: ['a'], returns: ['b'] },
    ])
    expect(playbook.steps[0]?.tool).toEqual({ kind: 'workbook', parameters: { name: 't', args: { a: 1 } } })
  })

  it('reads anchors and aliases', () => {
    const source = workflow('- step: a\n  vars: {x: &v {n: 1}, y: *v}')
    expect(stepOf(source, 'a').vars.after.map((entry) => entry.value)).toEqual([{ n: 1 }, { n: 1 }])
  })

  it('treats `before` and `after` as names where one holds no mapping', () => {
    const { vars } = stepOf(workflow('- step: a\n  vars: {before: 1, after: {x: 2}}'), 'a')
    expect(vars.after.map((entry) => entry.name)).toEqual(['before', 'after'])
  })

  it('accepts a target `end` that is not defined', () => {
    expect(parse(workflow('- step: a\n  next: end')).problems).toEqual([])
  })
})
