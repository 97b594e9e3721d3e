import { afterAll, describe, expect, it } from 'vitest'
import { canonicalNumber, type JsonValue, parseJson, stringifyJson } from '../../src/core/json.js'
import type { ToolEnvironment } from '../../src/tools/tool.js'
import { createEmptyDatabase } from '../support/database.js'
import { within } from '../support/pace.js'
import { createCaller, environmentWith } from './call.js'
import { sqlInput } from './sql.js'
import { testTool } from './suite.js'

const database = await createEmptyDatabase()
afterAll(() => database.drop())
const onDatabase = () => environmentWith({ connections: new Map([['default', database.url]]) })

testPostgres('PostgreSQL', onDatabase)

it('refuses COPY from and to its client before anything runs, and says what to write instead', {
  timeout: within(60_000),
}, async () => {
  const sql = createCaller('postgres', onDatabase())
  const script = 'create table copied (i int);\ncopy copied from stdin'
  expect(await sql.error(sqlInput(script))).toMatch(/statement 2 of 2: COPY ... FROM STDIN cannot be used .+jsonb_to_recordset/)
  expect(await sql.error(sqlInput('select count(*) from copied'))).toMatch(/does not exist/)
  expect(await sql.error(sqlInput('copy (select 1)\n  to  STDOUT with csv'))).toMatch(/write the SELECT alone/)
  await sql.close()
})

it('gives up an answer of too many rows while it comes', { timeout: within(60_000) }, async () => {
  const sql = createCaller('postgres', onDatabase())
  await sql.data(sqlInput('create table flood (id int)'))
  const flood = 'insert into flood select n from generate_series(1, 200000) n returning id'
  expect(await sql.error(sqlInput(flood))).toMatch(/over the limit of 100,000 rows/)
  await sql.close()
})

it('gives up a row that is too large before it is there whole', { timeout: within(60_000) }, async () => {
  const sql = createCaller('postgres', onDatabase())
  const before = process.memoryUsage().rss
  expect(await sql.error(sqlInput("select repeat('x', 300000000) as a"))).toMatch(/over the limit of 10 MiB/)
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 ** 2)
  await sql.close()
})

