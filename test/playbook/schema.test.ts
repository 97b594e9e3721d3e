// cspell:ignore coun counte strat strnig confg cuonter countr
import { describe, expect, it } from 'vitest'
import { checkPlaybook } from '../../src/playbook/index.js'
import type { Playbook } from '../../src/playbook/model.js'
import { TOOLS } from '../../src/tools/index.js'
import { HEAD, show } from './support.js'

async function problemsOf(source: string): Promise<string[]> {
  return (await checkPlaybook(source, { tools: TOOLS })).problems.map(show)
}

/** A playbook of one step with this schema, whose first line is line 5. */
const withSchema = (schema: string, rest = 'workflow: [{step: start}]') => `${HEAD}schema:\n${schema}\n${rest}\n`

async function playbookOf(source: string): Promise<Playbook> {
  const { playbook, problems } = await checkPlaybook(source, { tools: TOOLS })
  if (!playbook) throw new Error(problems.map(show).join('\n'))
  return playbook
}

/** Each line is `severity line:column path | a part of the message`. */
async function expectProblems(source: string, lines: readonly string[]): Promise<void> {
  const found = await problemsOf(source)
  const isMatch = (text: string, line: string) => {
    const [place = '', message = ''] = line.split(' | ')
    return text.startsWith(`${place} | `) && text.includes(message)
  }
  expect(found.map((text, index) => (isMatch(text, lines[index] ?? '') ? lines[index] : text))).toEqual(lines)
}

const EVERYTHING = `  workload:
    type: object
    required: [api_url]
    properties:
      api_url: {type: string, pattern: "^https://"}
      batch_size: {type: integer, minimum: 1, default: 100, description: Items per call}
  vars:
    processed: {type: integer, minimum: 0}
    config: {$ref: "#/$defs/config"}
  results:
    start: {type: object, required: [items]}
  closed: true
  $defs: {config: {type: object, required: [endpoint]}}`

describe('what a schema says', () => {
  it('is compiled, and kept as it is written', async () => {
    const { schema } = await playbookOf(withSchema(EVERYTHING))
    expect(schema).toMatchObject({
      names: new Set(['processed', 'config']),
      block: { closed: true, $defs: { config: { required: ['endpoint'] } } },
    })
    expect(schema?.workload?.({ api_url: 'http://x', batch_size: 0 })).toEqual([
      { path: '/api_url', keyword: 'pattern', message: 'must match ^https://' },
      { path: '/batch_size', keyword: 'minimum', message: 'must be at least 1' },
    ])
    expect(schema?.vars.get('config')?.({})).toEqual([{ path: '', keyword: 'required', message: 'lacks "endpoint"' }])
    expect(schema?.results.get('start')?.({ items: [] })).toEqual([])
  })

  it('is nothing where there is none', async () => {
    expect((await playbookOf(`${HEAD}workflow: [{step: start}]`)).schema).toBeNull()
  })
})

