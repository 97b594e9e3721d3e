import { describe, expect, it } from 'vitest'
import { fieldsOf, problemOf, refusedFields, workloadOf } from '../../src/console/executions/workload.js'

const SCHEMA = {
  required: ['api_url', 'mode', 'is_dry', 'token'],
  properties: {
    api_url: { type: 'string', description: 'Where from' },
    batch_size: { type: 'integer', default: 100 },
    mode: { $ref: '#/$defs/mode' },
    is_dry: { type: 'boolean' },
    is_loud: { type: 'boolean' },
    token: { type: 'string', writeOnly: true },
    list: { type: 'array' },
    level: { enum: [1, 2, 'high'], default: 2 },
  },
  $defs: { mode: { type: 'string', enum: ['fast', 'safe'] } },
}

describe('the start form', () => {
  it('is made from the schema, over the defaults', () => {
    const fields = fieldsOf({ batch_size: '{{ 5 * 2 }}', other: [1] }, SCHEMA)
    expect(fields.map(({ name, kind, text, isRequired }) => [name, kind, text, isRequired])).toEqual([
      ['api_url', 'text', '', true],
      ['batch_size', 'number', '{{ 5 * 2 }}', false],
      ['mode', 'choice', '', true],
      ['is_dry', 'switch', 'false', true],
      ['is_loud', 'choice', '', false],
      ['token', 'password', '', true],
      ['list', 'json', '', false],
      ['level', 'choice', '2', false],
      ['other', 'json', '[1]', false],
    ])
    expect(fields[0]?.description).toBe('Where from')
    expect(fields[2]?.options).toEqual([
      { value: '"fast"', label: 'fast' },
      { value: '"safe"', label: 'safe' },
    ])
  })

  it('is made from the defaults alone where there is no schema', () => {
    const fields = fieldsOf({ text: 'a', on: true, count: 3, list: [] })
    expect(fields.map(({ kind, text }) => [kind, text])).toEqual([
      ['text', 'a'],
      ['switch', 'true'],
      ['number', '3'],
      ['json', '[]'],
    ])
  })

  it('asks for what is needed, and leaves the rest to the defaults', () => {
    const fields = fieldsOf(null, SCHEMA)
    const problems = (texts: Record<string, string>) =>
      fields.flatMap((field) => (problemOf(field, texts[field.name] ?? field.text) === null ? [] : [field.name]))
    expect(problems({})).toEqual(['api_url', 'mode', 'token'])
    const texts = { api_url: 'https://x', mode: '"fast"', token: 't', list: '[1', batch_size: '10' }
    expect(problems(texts)).toEqual(['list'])
    expect(workloadOf(fields, { ...texts, list: '', level: '"high"' })).toEqual({
      ...{ api_url: 'https://x', mode: 'fast', token: 't', is_dry: false, batch_size: 10, level: 'high' },
    })
  })

  it('shows where a refused workload is wrong', () => {
    const problem = (path: string, message: string) => ({ path, keyword: 'x', message })
    expect(refusedFields([problem('/a/0/b', 'm1'), problem('/a', 'm2'), problem('', 'm3')])).toEqual({
      ...{ a: '0/b: m1; m2', '': 'm3' },
    })
    expect(refusedFields(undefined)).toEqual({})
  })
})
