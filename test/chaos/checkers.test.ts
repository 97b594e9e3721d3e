import { describe, expect, it } from 'vitest'
import { CHECKERS, checkAll } from './checkers.js'
import type { Evidence, ExecutionLog, Expected, LoggedChange } from './record.js'

type Checked = Evidence['executions'][number]

const change = (revision: number): LoggedChange => ({ revision, name: 'counter', value: revision - 1, version: revision })
const run = (step: string): ExecutionLog['runs'][number] => ({ step, visit: 1, iteration: null, status: 'succeeded' })
const EXPECTED: Expected = { values: { counter: 2 }, assignments: 3, unordered: [], loose: [], effects: ['7:one:1:', '7:two:1:'] }
const EXECUTION: Checked = {
  ...{ id: '7', status: 'completed', error: null, revision: 3, openTasks: 0 },
  variables: [{ name: 'counter', value: 2, version: 3 }],
  changes: [change(1), change(2), change(3)],
  runs: [run('start'), run('one'), run('two')],
  expected: EXPECTED,
}
/** A worker was killed after its effect and before its report: the effect is repeated, and nothing else. */
const SOUND: Evidence = {
  faults: [{ at: 5_000, victim: 'worker 0', signal: 'SIGKILL' }],
  effects: [
    { key: '7:one:1:', at: 4_990 },
    { key: '7:one:1:', at: 6_100 },
    { key: '7:two:1:', at: 6_200 },
  ],
  executions: [EXECUTION],
}

const execution = (more: Partial<Checked>): Evidence => ({ ...SOUND, executions: [{ ...EXECUTION, ...more }] })

/** Each promise, broken in one way after another. */
const PLANTED: Readonly<Record<keyof typeof CHECKERS, readonly Evidence[]>> = {
  complete: [execution({ status: 'failed' }), execution({ status: 'running' }), execution({ openTasks: 1 })],
  exact: [execution({ variables: [{ name: 'counter', value: 3, version: 3 }] }), execution({ variables: [] })],
  logged: [
    execution({ changes: [change(1), change(2)] }),
    execution({ changes: [change(1), change(1), change(3)] }),
    execution({ changes: [change(1), change(2), change(3), change(4)] }),
    execution({ changes: [change(1), change(2), { ...change(3), value: 7 }] }),
  ],
  gapless: [execution({ revision: 4 }), execution({ changes: [change(1), change(3)] })],
  once: [
    execution({ runs: [run('start'), run('one'), run('one')] }),
    execution({ runs: [run('start'), { ...run('one'), status: 'running' }] }),
  ],
  effects: [
    { ...SOUND, faults: [] },
    { ...SOUND, faults: [{ at: 60_000, victim: 'worker 0', signal: 'SIGKILL' }] },
    { ...SOUND, effects: SOUND.effects.slice(0, 2) },
    { ...SOUND, effects: [...SOUND.effects, { key: '7:two:1:', at: 6_300 }] },
    { ...SOUND, effects: [...SOUND.effects, { key: '7:one:1:', at: 6_300 }] },
  ],
}

describe('the checkers of the chaos tests', () => {
  it('find nothing wrong with a run through a kill that lost nothing', () => {
    expect(checkAll(SOUND)).toEqual([])
  })

  it.each(Object.keys(CHECKERS) as (keyof typeof CHECKERS)[])('"%s" sees each fault that is planted for it', (name) => {
    for (const evidence of PLANTED[name]) expect(CHECKERS[name](evidence)).not.toEqual([])
  })

  it('see variables that were committed apart from the step: it ran again, and they were written twice', () => {
    const values = [0, 1, 2, 3].map((value, index) => ({ revision: index + 1, name: 'counter', value, version: index + 1 }))
    const twice = execution({ revision: 4, changes: values, variables: [{ name: 'counter', value: 3, version: 4 }] })
    expect(checkAll(twice).map((fault) => fault.split(':')[0])).toEqual(['exact', 'logged'])
  })

  it('see a completion without a fence: the step after it is there twice', () => {
    const runs = [run('start'), run('one'), run('two'), { ...run('two'), visit: 1 }]
    expect(checkAll(execution({ runs })).map((fault) => fault.split(':')[0])).toEqual(['once'])
  })

  it('let branches that run side by side come in any order, and loose variables hold anything', () => {
    const trail = (value: unknown) => ({ name: 'trail', value, version: 1 })
    const logged = (value: unknown) => ({ revision: 1, name: 'trail', value, version: 1 })
    const expected = { values: { trail: ['a', 'b'] }, assignments: 1, loose: [], effects: [] }
    const evidence = (unordered: string[]) =>
      execution({
        revision: 1,
        variables: [trail(['b', 'a'])],
        changes: [logged(['b', 'a'])],
        expected: { ...expected, unordered },
      })
    expect(CHECKERS.exact(evidence(['trail']))).toEqual([])
    expect(CHECKERS.exact(evidence([]))).not.toEqual([])
    const loose = { ...expected, assignments: 0, unordered: [], loose: ['trail'] }
    expect(checkAll(execution({ revision: 1, variables: [trail(1)], changes: [logged(1)], expected: loose }))).toEqual([])
  })
})