describe('a schema that cannot be used', () => {
  it.each<[string, string, string[]]>([
    ['no mapping', '  [1]', ['error 5:3 schema | must be a mapping with workload, vars']],
    ['an unknown key', '  workloads: {}', ['error 5:3 schema.workloads | did you mean "workload"?']],
    ['variables as a list', '  vars: [a]', ['error 5:9 schema.vars | must be a mapping of names to schemas']],
    ['a name that is none', '  vars: {1a: {}}', ['error 5:10 schema.vars.1a | is not a name for a variable']],
    ['closed that is none', '  closed: maybe', ['error 5:11 schema.closed | true or false, not a text']],
    [
      'a result of no step',
      '  results: {strat: {}}',
      ['error 5:13 schema.results.strat | no step "strat": did you mean "start"?'],
    ],
    ['no schema', '  workload: 3', ['error 5:13 schema.workload | no JSON Schema: must be an object or a boolean']],
    ['a type that is none', '  vars: {a: {type: strnig}}', ['error 5:20 schema.vars.a.type | one of string, number']],
    ['a limit that is no number', '  vars: {a: {minimum: "1"}}', ['error 5:23 schema.vars.a.minimum | must be a number']],
    ['required as in draft 3', '  vars: {a: {required: true}}', ['error 5:24 schema.vars.a.required | must be an array']],
    ['a keyword with a slip', '  vars: {a: {minimun: 1}}', ['warning 5:14 schema.vars.a.minimun | did you mean "minimum"?']],
    [
      'a definition that is not there',
      '  vars: {a: {$ref: "#/$defs/confg"}}\n  $defs: {config: {}}',
      ['error 5:20 schema.vars.a.$ref | #/$defs/confg leads to no schema: did you mean "config"?'],
    ],
    ['a reference elsewhere', '  vars: {a: {$ref: "https://x.org/s"}}', ['error 5:20 schema.vars.a.$ref | not in this playbook']],
    ['a file', '  vars: {a: {$ref: "file:///etc/passwd"}}', ['error 5:20 schema.vars.a.$ref | not in this playbook']],
    ['an id', '  vars: {a: {$id: "urn:x"}}', ['error 5:19 schema.vars.a.$id | no id of its own']],
    [
      'another draft',
      '  vars: {a: {$schema: "http://json-schema.org/draft-07/schema#"}}',
      ['error 5:23 schema.vars.a.$schema | 2020-12'],
    ],
    [
      'a circle',
      '  vars: {a: {$ref: "#/$defs/a"}}\n  $defs: {a: {allOf: [{$ref: "#/$defs/b"}]}, b: {$ref: "#/$defs/a"}}',
      ['error 6:56 schema.$defs.b.$ref | /$defs/a -> /$defs/a/allOf/0 -> /$defs/b -> /$defs/a'],
    ],
    ['no expression', '  vars: {a: {pattern: "("}}', ['error 5:23 schema.vars.a.pattern | no regular expression']],
    ['a pattern that would run for ever', '  vars: {a: {pattern: "^(a+)+$"}}', ['error 5:23 schema.vars.a.pattern | for ever']],
    ['another', '  vars: {a: {pattern: "(a|a)*b"}}', ['error 5:23 schema.vars.a.pattern | for ever']],
    [
      'one of keys',
      '  vars: {a: {patternProperties: {"(.*)*x": {}}}}',
      ['error 5:44 schema.vars.a.patternProperties.(.*)*x | for ever'],
    ],
    ['one that looks behind', '  vars: {a: {pattern: "(a)\\\\1"}}', ['error 5:23 schema.vars.a.pattern | linear time']],
    [
      'a default that does not fit',
      '  vars: {a: {minimum: 3, default: 1}}',
      ['error 5:35 schema.vars.a.default | must be at least 3'],
    ],
    ['a default with a template', '  vars: {a: {default: "{{ x }}"}}', ['warning 5:23 schema.vars.a.default | not rendered']],
  ])('%s', async (_name, schema, lines) => expectProblems(withSchema(schema), lines))

  it('takes patterns that others are slow with, as ours are not', async () => {
    const schema = `  vars: {a: {pattern: "^[^@]+@[^@]+\\\\.[^@]+$"}, b: {pattern: "\\\\s+$"}}`
    const { schema: compiled } = await playbookOf(withSchema(schema))
    const check = compiled?.vars.get('a')
    const began = performance.now()
    expect(check?.(`a@${'.'.repeat(100_000)}@`)).toHaveLength(1)
    expect(check?.('ann@example.org')).toEqual([])
    expect(performance.now() - began).toBeLessThan(5000)
  })

  it('does not look again for what was accepted once', async () => {
    const source = withSchema('  vars: {a: {pattern: "^(b+)+$"}}')
    const { playbook } = await checkPlaybook(source, { tools: TOOLS, isRegistered: true })
    expect(playbook?.schema?.vars.get('a')?.('b'.repeat(100_000))).toEqual([])
  })
})

