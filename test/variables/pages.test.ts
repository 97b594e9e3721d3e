import { beforeAll, expect, it } from 'vitest'
import type { VariableRecord } from '../../src/commit/record.js'
import { encodeCursor } from '../../src/core/cursor.js'
import type { VariableFilter } from '../../src/core/filter.js'
import { type JsonValue, parseJson } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { ListedVariable } from '../../src/variables/read/listed.js'
import type { VariablesService } from '../../src/variables/service.js'
import { countingDatabase } from '../support/counting-database.js'
import { describeDatabase } from '../support/database.js'
import { createService, newId, remove, set, write } from './support.js'

describeDatabase('pages of variables', (open) => {
  let db: Database
  let service: VariablesService
  const id = newId()
  beforeAll(async () => {
    db = await open()
    service = createService(db)
    await write(service, id, set('user_name', 'Ünal', { sourceStep: 'fetch' }), set('user_age', 41))
    await write(service, id, set('price', parseJson('12.50'), { type: 'computed' }))
    await write(service, id, set('order', parseJson('{"id":7,"lines":[{"sku":"a%b"},{"sku":"c"}],"a/b":{"m~n":null}}')))
    await write(service, id, set('nothing', null, { type: 'step_result', sourceStep: 'Fetch' }), set('flag', true))
  })

  async function found(filter: VariableFilter, asOf?: number): Promise<string[]> {
    const page = await service.list({ executionId: id, filter, asOf })
    expect(page.totalCount).toBe(page.items.length)
    return page.items.map((variable) => variable.name).sort()
  }

  it.each<[VariableFilter, string[]]>([
    [{}, ['flag', 'nothing', 'order', 'price', 'user_age', 'user_name']],
    [{ name: { eq: 'price' } }, ['price']],
    [{ name: { in: ['price', 'flag', 'none'] } }, ['flag', 'price']],
    [{ name: { in: [] } }, []],
    [{ name: { startsWith: 'user_' } }, ['user_age', 'user_name']],
    [{ name: { startsWith: 'user%' } }, []],
    [{ name: { contains: 'r_a' } }, ['user_age']],
    [{ name: { contains: "'; DROP TABLE x; --" } }, []],
    [{ sourceStep: { eq: 'fetch' } }, ['user_name']],
    [{ type: ['computed', 'step_result'] }, ['nothing', 'price']],
    [{ type: [] }, []],
    [{ value: { eq: 41 } }, ['user_age']],
    [{ value: { eq: null } }, ['nothing']],
    [{ value: { eq: parseJson('12.5') } }, ['price']],
    [{ value: { gt: 12 } }, ['price', 'user_age']],
    [{ value: { gte: parseJson('12.500'), lt: 41 } }, ['price']],
    [{ value: { gt: 'A' } }, ['user_name']],
    [{ value: { lte: true } }, []],
    [{ value: { path: '/id', eq: 7 } }, ['order']],
    [{ value: { path: '/lines/0/sku', eq: 'a%b' } }, ['order']],
    [{ value: { path: '/a~1b/m~0n', eq: null } }, ['order']],
    [{ value: { path: '/a~1b/m~0n', exists: true } }, ['order']],
    [{ value: { path: '/id', exists: false } }, ['flag', 'nothing', 'price', 'user_age', 'user_name']],
    [{ value: { path: '/lines/1/sku', eq: 'c' } }, ['order']],
    [{ value: { path: '/lines/-1/sku', exists: true } }, []],
    [{ value: { path: '/lines/00', exists: true } }, []],
    [{ value: { path: '/lines/+1', exists: true } }, []],
    [{ value: { path: '/07', exists: true } }, []],
    [{ value: { path: '/id' } }, ['flag', 'nothing', 'order', 'price', 'user_age', 'user_name']],
    [{ value: { path: '/id', gt: true } }, []],
    [{ value: { contains: { lines: [{ sku: 'c' }] } } }, ['order']],
    [{ executionId: '1' }, []],
    [{ name: { startsWith: 'user_' }, value: { gt: 40 } }, ['user_age']],
  ])('%j', async (filter, expected) => {
    expect(await found(filter)).toEqual(expected)
    expect(await found(filter, 4)).toEqual(expected)
    const page = await service.search({ executionId: id, ...filter }, {})
    expect(page.items.map((variable) => variable.name)).toEqual(expected)
    expect(page.totalCount).toBe(expected.length)
  })

  it('compares whatever value there is, without an error', async () => {
    for (const operand of ['x', 1, true, null, [1], { a: 1 }] satisfies JsonValue[]) {
      await service.list({ executionId: id, filter: { value: { gt: operand, gte: operand, lt: operand, lte: operand } } })
    }
  })

  it('refuses what is not a pointer, no id, no text', async () => {
    const long = Array.from({ length: 251 }, (_, index) => String(index))
    const endless: VariableFilter[] = [
      { name: { in: long } },
      { sourceStep: { in: long } },
      { type: long.map(() => 'computed') },
      { value: { contains: long } },
      { value: { contains: { a: [{ b: Object.fromEntries(long.map((key) => [key, 1])) }] } } },
      { value: { path: '/-1'.repeat(101), exists: true } },
    ]
    for (const filter of endless) await expect(service.search(filter, {})).rejects.toMatchObject({ code: 'VALIDATION' })
    await service.search({ name: { in: long.slice(1) }, value: { contains: long.slice(2), path: '/-1'.repeat(100) } }, {})
    for (const filter of [{ value: { path: 'id' } }, { value: { path: '/~2' } }, { executionId: 'x' }, { name: { eq: '\0' } }]) {
      await expect(service.search(filter, {})).rejects.toMatchObject({ code: 'VALIDATION' })
    }
  })

  it('goes through all pages once, by creation and name, while others write', async () => {
    const many = newId()
    for (let batch = 0; batch < 5; batch += 1) {
      await write(service, many, ...Array.from({ length: 7 }, (_, index) => set(`v${batch}${index}`, index)))
    }
    await db.run(
      "UPDATE noetl.transient SET created_at = created_at + interval '3 microseconds' WHERE execution_id = $1::bigint AND var_value = '3'",
      many,
    )
    const first = await service.list({ executionId: many, first: 10 })
    expect(first).toMatchObject({ totalCount: 35, revision: 5, hasNextPage: true, hasPreviousPage: false })
    await write(service, many, set('v40', 'changed'), remove('v21'), set('later', 1))
    const names = first.items.map((variable) => variable.name)
    let page = first
    while (page.hasNextPage) {
      page = await service.list({ executionId: many, first: 10, asOf: first.revision, after: page.cursorAt(-1) })
      expect(page).toMatchObject({ revision: 5, totalCount: 35, hasPreviousPage: true })
      names.push(...page.items.map((variable) => variable.name))
    }
    expect([...names].sort()).toEqual(Array.from({ length: 35 }, (_, index) => `v${Math.floor(index / 7)}${index % 7}`))
  })

  it('lists what a single read finds, whatever the digits of its times', async () => {
    const timed = newId()
    const fractions = ['', '.1', '.12', '.123', '.1234', '.000001', '.999999']
    await write(service, timed, ...fractions.map((_, index) => set(`v${index}`, parseJson('{"a": [1.50, "b, c: d"]}'))))
    for (const [index, fraction] of fractions.entries()) {
      await db.run(
        `UPDATE noetl.transient SET created_at = $2::timestamptz, updated_at = $2::timestamptz, accessed_at = $2::timestamptz
         WHERE execution_id = $1::bigint AND var_name = $3::text`,
        ...[timed, `2026-01-31 23:59:0${index}${fraction}+00`, `v${index}`],
      )
    }
    const { items } = await service.list({ executionId: timed })
    expect(items.length).toBe(fractions.length)
    for (const item of items) {
      const single = await service.find(timed, item.name)
      const fields = Object.keys(single ?? {}) as (keyof VariableRecord)[]
      expect(Object.fromEntries(fields.map((field) => [field, item[field]]))).toEqual(single)
      expect(item instanceof ListedVariable && [item.createdAtText, item.updatedAtText, item.accessedAtText]).toEqual(
        Array(3).fill(single?.createdAt.toISOString()),
      )
      expect(item instanceof ListedVariable && parseJson(item.valueText)).toEqual(single?.value)
    }
  })

  it('counts only where somebody asks', async () => {
    const counting = countingDatabase(db)
    const counted = createService(counting.db)
    const lists = (isCounted: boolean) => [
      counted.list({ executionId: id, filter: { name: { startsWith: 'user_' } }, isCounted }),
      counted.search({ executionId: id }, { isCounted }),
      counted.history({ executionId: id, isCounted }),
    ]
    expect((await Promise.all(lists(true))).map(({ totalCount }) => totalCount)).toEqual([2, 6, 6])
    expect(counting.count('count(*)')).toBe(3)
    expect((await Promise.all(lists(false))).map(({ totalCount }) => totalCount)).toEqual([null, null, null])
    expect(counting.count('count(*)')).toBe(0)
  })

  it('pages through history', async () => {
    const all = await service.history({ executionId: id })
    const [one, two] = [
      await service.history({ executionId: id, first: 2 }),
      await service.history({ executionId: id, first: 250 }),
    ]
    expect(two.items).toEqual(all.items)
    const rest = await service.history({ executionId: id, after: one.cursorAt(-1) })
    const back = await service.history({ executionId: id, first: 2, newestFirst: true })
    const older = await service.history({ executionId: id, newestFirst: true, after: back.cursorAt(-1) })
    expect([...back.items, ...older.items]).toEqual(all.items.toReversed())
    expect([back.hasNextPage, older.hasNextPage, back.totalCount]).toEqual([true, false, all.totalCount])
    expect([...one.items, ...rest.items]).toEqual(all.items)
    expect(one).toMatchObject({ totalCount: 6, hasNextPage: true })
    expect((await service.history({ executionId: newId() })).items).toEqual([])
  })

  it('pages through a search', async () => {
    const one = await service.search({ name: { startsWith: 'user_' }, executionId: id }, { first: 1 })
    const two = await service.search({ name: { startsWith: 'user_' }, executionId: id }, { first: 1, after: one.cursorAt(0) })
    expect([one.items[0]?.name, two.items[0]?.name, two.hasNextPage]).toEqual(['user_age', 'user_name', false])
  })

  it('reads the past, and refuses the future, forged cursors and pages too large', async () => {
    expect(Object.keys(await service.values(id, 1)).sort()).toEqual(['user_age', 'user_name'])
    expect(await service.values(id, 0)).toEqual({})
    expect((await service.list({ executionId: id, asOf: 2 })).items.map((variable) => variable.name)).toEqual([
      'user_age',
      'user_name',
      'price',
    ])
    const refused = [
      service.values(id, 5),
      service.list({ executionId: id, asOf: 5 }),
      service.list({ executionId: newId(), asOf: 1 }),
      service.list({ executionId: id, asOf: -1 }),
      service.list({ executionId: id, first: 251 }),
      service.list({ executionId: id, after: 'x' }),
      service.list({ executionId: id, after: encodeCursor(['yesterday', 'a']) }),
      service.history({ executionId: id, after: encodeCursor(['1', '1e9']) }),
      service.history({ executionId: id, after: encodeCursor(['9999999999999999999', '1']) }),
    ]
    const answers = await Promise.allSettled(refused)
    for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'VALIDATION' } })
  })
})
