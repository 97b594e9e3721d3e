// cspell:ignore procesed
import { describe, expect, it } from 'vitest'
import { checkPlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { HEAD, show } from './support.js'

/** A playbook whose block of computed variables begins on line 4. */
const withComputed = (block: string, rest = 'workflow: [{step: start}]') => `${HEAD}computed:\n${block}\n${rest}\n`

async function problemsOf(block: string, rest?: string): Promise<string[]> {
  return (await checkPlaybook(withComputed(block, rest), { tools: TOOLS })).problems.map(show)
}

describe('computed', () => {
  it('is read in an order in which each stands after what it depends on', async () => {
    const block = [
      '  progress: "{{ vars.done / workload.total if workload.total else 0 }}"',
      '  done: "{{ vars.processed + vars.failed }}"',
      '  label: "run {{ execution_id }}: {{ vars.progress }} of {{ job.path }}"',
      '  limit: "{{ workload[\'total\'] * 2 }}"',
    ].join('\n')
    const { playbook, problems } = await checkPlaybook(withComputed(block), { tools: TOOLS })
    expect(problems).toEqual([])
    expect(playbook?.computed).toMatchObject([
      { name: 'done', dependsOn: ['processed', 'failed'], line: 6, column: 9, expression: '{{ vars.processed + vars.failed }}' },
      { name: 'progress', dependsOn: ['done'], workloadKeys: ['total'], line: 5 },
      { name: 'label', dependsOn: ['progress'], line: 7 },
      { name: 'limit', dependsOn: [], workloadKeys: ['total'], line: 8 },
    ])
  })

  const FAULTS: readonly (readonly [string, string, string])[] = [
    [
      'a cycle',
      '  done: "{{ vars.progress }}"\n  progress: "{{ vars.done }}"',
      'error 5:3 computed.done | computed variables cannot depend on each other in a circle: done -> progress -> done',
    ],
    [
      'one that reads itself',
      '  done: "{{ vars.done + 1 }}"',
      'error 5:3 computed.done | computed variables cannot depend on each other in a circle: done -> done',
    ],
    [
      'a bare name',
      '  done: "{{ processed + 1 }}"',
      'error 5:9 computed.done | computed.done: it cannot read "processed": only vars.<name>, workload, execution_id and job (for a variable write vars.processed)',
    ],
    [
      'the result of a step',
      '  done: "{{ results.start }}"',
      'error 5:9 computed.done | computed.done: it cannot read "results"',
    ],
    ['the time', '  age: "{{ now() }}"', 'error 5:8 computed.age | computed.age: it cannot read now()'],
    ['chance', '  die: "{{ [1, 2, 3] | random }}"', 'error 5:8 computed.die | computed.die: it cannot use the filter random'],
    [
      'all variables',
      '  all: "{{ vars | length }}"',
      'error 5:8 computed.all | computed.all: it must name each variable that it reads',
    ],
    [
      'a variable whose name is computed',
      '  one: "{{ vars[workload.name] }}"',
      'error 5:8 computed.one | computed.one: it must name each variable that it reads',
    ],
    ['a constant', '  done: 1', 'error 5:9 computed.done | computed.done must be an expression over other variables'],
    ['a list', '  - done', 'error 5:3 computed | computed must be a mapping of names to expressions, not a list'],
    ['a name that no variable has', '  1st: "{{ vars.a }}"', 'error 5:3 computed.1st | "1st" is not a name for a variable'],
    ['a template that does not compile', '  done: "{{ vars.a + }}"', 'error 5:22 computed.done | '],
    [
      'too many',
      Array.from({ length: 201 }, (_, n) => `  v${n}: "{{ vars.a }}"`).join('\n'),
      'error 5:3 computed | computed has 201 variables, the limit is 200',
    ],
  ]
  it.each(FAULTS)('%s is refused where it stands', async (_, block, expected) => {
    const [first = '', ...others] = await problemsOf(block)
    expect(first.slice(0, expected.length)).toBe(expected)
    expect(others).toEqual([])
  })

  it('cannot be set by a step, or be what an iterator keeps', async () => {
    const workflow =
      'workflow:\n- step: start\n  vars: {done: 1}\n- step: each\n  tool: iterator\n  collection: [1]\n  element: n\n  task: {tool: {kind: python, code: "result = 1"}}'
    const found = await problemsOf('  done: "{{ vars.a }}"\n  each_total: "{{ vars.a }}"', workflow)
    expect(found.filter((one) => one.startsWith('error'))).toEqual([
      'error 6:3 computed.each_total | the variable "each_total" is an iterator\'s own, and cannot be computed',
      'error 9:10 workflow[0].vars.done | the variable "done" is computed: a step cannot set it',
    ])
  })

  it('is declared where the schema is closed, and reads only what is declared', async () => {
    const schema = 'schema: {closed: true, vars: {processed: {type: integer}}}'
    const rest = `${schema}\nworkflow:\n- step: start\n  next: [{when: "{{ vars.done }}", then: [end]}]`
    expect(await problemsOf('  done: "{{ vars.processed }}"', rest)).toEqual([])
    expect((await problemsOf('  done: "{{ vars.procesed }}"', rest)).join()).toContain(
      'error 5:9 computed.done | the variable "procesed" is not declared',
    )
  })
})
