import { expect, it } from 'vitest'
import { CHECKERS, checkAll, PLANTED } from './checkers.js'
import type { ClientLine, Evidence, LoggedChange } from './record.js'

const changesAt = (revision: number): LoggedChange[] => [
  ['a', 'SET', revision],
  ['b', 'SET', revision],
]

function message(kind: 'SUBSCRIBED' | 'CHANGED' | 'BOOKMARK', revision: number): ClientLine {
  return { event: 'message', at: revision, kind, revision, changes: kind === 'CHANGED' ? changesAt(revision) : [] }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

const SOUND: Evidence = {
  clients: [
    {
      client: 'one',
      executionId: '7',
      lines: [
        { event: 'connect', at: 0, instance: 'a', after: 0 },
        message('SUBSCRIBED', 0),
        ...range(1, 10).map((revision) => message('CHANGED', revision)),
        { event: 'disconnect', at: 10, code: 1006 },
        { event: 'connect', at: 10, instance: 'b', after: 10 },
        message('SUBSCRIBED', 10),
        message('BOOKMARK', 10),
        ...range(11, 20).map((revision) => message('CHANGED', revision)),
      ],
    },
  ],
  writes: range(1, 20).map((revision) => ({
    event: 'acknowledged',
    at: revision,
    executionId: '7',
    revision,
    changes: changesAt(revision),
  })),
}

it('a sound log passes', () => {
  expect(checkAll(SOUND)).toEqual([])
})

it.each(Object.keys(CHECKERS) as (keyof typeof CHECKERS)[])('the checker for "%s" sees the fault planted for it', (name) => {
  expect(CHECKERS[name](PLANTED[name](SOUND))).not.toEqual([])
})

it('a client that never got anything, or was left alone for long, does not pass', () => {
  const silent = { client: 'one', executionId: '7', lines: SOUND.clients[0]?.lines.slice(0, 1) ?? [] }
  expect(CHECKERS.reliable({ ...SOUND, clients: [silent] })).not.toEqual([])
  const late: ClientLine[] = [...(SOUND.clients[0]?.lines ?? []), { ...message('BOOKMARK', 20), at: 7_000 }]
  expect(CHECKERS.bookmarkable({ ...SOUND, clients: [{ client: 'one', executionId: '7', lines: late }] })).not.toEqual([])
})
