import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitStatements } from '../../src/tools/postgres/split.js'
import { lexSql, unquote } from '../../src/tools/postgres/sql-lexer.js'

const texts = (sql: string) =>
  splitStatements(sql).map((tokens) =>
    tokens
      .map((token) => token.text)
      .join('')
      .trim(),
  )

const PIECES = [
  "'a;b'",
  "'it''s;'",
  "E'a\\';b'",
  "'\\'",
  '"a;b"',
  '"a"";"',
  '$$;$$',
  '$tag$ ; $$ ; $tag$',
  '-- ; comment\n',
  '/* ; /* ; */ ; */',
  'select',
  ' ',
  '\n',
  '(',
  ')',
  'a$b',
  '$1',
  ':name',
  '::int',
  '1.5e3',
  ',',
  '\u0000',
  "U&'x;'",
  "x'1F'",
  'été',
  '%(n)s',
  '/',
  '-',
  '*',
  "'",
  '"',
  '$',
  '\\',
]

describe('the SQL lexer', () => {
  it('loses and adds nothing, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...PIECES)).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (sql) => {
        const joined = lexSql(sql).map((token) => token.text)
        expect(joined.join('')).toBe(sql)
      }),
      { numRuns: 2000 },
    )
  })

  it('finds exactly the semicolons between statements', () => {
    const whole = fc.constantFrom(
      "'a;b'",
      "'it''s;'",
      "E'a\\';b'",
      '"a;b"',
      '"a"";"',
      '$$;$$',
      '$t$ ; $$ ; $t$',
      "-- ; '\n",
      "/* ; /* ' */ ; */",
      '(a; b)',
      'a$b$c',
      ':x',
      '::int',
      "1-'\\'",
    )
    const statement = fc.array(whole, { minLength: 1 }).map((parts) => `select ${parts.join(' ')}`)
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1 }), (statements) => {
        expect(texts(`${statements.join(';')};`)).toEqual(statements.map((one) => one.trim()))
      }),
      { numRuns: 1000 },
    )
  })

  it('reads back any string that is quoted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const [plain] = lexSql(`'${text.replaceAll("'", "''")}'`)
        const [escaped] = lexSql(`E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
        expect(plain && unquote(plain)).toBe(text)
        expect(escaped && unquote(escaped)).toBe(text)
      }),
    )
  })

  it.each([
    ['', []],
    [' ; ;; -- nothing\n ; /* x */', []],
    ['select 1; select 2', ['select 1', 'select 2']],
    ['select 1 -- a; b\n; select 2', ['select 1 -- a; b', 'select 2']],
    [
      'create rule r as on insert to t do (select 1; select 2); select 3',
      ['create rule r as on insert to t do (select 1; select 2)', 'select 3'],
    ],
    [
      'create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3',
      ['create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end', 'select 3'],
    ],
    ['begin; select 1; end', ['begin', 'select 1', 'end']],
    ["do $$ begin perform 1; end $$; select ';'", ['do $$ begin perform 1; end $$', "select ';'"]],
    ["select 'open; ", ["select 'open;"]],
    ['select a$b$c; select $b$', ['select a$b$c', 'select $b$']],
  ])('cuts %j', (sql, expected) => {
    expect(texts(sql)).toEqual(expected)
  })

  it.each([
    ["E'a\\n\\t\\\\\\x41\\101\\u00e9\\U0001F600\\q'", 'a\n\t\\AAé😀q'],
    ["'a\\nb'", 'a\\nb'],
    ["N'x''y'", "x'y"],
    ["$q$it's$q$", "it's"],
  ])('%s means %j', (sql, expected) => {
    expect(lexSql(sql).map(unquote)).toEqual([expected])
  })
})
