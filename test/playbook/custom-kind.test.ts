import { expect, it } from 'vitest'
import { parsePlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'

const parse = (step: object, more: object = {}) => {
  const workflow = [{ step: 'start', ...step }]
  const source = JSON.stringify({ apiVersion: 'noetl.io/v1', kind: 'Playbook', metadata: { name: 'own' }, workflow, ...more })
  const { playbook, problems } = parsePlaybook(source, { tools: TOOLS })
  return { playbook, problems: problems.map(({ severity, message }) => `${severity}: ${message}`) }
}

it('a step with a pool may name any kind, with any parameters', () => {
  const { playbook, problems } = parse({
    pool: 'duck',
    tool: { kind: 'pdf_report', query: 'x', auth: {}, timeout: 3, null: null },
    timeout: 9,
  })
  expect(problems).toEqual([])
  expect(playbook?.steps[0]).toMatchObject({
    pool: 'duck',
    timeout: 9,
    tool: { kind: 'pdf_report', parameters: { query: 'x', auth: {}, timeout: 3, null: null } },
  })
})

it.each([
  ['without a pool', { tool: { kind: 'pdf_report' } }, /^error: unknown tool "pdf_report": .* or name the "pool"/],
  ["in the server's own pool", { pool: 'default', tool: { kind: 'pdf_report' } }, /^error: unknown tool "pdf_report"/],
  ['that the server calls its own tasks', { pool: 'p', tool: { kind: 'join' } }, /^error: unknown tool "join"/],
  ['that is not a name', { pool: 'p', tool: { kind: 'a b' } }, /^error: unknown tool "a b"/],
  [
    'of a known one, misspelt',
    { pool: 'p', tool: { kind: 'https', code: 'x' } },
    /^warning: "https" .* did you mean "http"\? .* pool "p"/,
  ],
  [
    'with parameters beside it',
    { pool: 'p', tool: 'pdf_report', query: 'x' },
    /^error: unknown key "query".* inside: "tool: \{kind: pdf_report, ...}"/,
  ],
])('a kind %s says what is wrong', (_, step, message) => {
  expect(parse(step).problems).toEqual([expect.stringMatching(message)])
})

it('what is known is checked as before, whatever the pool', () => {
  expect(parse({ pool: 'p', tool: { kind: 'http', nonsense: 1 } }).problems).toContainEqual(
    expect.stringMatching(/^error: .*nonsense/),
  )
})
