import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeDatabase } from '../../support/database.js'
import { type Engine, openEngine } from '../../support/engine.js'

const LONG = '{% for i in range(3000) %}{% set x = i %}{% endfor %}done'

function playbook(name: string, { workload = '{}', step }: { workload?: string; step: string }): string {
  return `apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: ${name}, path: test/${name}}\nworkload: ${workload}\nworkflow:\n${step}`
}

describeDatabase('a machine that hangs while a template is evaluated', (open) => {
  let engine: Engine
  /** How many further evaluations the machine hangs in: two looks at the clock each, seconds apart. */
  let hangs = 0
  let looks = 0
  const elapsedMs = (): number => {
    if (hangs === 0) return looks * 2000
    looks += 1
    if (looks % 2 === 0) hangs -= 1
    return looks * 2000
  }
  beforeAll(async () => {
    engine = await openEngine(await open(), { elapsedMs })
  })
  beforeEach(() => {
    looks = 0
  })
  afterAll(() => engine.close())

  const places: Record<string, string> = {
    vars: `- step: start\n  vars: {before: 1, text: "${LONG}"}\n  next: [{step: second}]\n- step: second\n  vars: {last: 1}`,
    input: `- step: start\n  tool: {kind: python, code: "def main(text): return text", args: {text: "${LONG}"}}\n  vars: {text: "{{ result }}"}`,
    condition: `- step: start\n  next: [{step: second, when: "{{ (range(3000) | map('string') | join | length) > 5 }}"}]\n- step: second\n  vars: {text: done}`,
  }

  test.each(Object.entries(places))(
    '%s: the transaction is rolled back and done again, and nobody sees it',
    async (name, step) => {
      hangs = 1
      const { execution, vars, steps } = await engine.run(playbook(`hang_once_${name}`, { step }))
      expect(hangs).toBe(0)
      expect(execution.error).toBeNull()
      expect(execution.status).toBe('completed')
      expect(vars['text']).toBe('done')
      expect(steps.map(({ attempts }) => attempts)).toEqual(steps.map(() => 1))
    },
  )

  test.each(Object.entries(places))('%s: the step fails with TEMPLATE_FORBIDDEN when it happens again', async (name, step) => {
    hangs = 100
    const { execution, vars } = await engine.run(playbook(`hang_twice_${name}`, { step }))
    expect(execution.status).toBe('failed')
    expect(execution.error).toMatchObject({ code: 'TEMPLATE_FORBIDDEN', step: 'start', attempt: 1 })
    expect(execution.error?.message).toContain('more than 1000 ms')
    expect(vars['text'] ?? null).toBeNull()
  })

  test('the workload: once is nothing, twice is a failed start', async () => {
    const source = (name: string) => playbook(name, { workload: `{text: "${LONG}"}`, step: '- step: start' })
    hangs = 1
    expect((await engine.run(source('hang_once_workload'))).execution.status).toBe('completed')
    hangs = 100
    const { execution } = await engine.run(source('hang_twice_workload'))
    expect(execution).toMatchObject({ status: 'failed', error: { code: 'TEMPLATE_FORBIDDEN', step: null } })
    hangs = 0
  })
})
