import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import { createContext, renderTree, toPlainContext } from '../../src/template/index.js'
import { definitionOf, TOOLS } from '../../src/tools/index.js'
import { positionIn, statementFromJson, statementText } from '../../src/tools/postgres/statement.js'
import { namesSeen } from '../../src/tools/python/python-tool.js'
import type { Renderer } from '../../src/tools/tool.js'

const layers = {
  vars: { id: 5, name: "it's", list: [1, 2], nothing: null, object: { q: "it's" } },
  workload: { query: 'select 1', table: 'users', args: { a: 1 } },
  builtins: { env: { SECRET: 'x' }, execution_id: '1' },
}
const context = createContext(layers)
const renderer: Renderer = {
  tree: (value, path) => renderTree(value, context, path),
  context: () => toPlainContext(layers),
}

function render(kind: string, parameters: JsonObject): JsonObject {
  const definition = definitionOf(kind)
  if (!definition) throw new Error(kind)
  return definition.render(parameters, renderer)
}

function sql(query: JsonValue, params?: JsonValue): JsonValue[][] {
  const { statements } = render('postgres', { query, ...(params === undefined ? {} : { params }) })
  return (statements as JsonValue[]).map((json) => {
    const statement = statementFromJson(json)
    return [statementText(statement, []).replace(/\s+/g, ' ').trim(), ...statement.bindings.map((binding) => binding.value)]
  })
}

