import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringifyJson } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import type { VariableWrite } from '../../src/variables/record.js'
import { describeEachDatabase } from '../support/database.js'
import { dumpOf } from '../support/dump.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { playbook } from '../support/source.js'
import { set, write } from '../variables/support.js'

/** Its core stands in no playbook, so that wherever it is found it leaked. */
const CORE = 'q7f3zk91xw'
const CANARY = `Kan "é"/${CORE}+&`
const PLAYBOOKS = 20
const DERIVATIONS = 10

/** Ways in which a text may hold it: as it is, in other letters, backwards, and in the codings that filters and drivers use. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const inner = (shift: number) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4)
  return [text, [...text].reverse().join(''), bytes.toString('hex'), ...[0, 1, 2].map(inner)].map((form) => form.toLowerCase())
}

function leaksIn(text: string): string[] {
  const lower = text.toLowerCase()
  return [...formsOf(CORE), ...formsOf(CORE.toUpperCase())].filter((form) => lower.includes(form))
}

/** What a step may do with something sensitive, given where it reads it. The result is `vars.d<n>`. */
const DERIVATIONS_OF: readonly ((from: string, n: number) => string)[] = [
  (from, n) => `vars: {d${n}: "{{ ${from} | upper }}"}`,
  (from, n) => `vars: {d${n}: "{{ [${from}, 1] | tojson }}"}`,
  (from, n) => `vars: {d${n}: "{{ ${from} ~ '' | urlencode }}"}`,
  (from, n) => `vars: {d${n}: {deep: ["{{ ${from} }}"]}}`,
  (from, n) => `vars: {d${n}: "{{ ${from} == 'x' }}"}`,
  (from, n) => `vars: {d${n}: "{% for c in [${from}] %}{{ c }}{% endfor %}"}`,
  (from, n) => `vars: {d${n}: "{{ vars | tojson ~ (${from} | string) }}"}`,
  (from, n) => `vars: {d${n}: "{{ nothing | default(${from}) }}"}`,
  (from, n) =>
    `{tool: python, args: {x: "{{ ${from} }}"}, code: "def main(x):\\n  print(x)\\n  return [x, str(x)[::-1]]", vars: {d${n}: "{{ result }}"}}`,
  (from, n) =>
    `{tool: python, args: {x: "{{ ${from} }}"}, code: "import base64\\ndef main(x):\\n  return {'b': base64.b64encode(str(x).encode()).decode(), 'h': str(x).encode().hex()}", vars: {d${n}: "{{ this.data }}"}}`,
  (from, n) =>
    `{tool: python, args: {x: "{{ ${from} }}"}, retry: {max_attempts: 2, initial_delay: 0.01}, code: "def main(x):\\n  raise ValueError(x)", vars: {d${n}: "{{ this.error }}"}, next: [{when: "{{ this.status == 'error' }}", then: [NEXT]}]}`,
  (from, n) =>
    `{tool: http, url: "http://127.0.0.1:9/{{ ${from} | urlencode }}", vars: {d${n}: "{{ this.error.message }}"}, next: [{when: "{{ error }}", then: [NEXT]}]}`,
  (from, n) =>
    `{tool: iterator, collection: "{{ [${from}, ${from}] }}", element: e, task: {tool: python, args: {e: "{{ e }}"}, code: "def main(e): return e", vars: {i${n}: "{{ result }}"}}, vars: {d${n}: "{{ result }}"}}`,
  (from, n) => `{tool: playbook, path: test/canary_child, args: {x: "{{ ${from} }}", y: 1}, vars: {d${n}: "{{ result }}"}}`,
]

/** A playbook of random derivations, each from the workload or from one before it; the last step fails with what it reads. */
const workflows = fc.array(fc.record({ kind: fc.nat(DERIVATIONS_OF.length - 1), from: fc.nat(100), isBare: fc.boolean() }), {
  minLength: DERIVATIONS,
  maxLength: DERIVATIONS,
})

