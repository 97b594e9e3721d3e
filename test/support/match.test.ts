import { describe, expect, it } from 'vitest'
import { startHttpStub } from './http-stub.js'
import { matchFault } from './match.js'

/** The checks of the black-box suites must be able to fail. */
describe('matchFault', () => {
  it.each([
    [3, 3],
    ['3', '3'],
    [null, null],
    [
      [1, { a: 2 }],
      [1, { a: 2 }],
    ],
    [{ match: { type: 'iso8601' } }, '2026-01-02T03:04:05.678Z'],
    [{ match: { type: 'integer', gte: 0, lte: 1 } }, 1],
    [{ match: { any_of: [{ id: 4 }, { id: 5 }] } }, { id: 5 }],
    [{ match: { not_null: true } }, ''],
    [{ match: { instant: '2026-01-02T03:04:05Z' } }, '2026-01-02T04:04:05+01:00'],
    [{ a: { match: { type: 'number' } } }, { a: 1.5 }],
  ])('%j accepts %j', (expected, actual) => {
    expect(matchFault(expected, actual)).toBeNull()
  })

  it.each([
    [3, '3'],
    [0, null],
    [null, undefined],
    [[1, 2], [1]],
    [[], {}],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1, b: 2 }, { a: 1 }],
    [{ match: { type: 'iso8601' } }, 'yesterday'],
    [{ match: { type: 'integer' } }, 1.5],
    [{ match: { type: 'number' } }, '1'],
    [{ match: { type: 'object' } }, []],
    [{ match: { type: 'colour' } }, 1],
    [{ match: { gte: 0 } }, -1],
    [{ match: { lte: 1 } }, 'x'],
    [{ match: { any_of: [1, 2] } }, 3],
    [{ match: { not_null: true } }, null],
    [{ match: { instant: '2026-01-02T03:04:05Z' } }, '2026-01-02T03:04:05+01:00'],
  ])('%j refuses %j', (expected, actual) => {
    expect(matchFault(expected, actual)).not.toBeNull()
  })
})

describe('startHttpStub', () => {
  it('answers its script in order and reports every departure', async () => {
    const stub = await startHttpStub([
      {
        method: 'GET',
        path: '/a',
        responses: [
          { status: 200, body: { self: '{stub}/a' }, expect: { query: { page: '1' }, headers: { 'X-Key': 'k' } } },
          { status: 500 },
        ],
      },
      { method: 'ANY', path: '/b', responses: [{ status: 201, expect: { body: { n: { match: { type: 'number' } } } } }] },
    ])
    try {
      const first = await fetch(`${stub.url}/a?page=1&more=2`, { headers: { 'x-key': 'k' } })
      expect(await first.json()).toEqual({ self: `${stub.url}/a` })
      expect(stub.faults()).toEqual(['GET /a: 1 scripted calls never came', 'ANY /b: 1 scripted calls never came'])
      expect((await fetch(`${stub.url}/a`)).status).toBe(500)
      expect((await fetch(`${stub.url}/b`, { method: 'PUT', body: '{"n": 1}' })).status).toBe(201)
      expect(stub.faults()).toEqual([])
      await fetch(`${stub.url}/a`)
      await fetch(`${stub.url}/c`)
      expect(stub.faults()).toEqual(['GET /a: call 3 is beyond the script', 'GET /c: call 1 is beyond the script'])
    } finally {
      await stub.close()
    }
  })

  it('compares what it was asked', async () => {
    const stub = await startHttpStub([
      { method: 'POST', path: '/a', responses: [{ status: 200, expect: { query: { q: '1' }, body: { n: 1 } } }] },
    ])
    try {
      await fetch(`${stub.url}/a?q=2`, { method: 'POST', body: '{"n": "1"}' })
      expect(stub.faults()).toHaveLength(2)
    } finally {
      await stub.close()
    }
  })
})