describe('rendering of a postgres step', () => {
  it('binds every template, between quotes too', () => {
    expect(sql('select * from t where id = {{ vars.id }} and name = {{ vars.name }}')).toEqual([
      ['select * from t where id = $1 and name = $2', 5, "it's"],
    ])
    expect(sql("select '{{ vars.name }}', 'a{{ vars.id }}b', $${{ vars.name }}$$ -- {{ undefined_name }}")).toEqual([
      ['select $1 , $2 , $3', "it's", 'a5b', "it's"],
    ])
    expect(sql('select {{ vars.list }}, {{ vars.nothing }}')).toEqual([['select $1 , $2', [1, 2], null]])
    expect(sql(['select {{ vars.id }}', 'select 2; select 3'])).toEqual([['select $1', 5], ['select 2'], ['select 3']])
    expect(sql('select :a, :b', { a: '{{ vars.id }}', b: 'x' })).toEqual([['select $1 , $2', 5, 'x']])
    expect(sql('select :a', '{{ workload.args }}')).toEqual([['select $1', 1]])
  })

  const doubling = `replace("'", "''")`
  it.each<[string, JsonValue]>([
    [`select '{{ vars.name | ${doubling} }}'`, "it's"],
    [`select 'a{{ vars.name|${doubling} }}b'`, "ait'sb"],
    [`select '{{ vars.object | tojson | ${doubling} }}'::jsonb`, String.raw`{"q": "it\u0027s"}`],
    [`select '{{ vars.name.${doubling} }}'`, "it's"],
    [`select '{{ vars.name | replace('\\'', "''") | upper }}'`, "IT'S"],
    [`select E'{{ vars.name | replace( "'" ,"''" ) }}'`, "it's"],
    [`select '{{ vars.nothing | ${doubling} }}'`, null],
    // Not between single quotes nobody doubles them for SQL's sake.
    [`select {{ vars.name | ${doubling} }}`, "it''s"],
    [`select $${'$'}{{ vars.name | ${doubling} }}$$`, "it''s"],
    [`select '{{ vars.name | replace("'", "` + '`' + `") }}'`, 'it`s'],
  ])('stores no quotes that an author doubled by hand: %s', (query, value) => {
    expect(sql(query)[0]?.slice(1)).toEqual([value])
  })

  it('refuses a list that was joined to one text in the place of the elements of IN', () => {
    expect(() => sql(`select 1 where 'a' in ({{ ['a', 'b'] | join(', ') }})`)).toThrow(/joined from a list.*= any\(/)
    expect(() => sql(`select 1 where 'a' in ('{{ ['a', 'b'] | join("','") }}')`)).toThrow(/joined from a list.*= any\(/)
    expect(sql(`select 1 where 'a' in ({{ ['a'] | join(', ') }})`)[0]?.slice(1)).toEqual(['a'])
  })

  it.each<[string, (string | number)[][]]>([
    // what stands at `!`, and the author's line and column of it
    ['select !x', [[1, 8]]],
    [
      'select {{ vars.id }}, !x\nfrom !t',
      [
        [1, 23],
        [2, 6],
      ],
    ],
    ['-- {{ vars.id }}\n\n  select !x', [[3, 10]]],
    ["select 'é😀', {{ vars.name }}, date '{{ vars.name }}', !x", [[1, 55]]],
    ['select 1;\n{# a note\n #}select {{- vars.id -}}   !x', [[3, 29]]],
    [
      'select * from {{ workload.table | sql }}!y where !z',
      [
        [1, 15],
        [1, 49],
      ],
    ],
    ['select :a,\n  !x', [[2, 3]]],
  ])('knows where the author wrote what stands in %j', (query, expected) => {
    const source = query.replaceAll('!', '')
    const names = [...query.matchAll(/!(\w)/g)].map((match) => match[1] ?? '')
    const { statements } = render('postgres', { query: source, params: { a: 1 } })
    const last = statementFromJson((statements as JsonValue[]).at(-1) ?? null)
    const text = [...statementText(last, [])]
    const places = names.map((name) => {
      const at = text.findIndex(
        (character, index) => character === name && !/\w/.test(text[index + 1] ?? '') && !/[\w:]/.test(text[index - 1] ?? ''),
      )
      const place = positionIn(last, [], (at < 0 ? text.join('').indexOf(`users${name}`) : at) + 1)
      return [place?.line, place?.column]
    })
    expect(places).toEqual(expected)
  })

  it('takes text only where it is marked as trusted', () => {
    expect(sql('{{ workload.query | sql }}')).toEqual([['select 1']])
    expect(sql('select * from {{ workload.table | sql }} where id = {{ vars.id }}')).toEqual([
      ['select * from users where id = $1', 5],
    ])
    expect(() => sql('{{ workload.query }}')).toThrow(/whole command from one template/)
    expect(() => sql(' {{ workload.query }} ;')).toThrow(/whole command from one template/)
    expect(() => sql(['select 1', '{{ workload.query }}'])).toThrow(/query\[1\]: a whole command/)
    expect(() => sql('{{ vars.id | sql }}')).toThrow(/no text of SQL/)
  })

  it('refuses what it cannot bind', () => {
    expect(() => sql('select "{{ vars.id }}"')).toThrow(/\{\{ vars\.id \}\} stands inside a quoted name/)
    expect(() => sql('select {% if true %}1{% endif %}')).toThrow(/\{% %\}/)
    expect(() => sql('select {{ vars.missing }}')).toThrow(expect.objectContaining({ code: 'TEMPLATE_UNDEFINED' }))
  })
})

describe('rendering of a python step', () => {
  it('renders args, leaves code, and gives the context without env only where the code can see it', () => {
    expect(render('python', { code: 'def main(a): return "{{ a }}"', args: { a: '{{ vars.id }}' } })).toEqual({
      code: 'def main(a): return "{{ a }}"',
      args: { a: 5 },
      libs: {},
      network: null,
      context: {},
    })
    const { context: seen } = render('python', { code: 'result = context["vars"]' })
    expect(seen).toMatchObject({ vars: layers.vars, id: 5, execution_id: '1' })
    expect(seen).not.toHaveProperty('env')
    expect(render('python', { code: 'def main(id, other=1): return id' }).context).toEqual({ id: 5 })
    expect(render('python', { code: 'x', fresh: '{{ vars.id == 5 }}' }).fresh).toBe(true)
  })

  it.each([
    ['result = 1', [], []],
    ['result = context["vars"]', [], 'all'],
    ['result = globals()["con" + "text"]', [], 'all'],
    ['def main(): pass', [], []],
    ['def main(a, b=1): pass', ['a', 'b'], []],
    ['def main(a: int, /, *, b: str = "x", **rest): pass', ['a', 'b'], []],
    ['def main(a, b=1): pass', ['a'], ['b']],
    ['def main(a, b=(1, 2)): pass', ['a', 'b'], 'all'],
    ['async def main(\n  a,  # first\n  b,\n): pass', ['a', 'b'], []],
    ['main = lambda a: a', ['a'], 'all'],
    ['if True:\n  def main(x): pass', ['x'], 'all'],
  ])('%j with args %j: %j', (code, names, expected) => {
    expect(namesSeen(code, new Set(names))).toEqual(expected)
  })
})

describe('definitions', () => {
  const accepted: [string, JsonObject][] = [
    ['python', { code: 'x', args: '{{ vars.args }}', libs: {}, network: false, fresh: '{{ vars.f }}', auth: {} }],
    [
      'http',
      {
        endpoint: '{{ vars.url }}',
        method: '{{ vars.m }}',
        params: { a: '{{ vars.a }}' },
        timeout: '{{ vars.t }}',
        verify_ssl: '{{ vars.v }}',
      },
    ],
    ['http', { endpoint: 'http://x', timeout: 1.5, auth: { type: 'bearer', credential: 'c' }, payload: [1] }],
    ['http', { endpoint: 'http://x', auth: {} }],
    ['postgres', { query: ['select 1'], auth: '{{ workload.pg_auth }}', params: { a: 1 } }],
    ['playbook', { path: 'a/b', version: 2, args: { x: 1 } }],
    ['workbook', { name: 'task', args: {} }],
  ]
  it.each(accepted)('%s accepts %o', (kind, parameters) => {
    expect(definitionOf(kind)?.parameters.safeParse(parameters).error).toBeUndefined()
  })

  const refused: [string, JsonObject][] = [
    ['python', { args: {} }],
    ['python', { code: 'x', args: [1] }],
    ['http', {}],
    ['http', { endpoint: 'x', auth: { type: 'oauth', credential: 'c' } }],
    ['http', { endpoint: 'x', timeout: 'soon' }],
    ['http', { endpoint: 'x', timeout: 0 }],
    ['http', { endpoint: 'x', sink: {} }],
    ['postgres', { query: [] }],
    ['playbook', { args: {} }],
    ['workbook', {}],
  ]
  it.each(refused)('%s refuses %o', (kind, parameters) => {
    expect(definitionOf(kind)?.parameters.safeParse(parameters).success).toBe(false)
  })

  it('knows its kinds', () => {
    expect(TOOLS.map((tool) => tool.kind)).toEqual(['python', 'http', 'postgres', 'shell', 'playbook', 'workbook'])
    expect(definitionOf('http')?.isCustom).toBeUndefined()
    expect(definitionOf('duckdb')).toMatchObject({ kind: 'duckdb', isCustom: true, open: null })
    for (const kind of ['step', 'iterate', 'join', 'iterator', '', 'a b']) expect(definitionOf(kind)).toBeNull()
  })
})
