import { describe, expect, it } from 'vitest'
import { TransientError } from '../../../src/core/errors.js'
import { decide } from '../../../src/orchestrator/decide/decide.js'
import { prepare } from '../../../src/orchestrator/decide/prepare.js'
import type { Decision, Snapshot } from '../../../src/orchestrator/decide/types.js'
import { BROKEN, DONE, LIMITS, NOW, snapshotOf } from './snapshots.js'

const LIST = `- step: a
  tool:
  - {name: one, kind: python, code: x, vars: {n: "{{ result.n }}"}}
  - {name: note, rules: [{do: continue, let: {twice: "{{ one.n * 2 }}"}}]}
  - {name: two, kind: http, url: "http://x/{{ twice }}", timeout: 2, rules: [{when: "{{ this.status == 'error' }}", do: retry, max_attempts: 3, initial_delay: 1, vars: {tries: "{{ this.attempt }}"}}]}
  vars: {seen: "{{ two }}"}
`
const base = { limits: LIMITS, now: NOW }
const typesOf = ({ commands }: Decision) => commands.map(({ type }) => type)
const savedOf = ({ commands }: Decision) => commands.findLast((command) => command.type === 'save_tools')

/** As the run is when `two` has its turn. */
function atTwo(): Snapshot {
  const snapshot = snapshotOf({ steps: LIST, vars: { n: 1 } })
  const saved = savedOf(decide({ ...base, snapshot, outcome: DONE }))
  const run = { ...snapshot.run, tools: saved?.type === 'save_tools' ? saved.tools : null }
  return { ...snapshot, run, task: { ...snapshot.task, attempt: 2 } }
}

describe('a list of tools', () => {
  it('begins with the first, and goes on over what calls nothing to the next that does, in one decision', () => {
    const snapshot = snapshotOf({ steps: LIST })
    const begun = prepare({ ...base, snapshot })
    expect(typesOf(begun)).toEqual(['start_run', 'save_tools'])
    expect(begun.events.map(({ name, data }) => [name, data?.['tool']])).toEqual([
      ['step.started', undefined],
      ['tool.started', 'one'],
    ])
    expect(begun.call).toMatchObject({ kind: 'python', part: 'one:1' })
    const ended = decide({ ...base, snapshot, outcome: DONE, log: 'printed' })
    expect(ended.writes).toMatchObject([{ name: 'n', value: 1 }])
    expect(ended.commands.at(-1)).toMatchObject({ type: 'open_tool', tool: { kind: 'http' } })
    expect(savedOf(ended)).toMatchObject({
      tools: {
        ...{ current: 'two', startedAt: null, firstAttempt: 2, turns: 2, last: 'one', locals: { twice: 2 } },
        done: [
          { name: 'one', result: { n: 1 }, log: 'printed' },
          { name: 'note', result: null, log: null },
        ],
      },
    })
  })

  it('gives each its own timeout, attempts and names; its retries are its own', () => {
    const snapshot = atTwo()
    expect(prepare({ ...base, snapshot }).call).toMatchObject({
      input: { endpoint: 'http://x/2' },
      timeoutMs: 2000,
      part: 'two:3',
    })
    const retried = decide({ ...base, snapshot, outcome: BROKEN })
    expect(typesOf(retried)).toEqual(['save_tools', 'retry'])
    expect(retried.writes).toMatchObject([{ name: 'tries', value: 1 }])
    expect(retried.events).toMatchObject([{ name: 'tool.retried', data: { tool: 'two', do: 'retry', delay_ms: 1000 } }])
    const over = decide({ ...base, snapshot: { ...snapshot, task: { ...snapshot.task, attempt: 4 } }, outcome: BROKEN })
    expect(over.commands[0]).toMatchObject({
      type: 'finish_run',
      status: 'failed',
      error: { message: 'tool "two": no' },
      result: null,
    })
    expect(over.events.map(({ name }) => name)).toEqual(['tool.failed', 'step.failed'])
  })

  it('fails as a whole when what a tool sets is refused, or its worker was lost too often: nothing of it is written', () => {
    const error = new TransientError('TOO_LARGE', 'too many variables')
    for (const dropped of ['block', 'all'] as const) {
      const refused = decide({ ...base, snapshot: snapshotOf({ steps: LIST }), outcome: DONE, rejection: { error, dropped } })
      expect(refused.writes).toEqual([])
      expect(refused.commands).toMatchObject([
        { type: 'finish_run', status: 'failed', error: { code: 'TOO_LARGE', message: 'tool "one": too many variables' } },
        { type: 'end_execution', status: 'failed' },
      ])
    }
    const snapshot = atTwo()
    const lost = prepare({ ...base, snapshot: { ...snapshot, task: { ...snapshot.task, deliveries: 4 } } })
    expect(lost.commands[0]).toMatchObject({
      type: 'finish_run',
      error: { message: expect.stringMatching(/^tool "two": .*lost 3 times/) },
    })
  })

  it('ends with the last result, all results by name, and what its names were is gone', () => {
    const ended = decide({ ...base, snapshot: atTwo(), outcome: { ...DONE, extras: { status_code: 200 } } })
    expect(ended.writes).toMatchObject([{ name: 'seen', value: { n: 1 } }])
    expect(ended.commands[0]).toMatchObject({
      ...{ type: 'finish_run', status: 'succeeded', result: { n: 1 } },
      envelope: { status_code: 200, results: { one: { n: 1 }, note: null, two: { n: 1 } } },
      tools: { current: null, locals: {}, done: [{ result: null }, { result: null }, { result: null }] },
    })
  })
})
