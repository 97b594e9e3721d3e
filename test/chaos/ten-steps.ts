import { playbook } from '../support/source.js'
import type { EffectSink } from './effects.js'
import { WORKER_POOL } from './fleet.js'
import type { Expected } from './record.js'

const WRITTEN = ['ping', 'write', 'book', 'split', 'left', 'right', 'store', 'task', 'last']
/** The steps with an effect outside. */
const ACTING = ['ping', 'write', 'book', 'left', 'right', 'store', 'task']

/** Ten steps on the server and on workers, with two branches side by side; each reads, changes and writes the same two variables. */
export function tenSteps({ url, file }: Pick<EffectSink, 'url' | 'file'>): string {
  const vars = (name: string) => `vars: {counter: "{{ vars.counter + 1 }}", trail: "{{ vars.trail + ['${name}'] }}"}`
  const post = `{kind: http, method: POST, endpoint: "${url}", payload: {}}`
  const append = `def main(idempotency_key):\\n  import time\\n  with open('${file}', 'a') as f: f.write(f'{idempotency_key} {time.time() * 1000}\\\\n')`
  const insert = `INSERT INTO effect (key) VALUES ({{ execution_id }} || ':store:1:')`
  // The database of the effects may be the one that is restarted.
  const retry = 'retry: {max_attempts: 50, initial_delay: 0.2, backoff_multiplier: 1}'
  const step = (name: string, { tool, pool = 'default', next }: { tool: string; pool?: string; next: string | null }) =>
    `- step: ${name}\n  pool: ${pool}\n  ${retry}\n${tool === '' ? '' : `  tool: ${tool}\n`}  ${vars(name)}${next === null ? '' : `\n  next: ${next}`}`
  const workflow = [
    `- step: start\n  vars: {counter: 0, trail: []}\n  next: ping`,
    step('ping', { tool: post, next: 'write' }),
    step('write', { tool: `{kind: python, code: "${append}"}`, pool: WORKER_POOL, next: 'book' }),
    step('book', { tool: post, pool: WORKER_POOL, next: 'split' }),
    step('split', { tool: '', next: '[{step: left}, {step: right}]' }),
    step('left', { tool: post, pool: WORKER_POOL, next: 'store' }),
    step('right', { tool: post, next: null }),
    step('store', { tool: `{kind: postgres, auth: effects, command: "${insert}"}`, pool: WORKER_POOL, next: 'task' }),
    step('task', { tool: '{kind: workbook, name: post}', next: 'last' }),
    step('last', { tool: '', next: null }),
  ]
  return playbook('ten-steps', workflow.join('\n'), { more: `workbook:\n- name: post\n  tool: ${post}` })
}

/** What an execution of it must leave behind. */
export function tenStepsExpected(id: string): Expected {
  return {
    values: { counter: WRITTEN.length, trail: WRITTEN },
    assignments: 2 * (1 + WRITTEN.length),
    unordered: ['trail'],
    loose: [],
    effects: ACTING.map((step) => `${id}:${step}:1:`),
  }
}