describe('values that are known when a playbook is registered', () => {
  it('fit: the workload, and what is assigned', async () => {
    const rest = `workload:
  api_url: http://x
  batch_size: "{{ 1 }}"
workflow:
- step: start
  vars: {processed: -1, config: {endpoint: x}}
  next: work
- step: work
  type: iterator
  collection: [1]
  element: one
  task: {tool: python, code: "def main(): return 1", vars: {config: {a: 1}, processed: "{{ vars.processed + 1 }}"}}`
    await expectProblems(withSchema(EVERYTHING, rest), [
      'error 19:12 workload.api_url | workload.api_url does not fit its schema: must match ^https://',
      'error 23:21 workflow[0].vars.processed | the variable "processed" does not fit its schema: must be at least 0',
      'error 29:69 workflow[1].task.vars.config | lacks "endpoint"',
    ])
  })

  it('are named where they are wrong', async () => {
    const schema = '  vars: {a: {properties: {list: {items: {type: integer}}}}}'
    await expectProblems(withSchema(schema, 'workflow:\n- step: start\n  vars:\n    a:\n      list: [1, 2, x]'), [
      'error 10:20 workflow[0].vars.a.list[2] | at /list/2: must be an integer',
    ])
  })
})

describe('closed', () => {
  const closed = '  closed: true\n  vars: {counter: {type: integer}, item: {}}'
  const workflow = (text: string) => withSchema(closed, `workload: {items: [1]}\nworkflow:\n${text}`)

  it('refuses what is assigned or read and not declared', async () => {
    await expectProblems(
      workflow(`- step: start
  vars: {conter: 1}
  next: [{when: vars.cuonter > 1, then: [{step: two, args: {counted: 1}}]}]
- step: two
  tool: python
  args: {a: "{{ vars.other }}", b: "{{ countr }}", c: "{{ counted }}"}
  code: "def main(a): return '{{ vars.nothing }}'"`),
      [
        'error 10:10 workflow[0].vars.conter | not declared in schema.vars, which is closed: did you mean "counter"?',
        'error 11:17 workflow[0].next[0].when | "cuonter" is not declared in schema.vars, which is closed: did you mean "counter"?',
        'error 14:13 workflow[1].args.a | "other" is not declared',
        'error 14:36 workflow[1].args.b | "countr" is not declared in schema.vars, which is closed: did you mean "counter"?',
      ],
    )
  })

  it('is no reason to refuse what was accepted once', async () => {
    const source = workflow('- step: start\n  vars: {conter: 1, counter: x}')
    const { playbook, problems } = await checkPlaybook(source, { tools: TOOLS, isRegistered: true })
    expect(playbook?.schema?.names).toEqual(new Set(['counter', 'item']))
    expect(problems.map(({ severity }) => severity)).toEqual(['warning', 'warning'])
  })

  it('leaves a list of tools what is its own', async () => {
    await expectProblems(
      workflow(`- step: start
  tool:
  - {name: counte, kind: python, code: "def main(): return 1", rules: [{when: "{{ coun is not defined }}", do: retry, max_attempts: 2, let: {coun: 1}}]}
  - {name: last, kind: python, args: {x: "{{ counte }}"}, code: "def main(x): return x", vars: {counter: "{{ last }}", countr: 1}}`),
      ['error 12:120 workflow[0].tool[1].vars.countr | is not declared'],
    )
  })

  it('leaves an iterator what is its own', async () => {
    await expectProblems(
      workflow(`- step: start
  type: iterator
  collection: "{{ workload.items }}"
  element: itm
  task: {tool: python, args: {x: "{{ itm }}"}, code: "def main(x): return x", vars: {counter: "{{ vars.start_count }}"}}`),
      [],
    )
  })
})