function testPostgres(name: string, environment: () => ToolEnvironment): void {
  describe(`postgres on ${name}`, { timeout: within(60_000) }, () => {
    const sql = createCaller('postgres', environment())
    afterAll(() => sql.close())
    const rows = async (source: string, values?: Record<string, JsonValue>, params?: Record<string, JsonValue>) =>
      stringifyJson(await sql.data(sqlInput(source, values, params), { timeoutMs: 60_000 }))
    const error = (source: string, values?: Record<string, JsonValue>) => sql.error(sqlInput(source, values))

    const values: Record<string, JsonValue> = {
      n: 5,
      f: 1.5,
      big: parseJson('12345678901234567890'),
      s: "it's; DROP TABLE x; --",
      five: '5',
      b: true,
      nil: null,
      list: [1, 2, 3],
      names: ['a', 'b'],
      none: [],
      words: ['a"b', 'c\\d', 'NULL', ''],
      object: { a: [1, { b: 'x' }] },
    }
    const cases: [string, string][] = [
      ['select 1 as a', '[{"a":1}]'],
      ['select 9007199254740993::int8 as a, 1.10::numeric as b', '[{"a":9007199254740993,"b":1.10}]'],
      ["select 'NaN'::float8 as a, 'Infinity'::numeric as b, 0.1::float8 as c", '[{"a":"NaN","b":"Infinity","c":0.1}]'],
      [
        'select 5e-324::float8 as a, array[2.2e-309]::float8[] as b, to_jsonb(5e-324::float8) as c',
        `[{"a":${canonicalNumber('5e-324')},"b":[${canonicalNumber('2.2e-309')}],"c":${canonicalNumber('5e-324')}}]`,
      ],
      ["select '2024-01-02 03:04:05.678901+02'::timestamptz as a", '[{"a":"2024-01-02T01:04:05.678901Z"}]'],
      [
        "select '2024-01-02 03:04:05Z'::timestamptz as a, 'infinity'::timestamptz as b",
        '[{"a":"2024-01-02T03:04:05.000Z","b":"infinity"}]',
      ],
      [
        "select '2024-01-02'::date as a, '03:04'::time as b, '2024-01-02 03:04'::timestamp as c",
        '[{"a":"2024-01-02","b":"03:04:00","c":"2024-01-02T03:04:00"}]',
      ],
      [`select '{"a": 1.10, "b": [123456789012345678901]}'::jsonb as a`, '[{"a":{"a":1.10,"b":[123456789012345678901]}}]'],
      [
        "select array[1,null,3] as a, array['x,y','\"',null,'NULL'] as b, array[[1,2],[3,4]] as c",
        '[{"a":[1,null,3],"b":["x,y","\\"",null,"NULL"],"c":[[1,2],[3,4]]}]',
      ],
      ['select true as a, null as b, 1::real as c', '[{"a":true,"b":null,"c":1}]'],
      ["select '[1,2)'::int4range as a, 'a'::name as b", '[{"a":"[1,2)","b":"a"}]'],
      [
        'select {n} as a, {f} as b, {s} as c, {b} as d, {nil} as e',
        `[{"a":5,"b":1.5,"c":"it's; DROP TABLE x; --","d":true,"e":null}]`,
      ],
      ['select {big} as a', '[{"a":12345678901234567890}]'],
      ["select '{n}' as a, 'x{s}' as b, $${n}$$ as c", `[{"a":"5","b":"xit's; DROP TABLE x; --","c":"5"}]`],
      ['select {n} + 1 as a, {f} + 1 as b, 1 + {five} as c', '[{"a":6,"b":2.5,"c":6}]'],
      ['select 2 = any({list}) as a, {list} as b, cardinality({words}::text[]) as c', '[{"a":true,"b":[1,2,3],"c":4}]'],
      ['select {words}::text[] as a', '[{"a":["a\\"b","c\\\\d","NULL",""]}]'],
      ["select {object} as a, {object}->'a'->0 as b, jsonb_array_length({list}) as c", '[{"a":{"a":[1,{"b":"x"}]},"b":1,"c":3}]'],
      ["select jsonb_build_object('k', {n}, 's', {s}, 'z', {nil}) as a", `[{"a":{"k":5,"s":"it's; DROP TABLE x; --","z":null}}]`],
      ["select interval '{n} days' = '5 days'::interval as a, date '2024-01-0{n}' as b", '[{"a":true,"b":"2024-01-05"}]'],
      ['select x from (values (1),(2),(3)) t(x) order by x limit {n}', '[{"x":1},{"x":2},{"x":3}]'],
      ["select '{object}'::jsonb as a", '[{"a":{"a":[1,{"b":"x"}]}}]'],
      ['select {five}::jsonb as a, {n}::jsonb as b', '[{"a":"5","b":5}]'],
      ["select '{nil}' as a, '{nil}' is null as b, date '{nil}' as c", '[{"a":null,"b":true,"c":null}]'],
      [
        "select '{n}' as a, '{f}'::numeric + 1 as b, '{b}' as c, '{b}'::bool as d, '{b}'::jsonb as e",
        '[{"a":"5","b":2.5,"c":"true","d":true,"e":true}]',
      ],
      ["select '{list}'::int[] as a, 2 = any('{list}') as b, '{list}'::jsonb as c", '[{"a":[1,2,3],"b":true,"c":[1,2,3]}]'],
      ["select '{words}'::text[] as a, json '{object}' as b", '[{"a":["a\\"b","c\\\\d","NULL",""],"b":{"a":[1,{"b":"x"}]}}]'],
      ["select '{object}' as a, '{object}'->'a'->0 as b", '[{"a":{"a":[1,{"b":"x"}]},"b":1}]'],
      ["select '{object}'::text::jsonb->'a'->0 as a", '[{"a":1}]'],
      ['select {object}::text as a', '[{"a":"{\\"a\\": [1, {\\"b\\": \\"x\\"}]}"}]'],
      ["select 'a' = any({names}) as a, 'z' <> all({none}) as b, 'z' = any({none}) as c", '[{"a":true,"b":true,"c":false}]'],
      ["select 1 as id, 'u' as name, 2 as id, 'r' as name", '[{"id":1,"name":"u","id_2":2,"name_2":"r"}]'],
      ['select 1 as a, 2 as a, 3 as a_2, 4 as a', '[{"a":1,"a_3":2,"a_2":3,"a_4":4}]'],
      ['select 1, 2', '[{"?column?":1,"?column?_2":2}]'],
    ]
    it.each(cases)('%s', async (source, expected) => {
      expect(await rows(source, values)).toBe(expected)
    })

    it('stores and finds values by the types of columns', async () => {
      await rows('create table kinds (i int, t text, j jsonb, a int[], ts timestamptz)')
      const insert =
        'insert into kinds values ({n}, {n}, {object}, {list}, {when}), ({five}, {s}, {n}, {nil}, {nil}) returning i, t, j, a'
      expect(await rows(insert, { ...values, when: '2024-01-01T00:00:00Z' })).toBe(
        `[{"i":5,"t":"5","j":{"a":[1,{"b":"x"}]},"a":[1,2,3]},{"i":5,"t":"it's; DROP TABLE x; --","j":5,"a":null}]`,
      )
      expect(
        await rows('select count(*) as n from kinds where t = {n} and i = {five} and ts < {when}', {
          ...values,
          when: '2025-01-01',
        }),
      ).toBe('[{"n":1}]')
      expect(
        await rows('select count(*) as n from kinds where i = :id and t = any(:names)', {}, { id: 5, names: ['5', 'y'] }),
      ).toBe('[{"n":1}]')
      expect(await rows('select count(*) as n from kinds where i > {f}', values)).toBe('[{"n":2}]')
    })

    it('answers with the rows of the last statement, and their number', async () => {
      await rows('create table counted (id int primary key)')
      expect(await sql.run(sqlInput('insert into counted values (1), (2); update counted set id = id + 10'))).toMatchObject({
        data: [],
        extras: { row_count: 2, columns: [] },
      })
      expect(await sql.run(sqlInput('select 1 as a, 2 as b where false'))).toMatchObject({
        data: [],
        extras: { row_count: 0, columns: ['a', 'b'] },
      })
      expect(await rows('begin; select 7 as a; commit')).toBe('[{"a":7}]')
    })

    it('runs several statements in one transaction', async () => {
      expect(await error("create table gone (id int); insert into gone values ({x}); select 'a'::int")).toMatch(
        /^TOOL_FAILED: statement 3 of 3: invalid input syntax for type integer: "a"/,
      )
      expect(await error('select * from gone')).toMatch(/relation "gone" does not exist/)
      await rows(
        "create table kept (id int, t text); insert into kept values ({n}, {n}); insert into kept select {n}, 'b' where 'b' = {n} or true",
        values,
      )
      expect(await rows('select count(*) as n from kept')).toBe('[{"n":2}]')
    })

    it('honours their own BEGIN, and refuses one left open', async () => {
      await rows('create table own (id int)')
      await rows('begin; insert into own values ({n}); commit; begin; insert into own values (6); rollback', values)
      expect(await rows('select id from own')).toBe('[{"id":5}]')
      expect(await error('begin; insert into own values (9)')).toMatch(/add COMMIT/)
      expect(await rows('select id from own')).toBe('[{"id":5}]')
    })

    it('runs what cannot stand in a transaction', async () => {
      await rows('create table vac (id int)')
      expect(await rows('vacuum vac')).toBe('[]')
    })

    it('lets nothing of a session survive the call', async () => {
      await rows("create temp table session_only (id int); set application_name = 'leak'")
      expect(await error('select * from session_only')).toMatch(/does not exist/)
      expect(await rows("select current_setting('application_name') = 'leak' as a")).toBe('[{"a":false}]')
    })

    it.each([
      ['select * from {n}', /\{\{ n \}\} stands where PostgreSQL takes no value/],
      ['create table x (id int default {n})', /a template cannot stand in CREATE TABLE|takes no value/],
      ['do $$ begin perform {n}; end $$', /takes no value/],
      [
        "select 1 where 'a' = {list}",
        /\{\{ list \}\} gives a list, and PostgreSQL takes a single value there: `= any\(\{\{ list \}\}\)`/,
      ],
      ["select 1 where 'a' = '{list}'", /gives a list.*= any/],
      ['select 1 where 1 = {list}', /gives a list.*= any/],
      ["select date '{object}'", /gives an object, and PostgreSQL takes a single value there: \{\{ \.\.\. \| tojson/],
      ["select 1;\n  select 'a' form nowhere", /^TOOL_FAILED: statement 2 of 2: syntax error at or near "nowhere"$/],
      ['from 1', /syntax error at or near "from"/],
      ['select nothing', /column "nothing" does not exist/],
    ])('says what is wrong with %s', async (source, message) => {
      expect(await error(source, values)).toMatch(message)
    })

    it('says what the database says of a failure', async () => {
      await rows("create table uniq (id int constraint uniq_once primary key, t text not null); insert into uniq values (1, 'a')")
      const details = async (source: string) => {
        const outcome = await sql.run(sqlInput(source))
        return outcome.status === 'error' ? outcome.error.details : null
      }
      expect(await sql.run(sqlInput("insert into uniq values (1, 'b')"))).toMatchObject({
        error: {
          message: expect.stringMatching(/duplicate key.*\(Key \(id\)=\(1\) already exists\.\)/),
          details: {
            sqlstate: '23505',
            detail: 'Key (id)=(1) already exists.',
            schema: 'public',
            table: 'uniq',
            constraint: 'uniq_once',
          },
        },
        extras: { sql_state: '23505' },
      })
      expect(await details('insert into uniq values (2)')).toMatchObject({ sqlstate: '23502', table: 'uniq', column_name: 't' })
      expect(
        await details("do $$ begin raise exception 'ser' using errcode = '40001', hint = 'try again'; end $$"),
      ).toMatchObject({
        sqlstate: '40001',
        hint: 'try again',
        context: expect.stringMatching(/PL\/pgSQL/),
      })
      expect(await error("do $$ begin raise exception 'ser' using hint = 'try again'; end $$")).toBe(
        'TOOL_FAILED: ser (hint: try again)',
      )
      expect(
        await details("do $$ begin raise exception 'x' using errcode = 'ZX123', detail = repeat('d', 9000); end $$"),
      ).toEqual({
        sqlstate: 'ZX123',
        detail: `${'d'.repeat(4000)}...`,
        context: expect.any(String),
      })
    })

    it('says what fails at the end of the transaction', async () => {
      await rows('create table parents (id int primary key)')
      await rows('create table kids (parent int constraint kids_of references parents deferrable initially deferred)')
      const outcome = await sql.run(sqlInput('insert into kids values (7); select 1 as a'))
      expect(outcome).toMatchObject({
        error: {
          message: expect.stringMatching(/^at the end of the transaction: insert or update on table "kids" violates foreign key/),
          details: { sqlstate: '23503', table: 'kids', constraint: 'kids_of' },
        },
      })
      expect(await rows('select count(*) as n from kids')).toBe('[{"n":0}]')
    })

    it('puts what statements say while they run into the log', async () => {
      await rows(
        "do $$ begin raise notice '40 of 100 done'; raise warning 'slow' using detail = 'a', hint = 'b'; end $$; drop table if exists nothing_there; select {n} as a",
        values,
      )
      expect(sql.log()).toBe(
        'NOTICE: 40 of 100 done\nWARNING: slow\nDETAIL: a\nHINT: b\nNOTICE: table "nothing_there" does not exist, skipping\n',
      )
      expect(await error("do $$ begin raise notice 'before'; perform 1 / 0; end $$")).toMatch(/division by zero/)
      if (name === 'server') expect(sql.log()).toBe('NOTICE: before\n')
      await rows('select 1 as a')
      expect(sql.log()).toBe('')
    })

    it('says in the log which columns got another name, and names them so in columns', async () => {
      const outcome = await sql.run(sqlInput('select 1 as id, 2 as id'))
      expect(outcome).toMatchObject({ extras: { columns: ['id', 'id_2'] } })
      expect(sql.log()).toMatch(/^warning: several columns are called "id"; this one is "id_2".*AS\n$/)
    })

    it('lets more calls wait than there are connections', async () => {
      const calls = Array.from({ length: 25 }, (_, n) => rows('select {n} as n, pg_sleep(0.05)::text as t', { n }))
      expect(await Promise.all(calls)).toEqual(Array.from({ length: 25 }, (_, n) => `[{"n":${n},"t":""}]`))
    })

    it('refuses an answer over 10 MiB', async () => {
      expect(await error("select repeat('x', 1000000) as a from generate_series(1, 12)")).toMatch(/limit of 10 MiB/)
      expect(await rows('select 1 as a')).toBe('[{"a":1}]')
    })

    it('refuses an answer of more than 100,000 rows', async () => {
      expect(await error('select n from generate_series(1, 100001) n')).toBe(
        'TOOL_FAILED: the answer of the database is over the limit of 100,000 rows',
      )
      const { data } = (await sql.run(sqlInput('select n from generate_series(1, 100000) n'))) as { data: JsonValue[] }
      expect([data.length, stringifyJson(data.at(-1) ?? null)]).toEqual([100_000, '{"n":100000}'])
    })
  })

  describe(`postgres on ${name}: the suite`, { timeout: within(60_000) }, () => {
    testTool(`postgres on ${name}`, {
      kind: 'postgres',
      environment,
      good: () => ({ input: sqlInput('select {n} + 1 as n', { n: 1 }), data: [{ n: 2 }] }),
      bad: () => sqlInput('select * from nowhere'),
      endless: () => sqlInput('select count(*) from generate_series(1, 10000000000) a, generate_series(1, 10000000000) b'),
    })
  })
}

describe('connections', () => {
  it('names the setting where there is no connection', async () => {
    const none = createCaller('postgres', environmentWith())
    expect(await none.error(sqlInput('select 1'))).toMatch(/none called "default": the setting CONNECTIONS.*it names none/)
    expect(await none.error({ ...sqlInput('select 1'), auth: 'crm' })).toMatch(/no connection "crm": the setting CONNECTIONS/)
    await none.close()
  })

  it('shows no password where a server cannot be reached', async () => {
    const dead = createCaller(
      'postgres',
      environmentWith({ connections: new Map([['crm', 'postgresql://me:secret@127.0.0.1:9/x']]) }),
    )
    const message = await dead.error({ ...sqlInput('select 1'), auth: 'crm' })
    expect(message).toMatch(/connection "crm" cannot be reached: .*ECONNREFUSED/)
    expect(message).not.toMatch(/secret/)
    await dead.close()
  })
})
