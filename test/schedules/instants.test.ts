import { describe, expect, it } from 'vitest'
import { instantsAfter, readCron } from '../../src/schedules/instants.js'

function next(cron: string, timeZone: string, after: string, count: number): string[] {
  const found: string[] = []
  for (const at of instantsAfter({ cron, timeZone }, new Date(after))) {
    found.push(at.toISOString().replace(':00.000Z', 'Z'))
    if (found.length === count) break
  }
  return found
}

describe('the instants of a schedule', () => {
  it.each([
    ['every hour', '@hourly', 'UTC', '2026-12-01T14:05:00Z', ['2026-12-01T15:00Z', '2026-12-01T16:00Z']],
    ['after an instant itself', '0 * * * *', 'UTC', '2026-12-01T15:00:00Z', ['2026-12-01T16:00Z']],
    ['on working days', '30 8 * * 1-5', 'Europe/Berlin', '2026-12-04T10:00:00Z', ['2026-12-07T07:30Z', '2026-12-08T07:30Z']],
    ['29 February', '0 0 29 2 *', 'UTC', '2026-12-01T00:00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
    ['half an hour off', '0 9 * * *', 'Asia/Kolkata', '2026-12-01T00:00:00Z', ['2026-12-01T03:30Z']],
    // Berlin, 28 March 2027: 02:00 becomes 03:00.
    [
      'a time that is skipped',
      '30 2 * * *',
      'Europe/Berlin',
      '2027-03-27T00:00:00Z',
      ['2027-03-27T01:30Z', '2027-03-28T01:00Z', '2027-03-29T00:30Z'],
    ],
    [
      'several that are skipped, once',
      '*/15 2 * * *',
      'Europe/Berlin',
      '2027-03-28T00:00:00Z',
      ['2027-03-28T01:00Z', '2027-03-29T00:00Z'],
    ],
    [
      'one that is skipped beside one that is not, once',
      '0,30 2,3 * * *',
      'Europe/Berlin',
      '2027-03-28T00:00:00Z',
      ['2027-03-28T01:00Z', '2027-03-28T01:30Z'],
    ],
    // Berlin, 31 October 2027: 03:00 becomes 02:00.
    [
      'a time that comes twice',
      '30 2 * * *',
      'Europe/Berlin',
      '2027-10-30T12:00:00Z',
      ['2027-10-31T00:30Z', '2027-11-01T01:30Z'],
    ],
    [
      'several that come twice',
      '*/30 * * * *',
      'Europe/Berlin',
      '2027-10-30T23:45:00Z',
      ['2027-10-31T00:00Z', '2027-10-31T00:30Z', '2027-10-31T02:00Z'],
    ],
    ['from within the hour that comes again', '*/30 * * * *', 'Europe/Berlin', '2027-10-31T01:10:00Z', ['2027-10-31T02:00Z']],
    // New York, 14 March 2027: 02:00 becomes 03:00; 7 November: 02:00 becomes 01:00.
    [
      'a time that New York skips',
      '30 2 * * *',
      'America/New_York',
      '2027-03-14T00:00:00Z',
      ['2027-03-14T07:00Z', '2027-03-15T06:30Z'],
    ],
    [
      'a time that comes twice in New York',
      '30 1 * * *',
      'America/New_York',
      '2027-11-07T00:00:00Z',
      ['2027-11-07T05:30Z', '2027-11-08T06:30Z'],
    ],
    // Half an hour is skipped.
    [
      'a time that Lord Howe Island skips',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2027-10-02T00:00:00Z',
      ['2027-10-02T15:30Z', '2027-10-03T15:15Z'],
    ],
  ])('%s', (_what, cron, timeZone, after, expected) => {
    expect(next(cron, timeZone, after, expected.length)).toEqual(expected)
  })

  it('finds every instant of two years that one at a time finds, in zones that change their clocks', () => {
    for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Tokyo']) {
      const all = next('17 */5 * * *', timeZone, '2026-12-01T00:00:00Z', 3600)
      const first = (after: string) => next('17 */5 * * *', timeZone, after, 1)[0]
      expect(all.slice(0, -1).map(first), timeZone).toEqual(all.slice(1))
    }
  })

  it('keeps its grid from the first instant', () => {
    const rhythm = { everySeconds: 90, firstAt: new Date('2026-12-01T00:00:10Z') }
    const first = (after: string) => instantsAfter(rhythm, new Date(after)).next().value?.toISOString()
    expect(first('2026-11-30T00:00:00Z')).toBe('2026-12-01T00:00:10.000Z')
    expect(first('2026-12-01T00:00:10Z')).toBe('2026-12-01T00:01:40.000Z')
    expect(first('2026-12-01T00:10:00Z')).toBe('2026-12-01T00:10:40.000Z')
  })

  it.each([
    [
      'seconds',
      '* * * * * *',
      'cron: it has 6 fields, and needs 5: minute, hour, day of month, month, day of week (seconds are not possible)',
    ],
    ['too few fields', '* * *', 'cron: it has 3 fields, and needs 5'],
    ['nothing', ' ', 'cron: it has 0 fields'],
    ['a minute that is none', '61 * * * *', 'cron: '],
    ['a word', 'every * * * *', 'cron: '],
    ['an unknown name', '@sometimes', 'cron: @sometimes is none of @hourly'],
    ['a start of the machine', '@reboot', 'cron: @reboot is none of @hourly'],
    ['a long one', `${'1,'.repeat(300)}1 * * * *`, 'cron: it has 609 characters, 500 are possible'],
    ['a date that never comes', '0 0 30 2 *', 'cron: no such date ever comes'],
  ])('refuses %s', (_what, pattern, message) => {
    expect(() => readCron(pattern)).toThrow(message)
  })
})
