import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ExitError, exitCode, UsageError } from '../../src/cli/exit.js'
import { formatOne, formatRows, shortJson } from '../../src/cli/output.js'
import { parseCount, parseObject, parseValue, parseWord } from '../../src/cli/value.js'
import { TransientError } from '../../src/core/errors.js'
import { LosslessNumber } from '../../src/core/json.js'
import { UnreachableError } from '../../src/sdk/http.js'

describe('option values', () => {
  it('reads JSON with every digit, and files', () => {
    expect(parseValue('{"a":507861119290048685}', '--value')).toEqual({ a: new LosslessNumber('507861119290048685') })
    const folder = mkdtempSync(join(tmpdir(), 'transient-cli-'))
    try {
      writeFileSync(join(folder, 'value.json'), '[1, 2]')
      expect(parseValue(`@${join(folder, 'value.json')}`, '--value')).toEqual([1, 2])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('says how to write a text', () => {
    expect(() => parseValue('hello', '--value')).toThrow(/quotes/)
    expect(() => parseValue('@/no/such/file', '--value')).toThrow(UsageError)
    expect(() => parseObject('[1]', '--workload')).toThrow(UsageError)
    expect(() => parseCount('-1', '--first')).toThrow(UsageError)
    expect(() => parseWord('wrong', ['table', 'json'], '-o')).toThrow(/table, json/)
  })
})

describe('output', () => {
  const rows = [
    { name: 'a', value: new LosslessNumber('507861119290048685'), gone: null },
    { name: 'b', value: 'text', gone: null },
  ]

  it('prints tables, JSON and JSON lines', () => {
    expect(formatRows(rows, ['name', 'value'], 'table').split('\n')).toEqual([
      'name  value',
      'a     507861119290048685',
      'b     "text"',
    ])
    expect(formatRows(rows, [], 'jsonl').split('\n')[0]).toBe('{"name":"a","value":507861119290048685,"gone":null}')
    expect(formatRows(rows, [], 'json')).toContain('    "value": 507861119290048685,\n')
    expect(formatRows([], [], 'json')).toBe('[]')
    expect(formatOne({ id: '1', error: null }, 'table')).toBe('id     1\nerror')
  })

  it('cuts what is too long for a line', () => {
    expect(shortJson('x'.repeat(100))).toHaveLength(60)
  })
})

describe('exit codes', () => {
  it.each([
    [new UsageError(''), 2],
    [new TransientError('VALIDATION', ''), 2],
    [new TransientError('NOT_FOUND', ''), 3],
    [new TransientError('CONFLICT', ''), 4],
    [new TransientError('EXECUTION_FINISHED', ''), 4],
    [new ExitError(5), 5],
    [new UnreachableError('http://x', null), 6],
    [new TransientError('PLAYBOOK_INVALID', ''), 1],
    [new Error('x'), 1],
  ])('%s ends with %i', (error, code) => {
    expect(exitCode(error)).toBe(code)
  })
})
