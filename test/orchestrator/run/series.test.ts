import { expect, test } from 'vitest'
import { describeDatabase } from '../../support/database.js'
import { openEngine } from '../../support/engine.js'
import { playbook } from '../../support/source.js'

/** How many calls before this one left their mark in a module, and whose. */
const MARK = `"import json\\nbefore = list(getattr(json, 'marks', []))\\njson.marks = before + [mark]\\nresult = before"`
const step = (name: string, more: string) =>
  `- step: ${name}\n  tool: {kind: python, args: {mark: "{{ execution_id }} ${name}"}, code: ${MARK}${more}}`
const loop = 'loop: {in: [1, 2, 3, 4], iterator: x}'
const SOURCE = [
  `${step('start', '')}\n  next: [first, fresh]`,
  `${step('first', '')}\n  ${loop}\n  next: second`,
  `${step('second', '')}\n  ${loop}`,
  `${step('fresh', ', fresh: true')}\n  ${loop}`,
].join('\n')

describeDatabase('python steps', (open) => {
  test('share an interpreter among the iterations of one step of one execution alone', async () => {
    const engine = await openEngine(await open())
    const runs = await Promise.all([1, 2, 3].map(() => engine.run(playbook('series', SOURCE))))
    const seen = runs.flatMap(({ execution: { id }, steps }) =>
      steps.flatMap(({ step: name, result }) => {
        const results = (name === 'start' ? [result] : result) as string[][]
        return results.map((marks) => ({ id, name, marks }))
      }),
    )
    expect(seen).toHaveLength(3 * 13)
    for (const { id, name, marks } of seen) expect(marks).toEqual(marks.map(() => `${id} ${name}`))
    const most = (wanted: string) => Math.max(...seen.filter(({ name }) => name === wanted).map(({ marks }) => marks.length))
    expect({ start: most('start'), fresh: most('fresh') }).toEqual({ start: 0, fresh: 0 })
    // A process that is idle for half a second ends, on a busy machine between two iterations, too.
    expect(most('first') + most('second')).toBeGreaterThan(0)
    await engine.close()
  })
})
