import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/json.js'
import { statementText } from '../../src/tools/postgres/statement.js'
import { bindSql } from './sql.js'

const bound = (sql: string, values: Record<string, JsonValue> = {}, params: Record<string, JsonValue> = {}) =>
  bindSql(sql, values, params).map((statement) => [
    statementText(statement, []).replace(/\s+/g, ' ').trim(),
    ...statement.bindings.map((binding) => binding.value),
  ])

describe('templates in SQL', () => {
  it.each<[string, (string | JsonValue)[][]]>([
    ['select {n}', [['select $1', 5]]],
    [
      'select {n}; select {n}, {s}',
      [
        ['select $1', 5],
        ['select $1 , $2', 5, "it's; --"],
      ],
    ],
    ["select '{s}'", [['select $1', "it's; --"]]],
    ["select 'a{s}b''{n}'", [['select $1', "ait's; --b'5"]]],
    ["select E'\\n{s}'", [['select $1', "\nit's; --"]]],
    ['select $${s}$$, $t$x{n}$t$', [['select $1 , $2', "it's; --", 'x5']]],
    ["select interval '{n} days'", [['select ($1::interval)', '5 days']]],
    ["select x, DATE  '{s}'", [['select x, ($1::date)', "it's; --"]]],
    ['select 1 -- {s}\n, 2 /* {n} */', [['select 1 , 2']]],
    ['select * from t where id={n}and x', [['select * from t where id= $1 and x', 5]]],
    ['select ({n}::text)', [['select ( $1 ::text)', 5]]],
    ['select {n};\n-- done {s}\n', [['select $1', 5]]],
  ])('%s', (sql, expected) => {
    if (sql.includes('}and')) expect(() => bound(sql, { n: 5 })).toThrow(/touches a word/)
    else expect(bound(sql, { n: 5, s: "it's; --" })).toEqual(expected)
  })

  it.each([
    ['select "{n}"', /inside a quoted name/],
    ['select * from t_{n}', /touches a word/],
    ['select * from {n}_t', /touches a word/],
    ['select {n}{n}', /touches a word/],
    ['select 1{n}', /touches a word/],
    ["select B'{n}'", /B'\.\.\.' literal/],
    ["select U&'{n}'", /U&'\.\.\.' literal/],
    ["select '{n}", /not closed/],
  ])('refuses %s', (sql, message) => {
    expect(() => bound(sql, { n: 5 })).toThrow(message)
  })

  it.each([
    ['SELECT {n} + 22', ['SELECT']],
    ["select '{n}' as a", ['SELECT']],
    ["select E'{n}', 1", ['SELECT']],
    ["select N'x{n}'", ['SELECT']],
    ['select $${n}$$', ['SELECT']],
    ['select /* {n} */ 1', ['SELECT']],
    ["show '{n}'", ['SHOW']],
    ["values ('{n}')", ['VALUES']],
    ["'{n}'", []],
    ['{n}', []],
    ["insert into t values ('{n}')", ['INSERT', 'INTO']],
  ])('leaves nothing that cannot be stored, wherever a template stands: %s', (sql, words) => {
    const [statement] = bindSql(sql, { n: 20 }, {})
    expect(statement?.words).toEqual(words)
    expect(JSON.stringify(statement)).not.toContain('u0000')
  })

  it('takes a literal that is one whole template for its value', () => {
    const values = { nil: null, list: ['a', 1], object: { a: 1 }, n: 5, b: true, s: 'x' }
    const literals = "select '{nil}', E'{nil}', $${nil}$$, date '{nil}', '{list}', '{object}', '{n}', '{b}', '{s}', 'x{nil}'"
    const [statement] = bindSql(literals, values)
    expect(statement?.bindings.map(({ value, type, isLiteral }) => [value, type, isLiteral])).toEqual([
      [null, null, false],
      [null, null, false],
      [null, null, false],
      [null, 'date', false],
      [['a', 1], null, false],
      [{ a: 1 }, null, false],
      [5, null, true],
      [true, null, true],
      ['x', null, true],
      ['x', null, true],
    ])
  })

  const list = { list: ['a', 'b'], s: 'a' }
  it.each([
    "select 1 where 'a' in ({list})",
    "select 1 where 'a' in ('{list}')",
    "select 1 where 'a' not in ( {list} )",
    "select 1 where 'a' IN ('x', {list})",
    "select 1 where 'a' in ({list}, 'x')",
    "select 1 where 'a' in ({list}::text[])",
    "select 1 where 'a' in (lower('x'), {list})",
    "select 1 where 'a' in {list}",
    "select 1 where 'a' in (:list)",
    "select 1 where 'a' in %(list)s",
  ])('refuses a list where IN takes one value: %s', (sql) => {
    const params = sql.includes('{') ? {} : { list: list.list }
    expect(() => bindSql(sql, list, params)).toThrow(/query: .* gives a list, and IN .*`= any\(.*list.*\)`.*`<> all\(/)
  })

  it.each([
    "select 1 where 'a' in ({s})",
    "select 1 where 'a' in (select unnest({list}::text[]))",
    "select 1 where 'a' in (select x from t where x = any({list}))",
    "select 1 where 'a' in (f({list}), 'b')",
    "select 1 where 'a' = any({list})",
    'select position({s} in {s}), ({list})',
  ])('takes %s', (sql) => {
    expect(bindSql(sql, list)).toHaveLength(1)
  })

  it('binds params by name and position, and leaves casts, slices, strings and comments alone', () => {
    const params = { id: 5, name: 'x' }
    expect(bound("select :id, %(name)s, ':id', x::int -- :id", {}, params)).toEqual([
      ["select $1 , $2 , ':id', x::int -- :id", 5, 'x'],
    ])
    expect(bound('select a[1:other], b[:id]', {}, params)).toEqual([['select a[1:other], b[ $1 ]', 5]])
    expect(bound('select $2, $1', {}, { '1': 'a', '2': 'b' })).toEqual([['select $1 , $2', 'b', 'a']])
    expect(() => bound('select :missing', {}, params)).toThrow(/params needs "missing"/)
    expect(() => bound('select $1')).toThrow(/params needs "1"/)
    expect(bound('call f(a := 1); select $$ :id $1 $$')).toEqual([['call f(a := 1)'], ['select $$ :id $1 $$']])
  })
})