function workflowOf(derivations: readonly { kind: number; from: number; isBare: boolean }[]): string {
  const steps = derivations.map(({ kind, from, isBare }, n) => {
    const earlier = from % (n + 1)
    const source = earlier === n ? 'workload.key' : isBare ? `d${earlier}` : `vars.d${earlier}`
    const body = DERIVATIONS_OF[kind]?.(source, n) ?? ''
    const step = body.startsWith('{') ? body.slice(1, -1) : body
    const next = `s${n + 1}`
    const routed = step.includes('NEXT') ? step.replaceAll('NEXT', `{step: ${next}, args: {given: "{{ ${source} }}"}}`) : null
    return `- {step: s${n}, ${routed ?? `${step}, next: [{when: "{{ ${source} or true }}", then: [{step: ${next}}]}]`}}`
  })
  return `\n${steps.join('\n')}\n- {step: s${derivations.length}, vars: {bad: "{{ vars.d0[workload.key] }}"}}`
}

describeEachDatabase(`a canary through ${PLAYBOOKS * DERIVATIONS} random derivations`, (open) => {
  let db: Database
  let engine: Engine
  beforeAll(async () => {
    db = await open()
    engine = await openEngine(db, { keyRing: keyRingOf('one') })
    const child =
      '\n- {step: start, vars: {c: "{{ workload.x }}"}, next: [{step: end}]}\n- {step: end, tool: python, args: {x: "{{ vars.c }}"}, code: "def main(x): return {\'got\': x}"}'
    await engine.run(playbook('canary_child', child), { x: 1 })
  })
  afterAll(() => engine.close())

  /** All that readers get of an execution. */
  async function answersAbout(id: string): Promise<string> {
    const executions = createExecutionsService({ db, bus: engine.bus, variableFilter: variableFilterSql })
    const { variables } = engine
    const first = { first: 250 }
    const steps = await executions.steps(id, first)
    const iterations = await Promise.all(steps.items.map(({ run }) => executions.iterations(id, run, first)))
    const parts = [
      await executions.get(id),
      steps.items,
      iterations.map(({ items }) => items),
      (await executions.events(id, null, first)).items,
      (await variables.all(id)).variables,
      (await variables.history({ executionId: id, ...first })).items,
      await variables.poll({ executionId: id, afterRevision: 0, waitMs: 0, signal: new AbortController().signal }),
    ]
    return parts.map((part) => JSON.stringify(part, (_, value) => (typeof value === 'bigint' ? String(value) : value))).join('\n')
  }

  test('is found in no row and in no answer', async () => {
    const samples = fc.sample(workflows, PLAYBOOKS)
    let masked = 0
    for (const [index, derivations] of samples.entries()) {
      const source = playbook(`canary${index}`, workflowOf(derivations), { more: 'sensitive: [workload.key]' })
      const { execution } = await engine.run(source, { key: CANARY })
      const vars = await engine.variables.values(execution.id)
      // Where rendering itself failed, the variable holds the wordless error instead, which is no secret.
      masked += derivations.filter((_, n) => vars[`d${n}`] === '********').length
      const again = await engine.orchestrator.rerun({ id: execution.id, fromStep: 's0', actor: 'api:test' })
      await engine.ended(again.id)
      const answers = (await answersAbout(execution.id)) + (await answersAbout(again.id))
      expect(leaksIn(answers), stringifyJson({ index, source })).toEqual([])
    }
    const free = await engine.start(playbook('canary_api', '\n- {step: start, pool: nobody, tool: python, code: "x"}'))
    await write(engine.variables, free.id, set('late', { a: [CANARY] }))
    await write(engine.variables, free.id, { ...set('late', CANARY), isSensitive: true } as VariableWrite)
    expect(masked).toBeGreaterThan((PLAYBOOKS * DERIVATIONS) / 2)
    const dump = await dumpOf(db)
    expect(leaksIn(dump)).toEqual([])
    expect((await engine.variables.reveal(free.id, 'late'))?.value).toBe(CANARY)
  }, 240_000)
})
