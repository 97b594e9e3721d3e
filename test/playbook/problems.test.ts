// cspell:ignore nxt pyton paralel strat
import { describe, expect, it } from 'vitest'
import { parsePlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { HEAD, parse, problemsOf, show, workflow } from './support.js'

/** Each line is `severity line:column path | a part of the message`, in this order and no others. */
function expectProblems(source: string, lines: readonly string[]): void {
  const found = problemsOf(source)
  expect(found.map((text, index) => (isMatch(text, lines[index]) ? lines[index] : text))).toEqual(lines)
}

function isMatch(text: string, line: string | undefined): boolean {
  const [place = '', message = ''] = (line ?? '').split(' | ')
  return text.startsWith(`${place} | `) && text.includes(message)
}

const steps = (text: string, head = '') => workflow(text, head)
const inStep = (text: string) => steps(`- step: a\n  ${text}`)

describe('the document', () => {
  it.each<[string, string, string[]]>([
    ['empty', '', ['error 1:1  | is not a mapping']],
    ['a list', '\n- a', ['error 2:1  | is not a mapping']],
    ['broken YAML', 'a: [', ['error 1:5  | not valid YAML']],
    ['tabs', `${HEAD}workflow:\n- step: a\n\tx: 1`, ['error 6:1  | Tabs are not allowed']],
    ['two documents', `${steps('- step: a')}\n---\na: 1`, ['error 6:1  | second document']],
    [
      'nothing in it',
      '{}',
      [
        'error 1:1  | "apiVersion" is missing',
        'error 1:1  | "kind" is missing',
        'error 1:1  | "metadata" is missing',
        'error 1:1  | "workflow" is missing',
      ],
    ],
    [
      'wrong values',
      'apiVersion: v1\nkind: Job\nmetadata: {}\nworkflow: {}',
      [
        'error 1:13 apiVersion | must be noetl.io/v1 or noetl.io/v2, not "v1"',
        'error 2:7 kind | must be Playbook',
        'error 3:1 metadata | metadata.name is missing',
        'error 4:11 workflow | must be a list of steps, not a mapping',
      ],
    ],
    ['no steps', `${HEAD}workflow: []`, ['error 4:1 workflow | at least one step']],
    ['an unknown key', `${HEAD}workflows: []\nworkflow: [{step: a}]`, ['error 4:1 workflows | did you mean "workflow"?']],
    ['a duplicate key', inStep('desc: x\n  desc: y'), ['error 7:3 workflow[0].desc | given before in line 6']],
    ['a tag', inStep('vars: {a: !foo 1}'), ['error 6:13  | Unresolved tag']],
    ['an alias without anchor', inStep('vars: {a: *b}'), ['error 6:13 workflow[0].vars.a | alias *b']],
    ['a key that is a list', inStep('vars: {? [x] : 1}'), ['error 6:12 workflow[0].vars.? | key']],
    [
      'what cannot be stored',
      steps('- step: a', 'workload: {a: "\\0", b: "\\ud800", c: .nan, d: 1e400}\n'),
      [
        'error 4:15 workload.a | U+0000',
        'error 4:24 workload.b | surrogate',
        'error 4:37 workload.c | not a JSON value',
        'error 4:46 workload.d | exponent',
      ],
    ],
    [
      'forbidden keys',
      steps('- step: a', 'workload: {a: {__proto__: 1}, constructor: 2, b: [{prototype: 3}]}\n'),
      [
        'error 4:16 workload.a.__proto__ | cannot be a key',
        'error 4:31 workload.constructor | cannot be a key',
        'error 4:52 workload.b[0].prototype | cannot be a key',
      ],
    ],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})

describe('what would take long to read is refused before it is read', () => {
  const many = (count: number, text: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => text(index)).join('')
  it.each<[string, string, string]>([
    ['50,000 documents', many(50_000, () => '---\na: 1\n'), 'a second document: one file holds one playbook'],
    ['50,000 ends of documents', many(50_000, () => '...\n'), 'a second document: one file holds one playbook'],
    ['30,000 anchors', `${HEAD}workload:\n  l:\n${many(30_000, (index) => `  - &a${index} x\n`)}`, 'more than 1000 anchors'],
    ['30,000 aliases', `${HEAD}workload:\n  a: &a 1\n  l:\n${many(30_000, () => '  - *a\n')}`, 'more than 100 aliases'],
    [
      'anchors and aliases',
      `${HEAD}workload:\n  l:\n${many(15_000, (index) => `  - &a${index} x\n  - *a${index}\n`)}`,
      'more than 100 aliases',
    ],
  ])('%s', (_name, source, message) => expect(problemsOf(source)).toEqual([expect.stringContaining(message)]))

  it('what only looks like it is read', () => {
    const text = many(2000, () => '&a *b --- ... ')
    expect(
      parse(steps(`- step: a\n  vars:\n    x: "${text}"\n    y: |\n      ${text}\n      ---\n    z: a ${text}`)).problems,
    ).toEqual([])
  })
})

/** A value without its quotes, and what is proposed for it. */
const UNQUOTED: [name: string, written: string, places: string[], proposed: string[]][] = [
  ['alone', 'a: {{ x }}', ['7:8'], ['a: "{{ x }}"']],
  ['with text behind it', 'a: {{ x }}/path', ['7:8'], ['a: "{{ x }}/path"']],
  ['with a comment', 'a: {{ x }} and more # note', ['7:8'], ['a: "{{ x }} and more"']],
  ['twice', 'a: {{ x }} {{ y }}', ['7:8'], ['a: "{{ x }} {{ y }}"']],
  ['with quotes of its own', `a: {{ x | default("1") }}`, ['7:8'], [`a: '{{ x | default("1") }}'`]],
  ['with both', `a: {{ x['k'] | default("1") }}`, ['7:8'], [`a: '{{ x[''k''] | default("1") }}'`]],
  ['with a colon', 'a: {{ x }}: b', ['7:8'], ['a: "{{ x }}: b"']],
  ['over two lines', 'a: {{ x\n      }}', ['7:8'], ['a: "{{ x }}"']],
  ['a statement', 'a: {% if x %}1{% endif %}', ['7:8'], ['a: "{% if x %}1{% endif %}"']],
  ['a comment of the template', 'a: {# c #} x', ['7:8'], ['a: "{# c #} x"']],
  [
    'in lists',
    'a: [{{ x }}, b{{ y }}]\n    b:\n    - {{ z }}',
    ['7:9', '7:19', '9:7'],
    ['"{{ x }}"', '"b{{ y }}"', '- "{{ z }}"'],
  ],
  [
    'in a mapping between braces',
    'a: {b: {{ x }}, c: http://{{ y }}/z}',
    ['7:12', '7:31'],
    ['b: "{{ x }}"', 'c: "http://{{ y }}/z"'],
  ],
  ['never closed', 'a: {{ x', ['7:8'], ['a: "{{ x"']],
]

describe('a template without quotes', () => {
  it.each(UNQUOTED)('%s', (_name, written, places, proposed) => {
    const source = steps(`- step: a\n  vars:\n    ${written}`)
    expectProblems(
      source,
      places.map((place) => `error ${place}  | quote it: `),
    )
    expect(problemsOf(source).map((problem) => problem.split(' to YAML: ').at(-1)?.split(' for YAML: ').at(-1))).toEqual(proposed)
  })

  it.each(['{{ k }}: 1', '? {{ k }}\n    : 1', 'a: { {{k}}: 1}'])('as a key: %s', (written) => {
    expect(problemsOf(steps(`- step: a\n  vars:\n    ${written}`))).toEqual([
      expect.stringContaining('quote it: a key that begins'),
    ])
  })

  it('does not keep other problems back where the rest can be read, nor brings any of its own', () => {
    expectProblems(steps('- step: a\n  tool: http\n  url: {{ workload.url }}\n  nxt: b\n  vars: {x: {{ y + }}}'), [
      'error 7:8  | quote it',
      'error 8:3 workflow[0].nxt | did you mean "next"?',
      'error 9:13  | quote it',
      'error 9:20 workflow[0].vars.x | expected an expression',
    ])
    expectProblems(steps('- step: a\n  desc: "a\n  url: {{ x }} y'), ['error 7:17  | not valid YAML'])
  })

  it.each([
    'a: http://{{ h }}/p',
    'a: x {{ y }}',
    'a: "{{ x }}"',
    'a: |\n      {{ x }}',
    'a: >-\n      {% if x %}1{% endif %}',
    "a: '{# x #}'",
    '# {{ x }}\n    a: 1',
  ])('is none: %s', (written) => expect(problemsOf(steps(`- step: a\n  vars:\n    ${written}`))).toEqual([]))

  it('other faults of a line with a template say how quotes go', () => {
    expect(problemsOf(inStep('vars: {x: "{{ y["k"] }}"}'))[0]).toContain('with the other kind of quotes inside')
  })
})

describe('merge keys', () => {
  const workloadOf = (text: string) => parse(steps('- step: a', `workload:\n${text}`)).playbook?.workload
  it('merge as YAML 1.1 does: own entries win, then mappings that come first', () => {
    expect(workloadOf('  base: &b {x: 1, y: 2}\n  task:\n    <<: *b\n    y: 3\n')).toEqual({
      base: { x: 1, y: 2 },
      task: { x: 1, y: 3 },
    })
    const several = workloadOf('  a: &a {x: 1, y: 1}\n  b: &b {y: 2, z: 2}\n  c: {z: 3, <<: [*a, *b, {w: 4}]}\n') as { c: object }
    expect(several.c).toEqual({ x: 1, y: 1, z: 3, w: 4 })
    expect(workloadOf('  a: &a {x: 1}\n  b: &b {<<: *a, y: 2}\n  c: {<<: *b}\n')).toMatchObject({ c: { x: 1, y: 2 } })
    expect(workloadOf('  a: {"<<": 1}\n')).toEqual({ a: { '<<': 1 } })
  })

  it('in steps too, with their problems where they stand', () => {
    const source = steps(
      '- &one\n  step: a\n  tool: &http {kind: http, url: x, mehtod: GET}\n- <<: *one\n  step: b',
      'workload: {}\n',
    )
    expectProblems(source, [
      'error 8:36 workflow[1].tool.mehtod | did you mean "method"?',
      'warning 10:9 workflow[1].step | nothing leads to',
    ])
  })

  it.each(['<<: 1', '<<: [{a: 1}, 2]', '<<:', '<<: *t'])('%s is refused', (text) => {
    const source = steps('- step: a', `workload:\n  t: &t text\n  x:\n    ${text}\n`)
    expectProblems(source, ['error 7:5 workload.x.<< | merges a mapping'])
  })

  it('twice in one mapping is a duplicate key, as a value it is text elsewhere', () => {
    expectProblems(steps('- step: a', 'workload:\n  a: &a {}\n  b: {<<: *a, <<: *a}\n'), [
      'error 6:15 workload.b.<< | given before',
    ])
    expectProblems(steps('- step: a', 'workload: {a: <<}\n'), ['warning 4:15 workload.a | a merge of another mapping'])
  })
})

describe('plain scalars that YAML 1.1 reads otherwise', () => {
  it.each<[string, string]>([
    ['yes', 'the string "yes" here (YAML 1.2), but the boolean true'],
    ['off', 'the string "off" here (YAML 1.2), but the boolean false'],
    ['012', 'the number 12 here (YAML 1.2), but the number 10'],
    ['1_000', 'the string "1_000" here (YAML 1.2), but the number 1000'],
    ['2025-01-01', 'the string "2025-01-01" here (YAML 1.2), but the date 2025-01-01'],
    ['12:30', 'the string "12:30" here (YAML 1.2), but the number 750'],
    ['0o17', 'the number 15 here (YAML 1.2), but the string "0o17"'],
  ])('%s is a warning with both readings', (text, reading) => {
    const source = inStep(`vars: {x: ${text}}`)
    expectProblems(source, [`warning 6:13 workflow[0].vars.x | ${reading}`])
    expect(parse(source).playbook).not.toBeNull()
    expect(problemsOf(inStep(`vars: {x: "${text}"}`))).toEqual([])
  })

  it.each(['true', 'null', '~', '1.50', '1.5e+3', '507861119290048685', '0x1F', 'n', 'y', 'text', '-7'])('%s is none', (text) => {
    expect(problemsOf(inStep(`vars: {x: ${text}}`))).toEqual([])
  })

  it('also as a key', () => expectProblems(inStep('vars: {on: 1}'), ['warning 6:10 workflow[0].vars.on | boolean true']))
})

describe('steps', () => {
  it.each<[string, string, string[]]>([
    [
      'no mapping, no name, a number as name',
      steps('- x\n- desc: x\n- step: 3'),
      [
        'error 5:3 workflow[0] | a step must be a mapping',
        'error 6:3 workflow[1] | a step needs "step"',
        'error 7:9 workflow[2].step | not a number',
      ],
    ],
    ['a duplicate name', steps('- step: a\n- step: a'), ['error 6:9 workflow[1].step | duplicate step "a"']],
    [
      'bad names',
      steps('- step: 1a\n  next: [vars, constructor]\n- step: vars\n- step: constructor'),
      [
        'error 5:9 workflow[0].step | "1a" is not a name for a step',
        'error 7:9 workflow[1].step | "vars" is reserved',
        'error 8:9 workflow[2].step | "constructor" cannot be',
      ],
    ],
    ['a long name', steps(`- step: ${'a'.repeat(201)}`), ['error 5:9 workflow[0].step | has 201 characters, the limit is 200']],
    [
      'an unreachable step',
      steps('- step: a\n- step: b\n- step: end'),
      ['warning 6:9 workflow[1].step | nothing leads to the step "b"'],
    ],
    [
      'unknown keys',
      inStep('nxt: b\n  description: x\n  sink: {}\n  zzzzz: 1'),
      [
        'error 6:3 workflow[0].nxt | did you mean "next"?',
        'error 7:3 workflow[0].description | did you mean "desc"?',
        'error 8:3 workflow[0].sink | "sink" is a feature of NoETL',
        'error 9:3 workflow[0].zzzzz | accepted: step, desc, when, tool',
      ],
    ],
    [
      'retry',
      inStep('retry: {max_attempts: 0, initial_delay: -1, max_delay: x, retries: 2}'),
      [
        'error 6:25 workflow[0].retry.max_attempts | an integer of at least 1, or a template of one; this is a number (0)',
        'error 6:43 workflow[0].retry.initial_delay | of at least 0, or a template of one; this is a number (-1)',
        'error 6:58 workflow[0].retry.max_delay | this is a text ("x")',
        'error 6:61 workflow[0].retry.retries | did you mean "max_attempts"?',
      ],
    ],
    ['retry of another type', inStep('retry: 3'), ['error 6:10 workflow[0].retry | must be a mapping']],
    [
      'half an attempt',
      inStep('retry: {max_attempts: 1.5}'),
      ['error 6:25 workflow[0].retry.max_attempts | this is a number (1.5)'],
    ],
    ['retry that never retries', inStep('retry: {initial_delay: 1}'), ['warning 6:3 workflow[0].retry | its default is 1']],
    [
      'timeout',
      inStep('timeout: fast\n  pool: a.b'),
      ['error 6:12 workflow[0].timeout | seconds above 0', 'error 7:9 workflow[0].pool | letters'],
    ],
    ['timeout that is a template', inStep('timeout: "{{ vars.t }}"'), []],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})

describe('tools', () => {
  it.each<[string, string, string[]]>([
    [
      'unknown',
      inStep('tool: foo'),
      [
        'error 6:9 workflow[0].tool | unknown tool "foo": use python, http, postgres, shell, playbook or workbook, or name the "pool" whose workers serve it',
      ],
    ],
    ['mistyped', inStep('tool: {kind: pyton}'), ['error 6:16 workflow[0].tool.kind | did you mean "python"?']],
    [
      'mistyped, with a mistyped key beside it',
      inStep('tool: pyton\n  code: x\n  nxt: end'),
      ['error 6:9 workflow[0].tool | did you mean "python"?', 'error 8:3 workflow[0].nxt | did you mean "next"?'],
    ],
    ['of NoETL', inStep('tool: duckdb\n  commands: x'), ['error 6:9 workflow[0].tool | "duckdb" is a feature of NoETL']],
    ['twice', inStep('tool: http\n  type: http\n  url: x'), ['error 7:3 workflow[0].type | another name for "tool"']],
    ['without kind', inStep('tool: {code: x}'), ['error 6:9 workflow[0].tool | no "kind"']],
    ['http without url', inStep('tool: http'), ['error 6:9 workflow[0].tool | http needs "endpoint" (or "url")']],
    ['a process for each call', inStep('tool: python\n  code: x\n  fresh: true'), []],
    [
      'fresh that is no flag',
      inStep('tool: python\n  code: x\n  fresh: 2'),
      ['error 8:10 workflow[0].fresh | "fresh" of python must be true or false or a template, not a number'],
    ],
    ['python without code', inStep('tool: python'), ['error 6:9 workflow[0].tool | python needs "code"']],
    ['postgres without query', inStep('tool: {kind: postgres}'), ['error 6:16 workflow[0].tool.kind | postgres needs "query"']],
    ['playbook without path', inStep('tool: playbook'), ['error 6:9 workflow[0].tool | playbook needs "path"']],
    ['workbook without name', inStep('tool: workbook'), ['error 6:9 workflow[0].tool | workbook needs "name"']],
    ['an unknown task', inStep('tool: workbook\n  name: x'), ['error 7:9 workflow[0].name | the workbook has no task "x"']],
    ['two names of one parameter', inStep('tool: http\n  url: x\n  endpoint: y'), ['error 7:3 workflow[0].url | two names']],
    [
      'values of the wrong kind',
      inStep('tool: http\n  url: [x]\n  headers: 3\n  auth: {type: x, credentail: y}'),
      [
        'error 7:8 workflow[0].url | must be a text, not a list',
        'error 8:12 workflow[0].headers | must be a mapping or a template, not a number',
        'error 9:16 workflow[0].auth.type | bearer',
        'error 9:19 workflow[0].auth.credentail | did you mean "credential"?',
      ],
    ],
    [
      'a template for any value',
      inStep('tool: http\n  url: "{{ vars.u }}"\n  headers: "{{ vars.h }}"\n  verify_ssl: "{{ vars.s }}"'),
      [],
    ],
    [
      'args that are no mapping',
      inStep('tool: python\n  code: x\n  args: [1]'),
      ['error 8:9 workflow[0].args | must be a mapping or a template, not a list'],
    ],
    [
      'parameters in the wrong place',
      inStep('tool: {kind: python, code: x, vars: {}}\n  libs: {}'),
      ['error 6:33 workflow[0].tool.vars | write it beside "tool"', 'error 7:3 workflow[0].libs | write it inside "tool"'],
    ],
    [
      'args beside a tool that takes none, and twice',
      steps(
        '- {step: a, next: b, tool: {kind: http, url: x}, args: {}}\n- {step: b, tool: {kind: python, code: x, args: {}}, args: {}}',
      ),
      ['error 5:50 workflow[0].args | unknown key "args" in a step', 'error 6:54 workflow[1].args | inside "tool", too'],
    ],
    [
      'parameters without a tool',
      inStep('code: x'),
      ['error 6:3 workflow[0].code | parameter of python, and no "tool" is named'],
    ],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})

/** A command, and what is said of it: nothing, that it is refused, or a part of the warning that every run fails. */
const COMMANDS: [command: string, said: 'refused' | string | null][] = [
  ['"{{ workload.query }}"', 'refused'],
  ['"  {{ a }}; {{ b }};"', 'refused'],
  ['"{# c #} -- note\\n /* x */ {{ q }}"', 'refused'],
  ['"{{ workload.query | sql }}"', null],
  ['"{{ q | trim | sql }} limit {{ n }}"', null],
  ['"{{ q | sql | trim }}"', 'refused'],
  ['"select * from t_{{ t | sql }}"', null],
  ['"select * from t_{{ t }}"', 'touches a word'],
  ['"select 1 as {{ a }}_b"', 'touches a word'],
  [`'select "{{ c }}" from t'`, 'stands inside a quoted name'],
  ['"select {% if x %}1{% endif %}"', 'statements ({% %}) cannot stand here'],
  ['"select :n"', 'params needs "n"'],
  [`"select {{ a }}, '{{ b }}', 'x {{ c }}', date '{{ d }}' where e in ({{ e }})"`, null],
]

describe('commands of postgres', () => {
  const said = (problems: string[], at: string, what: string | null) => {
    if (what === null) return expect(problems).toEqual([])
    const message = what === 'refused' ? 'a whole command from one template is refused' : `every run fails: `
    expect(problems).toEqual([expect.stringContaining(` ${at} | ${message}`)])
    expect(problems[0]).toMatch(what === 'refused' ? /^error / : /^warning /)
    if (what !== 'refused') expect(problems[0]).toContain(what)
  }
  it.each(COMMANDS)('%s: %s', (command, what) => {
    said(problemsOf(inStep(`tool: postgres\n  query: ${command}`)), 'workflow[0].query', what)
    said(problemsOf(inStep(`tool: {kind: postgres, command: ${command}}`)), 'workflow[0].tool.command', what)
    said(problemsOf(inStep(`tool: {kind: postgres, commands: [select 1, ${command}]}`)), 'workflow[0].tool.commands[1]', what)
    const loop = `type: iterator\n  collection: [1]\n  element: e\n  task: {tool: postgres, query: ${command}}`
    said(problemsOf(inStep(loop)), 'workflow[0].task.query', what)
    said(problemsOf(steps('- step: a', `workbook: [{name: t, tool: postgres, query: ${command}}]\n`)), 'workbook[0].query', what)
  })

  it.each(['{n: 1}', '{n: "{{ x }}"}', '"{{ vars.all }}"'])('params that give a value, or may: %s', (params) => {
    expect(problemsOf(inStep(`tool: postgres\n  query: "select :n"\n  params: ${params}`))).toEqual([])
  })

  it('is only a warning in one that was registered when it was no error', () => {
    const { playbook, problems } = parsePlaybook(inStep('tool: postgres\n  query: "{{ q }}"'), {
      tools: TOOLS,
      isRegistered: true,
    })
    expect(playbook).not.toBeNull()
    expect(problems.map(show)).toEqual([expect.stringMatching(/^warning .*whole command/)])
  })
})

describe("words of today's NoETL", () => {
  it('are named each, with what to write instead, and nothing that follows from them', () => {
    const source = steps(
      '- step: start\n  tool: {kind: noop}\n  next: {spec: {mode: exclusive}, arcs: [{step: work, when: "{{ x }}"}]}\n' +
        '- step: work\n  tool: {kind: python, input: {n: 1}, code: x, spec: {policy: {rules: []}}}\n  next: {arcs: [{step: pipe}]}\n' +
        '- step: pipe\n  tool:\n  - {name: fetch, kind: container, image: x}\n  - {name: keep, kind: python, code: x}\n  output: {a: 1}',
      'executor: {profile: local}\n',
    )
    expectProblems(source, [
      'info 4:1 executor | "executor" means nothing here, and is left out',
      'error 14:25 workflow[2].tool[0].kind | "container" is a feature of NoETL that Transient does not have',
      'info 16:3 workflow[2] | "output" of a step means nothing here, and is left out',
    ])
  })

  it.each(['next: [{when: 3, step: b}]', 'next: {arcs: [{when: x}]}', 'nxt: b\n  next: [nowhere]', 'next: [x: y]'])(
    'no step is said to be out of reach after %s',
    (text) =>
      expect(problemsOf(steps(`- step: a\n  ${text}\n- step: b`)).filter((problem) => problem.includes('nothing leads'))).toEqual(
        [],
      ),
  )
})

describe('templates', () => {
  it.each<[string, string, string[]]>([
    ['in vars', inStep('vars: {x: "{{ vars.a + }}"}'), ['error 6:26 workflow[0].vars.x']],
    [
      'in a block of text',
      inStep('tool: postgres\n  query: |\n    SELECT 1;\n    SELECT {{ vars. }}'),
      ['error 9:21 workflow[0].query'],
    ],
    ['in a condition', inStep('next: [{when: "{{ x", step: a}]'), ['error 6:22 workflow[0].next[0].when']],
    ['in the workload', steps('- step: a', 'workload: {x: "{{ ( }}"}\n'), ['error 4:21 workload.x']],
    ['not in code', inStep('tool: python\n  code: "x = {{ y"'), []],
    ['not in a description', inStep('desc: "{{ y"'), []],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})

describe('vars', () => {
  it.each<[string, string, string[]]>([
    [
      'names',
      inStep('vars: {result: 1, 9x: 2, "": 4}'),
      [
        'error 6:10 workflow[0].vars.result | is reserved',
        'error 6:21 workflow[0].vars.9x | is not a name for a variable',
        'error 6:28 workflow[0].vars. | is not a name for a variable',
      ],
    ],
    ['a list', inStep('vars: [x]'), ['error 6:9 workflow[0].vars | not a list']],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})

describe('iterators', () => {
  const iterator = (text: string) => inStep(`type: iterator\n  collection: [1]\n  element: x\n  ${text}`)
  it.each<[string, string, string[]]>([
    [
      'without anything',
      inStep('type: iterator'),
      [
        'error 6:9 workflow[0].type | needs a "task"',
        'error 6:9 workflow[0].type | needs "collection"',
        'error 6:9 workflow[0].type | needs "element"',
      ],
    ],
    [
      'wrong options',
      inStep(
        'loop: {in: abc, iterator: loop, mode: paralel, concurrency: 3, limit: -1, chunk: 0, enumerate: 1}\n  tool: python\n  code: x',
      ),
      [
        'error 6:14 workflow[0].loop.in | must be a list, or a template of one',
        'error 6:29 workflow[0].loop.iterator | "loop" is reserved and cannot be the name of an element',
        'error 6:41 workflow[0].loop.mode | did you mean "parallel"?',
        'error 6:73 workflow[0].loop.limit | at least 0',
        'error 6:84 workflow[0].loop.chunk | at least 1',
        'error 6:98 workflow[0].loop.enumerate | true or false',
      ],
    ],
    [
      'an iterator inside',
      iterator('task: {type: iterator}'),
      ['error 9:16 workflow[0].task.type | cannot be an iterator itself'],
    ],
    [
      'a loop inside',
      iterator('task: {type: python, code: x, loop: {}}'),
      ['error 9:33 workflow[0].task.loop | cannot be an iterator itself'],
    ],
    ['a task without tool', iterator('task: {desc: x}'), ['error 9:9 workflow[0].task | needs a tool']],
    ['a loop without tool', inStep('loop: {in: [1], iterator: x}'), ['error 6:3 workflow[0].loop | needs a tool']],
    [
      'two loops',
      iterator('task: {tool: python, code: x}\n  loop: {in: [1], iterator: x}'),
      ['error 10:3 workflow[0].loop | not both'],
    ],
    [
      'concurrency without async',
      iterator('concurrency: 3\n  task: {tool: python, code: x}'),
      ['warning 9:3 workflow[0].concurrency | async'],
    ],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})

describe('routing', () => {
  it.each<[string, string, string[]]>([
    [
      'an unknown step',
      steps('- step: start\n  next: [{step: strat}, {when: x, then: [{step: edn}]}]'),
      [
        'warning 6:10 workflow[0].next[0] | "strat" always runs',
        'error 6:17 workflow[0].next[0].step | there is no step "strat": did you mean "start"?',
        'error 6:49 workflow[0].next[1].then[0].step | did you mean "end"?',
      ],
    ],
    ['an unknown step as text', inStep('next: bbb'), ['error 6:9 workflow[0].next | there is no step "bbb"']],
    ['a mapping', inStep('next: {step: a}'), ['error 6:9 workflow[0].next | name of a step or a list']],
    [
      'entries',
      inStep('next: [3, {then: [a]}, {when: x}, {step: a, args: 3}, {else: [a], when: x}, {step: a, then: [a]}]'),
      [
        'error 6:10 workflow[0].next[0] | not a number',
        'error 6:13 workflow[0].next[1] | needs "step", "when" or "else"',
        'error 6:27 workflow[0].next[2].when | needs "then" or "step"',
        'warning 6:37 workflow[0].next[3] | "a" always runs',
        'error 6:53 workflow[0].next[3].args | must be a mapping',
        'error 6:69 workflow[0].next[4].when | takes no "when"',
        'error 6:89 workflow[0].next[5].then | not both',
      ],
    ],
    [
      'case',
      inStep('case: [{then: [a]}, {when: x, then: {set: x}}, {when: x, then: [{when: y, step: a}]}]'),
      [
        'error 6:10 workflow[0].case[0] | needs "when" and "then"',
        'error 6:40 workflow[0].case[1].then.set | "set" is a feature of NoETL',
        'error 6:68 workflow[0].case[2].then[0].when | accepted: step, args, data',
      ],
    ],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})

/** Text, and what to write instead as far as it can be told. */
const MIXED: [string, string][] = [
  ['{{ vars.x }} > 10', 'vars.x > 10'],
  ['{{ vars.a }} and {{ vars.b or vars.c }}', 'vars.a and (vars.b or vars.c)'],
  ['not {{ vars.x }}', 'not vars.x'],
  ["'{{ vars.s }}' == 'done'", "vars.s == 'done'"],
  ['{{ vars.a }}{{ vars.b }}', 'vars.x > 10'],
  ['{% if vars.x %}true{% else %}false{% endif %}', 'vars.x > 10'],
  ['{% set y = 1 %}{{ y }}', 'vars.x > 10'],
  ['yes, {# a comment #}', 'vars.x > 10'],
]
const CONDITIONS: [string, (text: string) => string][] = [
  ['workflow[0].next[0].when', (text) => `next: [{when: ${text}, then: [a]}]`],
  ['workflow[0].next[0].when', (text) => `next: [{when: ${text}, step: a}]`],
  ['workflow[0].case[0].when', (text) => `case: [{when: ${text}, then: [a]}]`],
  ['workflow[0].case[0].when', (text) => `case: [{when: ${text}, then: {next: [a]}}]`],
  ['workflow[0].retry.when', (text) => `retry: {max_attempts: 2, when: ${text}}`],
  ['workflow[0].loop.where', (text) => `loop: {in: [1], iterator: e, where: ${text}}\n  tool: {kind: python, code: x}`],
  [
    'workflow[0].where',
    (text) => `type: iterator\n  collection: [1]\n  element: e\n  where: ${text}\n  task: {tool: python, code: x}`,
  ],
  [
    'workflow[0].task.retry.when',
    (text) =>
      `type: iterator\n  collection: [1]\n  element: e\n  task: {tool: python, code: x, retry: {max_attempts: 2, when: ${text}}}`,
  ],
]

describe('conditions', () => {
  const cases = CONDITIONS.flatMap(([path, place]) => MIXED.map(([text, meant]) => [path, text, meant, place] as const))
  it.each(cases)('%s: "%s" is refused: %s', (path, text, meant, place) => {
    const problems = problemsOf(inStep(place(JSON.stringify(text))))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^error /)
    expect(problems[0]).toContain(` ${path} | a condition is one expression, such as "{{ ${meant} }}" or ${meant}: `)
  })

  it.each(['{{ vars.x > 10 }}', ' {{ vars.x }}\n', 'vars.x > 10', '{#- note -#}{{ vars.x }}', "'{{' in vars.x"])(
    '%s is one',
    (text) => {
      for (const [, place] of CONDITIONS) {
        const found = problemsOf(inStep(place(JSON.stringify(text))))
        expect(found.filter((problem) => problem.includes('one expression'))).toEqual([])
      }
    },
  )

  it('is only a warning in one that was registered when it was no error', () => {
    const source = inStep('next: [{when: "{{ vars.x }} > 10", then: [a]}]')
    const { playbook, problems } = parsePlaybook(source, { tools: TOOLS, isRegistered: true })
    expect(playbook?.steps[0]?.next[0]?.when).toBe('{{ vars.x }} > 10')
    expect(problems.map(show)).toEqual([expect.stringMatching(/^warning .*one expression/)])
  })

  it('order_by may be text, and says so', () => {
    const loop = (text: string) => inStep(`loop: {in: [1], iterator: e, order_by: "${text}"}\n  tool: {kind: python, code: x}`)
    expectProblems(loop('{{ e.last }} {{ e.first }}'), ['warning 6:42 workflow[0].loop.order_by | ordered as text'])
    expectProblems(loop('-{{ e.price }}'), [])
  })

  it.each<[string, string, string[]]>([
    [
      'a plain entry beside a condition',
      '[{when: x, then: [a]}, {step: b}, b, {else: [a]}]',
      ['6:32 workflow[0].next[1]', '6:43 workflow[0].next[2]'],
    ],
    ['plain entries alone', '[{step: a}, b]', []],
    ['conditions and their else', '[{when: x, then: [a]}, {when: y, step: b}, {else: [b]}]', []],
  ])('%s', (_name, next, places) => {
    const source = steps(`- step: a\n  next: ${next}\n- step: b`)
    expectProblems(
      source,
      places.map((place) => `warning ${place} | if it is the fallback, write {else: [b]}`),
    )
  })
})

describe('the workbook', () => {
  it.each<[string, string, string[]]>([
    [
      'no list',
      steps('- step: a', 'workbook: {a: 1}\nsensitive: x\n'),
      ['error 4:11 workbook | list of tasks', 'error 5:1 sensitive | list of names'],
    ],
    [
      'tasks',
      steps(
        '- step: a',
        'workbook: [{tool: python, code: x}, {name: a}, {name: a, tool: workbook}, {name: c, tool: http, assert: {expect: []}}]\n',
      ),
      [
        'error 4:12 workbook[0] | needs a "name"',
        'error 4:37 workbook[1] | needs a tool',
        'error 4:55 workbook[2].name | duplicate task "a"',
        'error 4:64 workbook[2].tool | cannot be "workbook"',
        'error 4:91 workbook[3].tool | http needs "endpoint"',
        'error 4:106 workbook[3].assert.expect | did you mean "expects"?',
      ],
    ],
  ])('%s', (_name, source, lines) => expectProblems(source, lines))
})
