import { describe, expect, it } from 'vitest'
import { createContext, renderText } from '../../src/template/index.js'

const context = createContext({
  vars: {
    xs: [3, 1, 2],
    people: [
      { name: 'Ann', age: 30, team: 'b' },
      { name: 'bob', age: 25, team: 'a' },
    ],
  },
})

/** Expression and what Jinja2 3.1 prints for it, by group. */
const TABLE: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  text: [
    ["'hello wORLD' | title", 'Hello World'],
    ["'äb' | capitalize", 'Äb'],
    ["'a\\nb' | indent(2)", 'a\n  b'],
    ["'aaa' | replace('a', 'b', 2)", 'bba'],
    ["'The quick brown fox' | truncate(10, leeway=0)", 'The...'],
    ["'%05.1f|%s' | format(3.14159, true)", '003.1|True'],
    ["'the quick brown fox' | wordwrap(10)", 'the quick\nbrown fox'],
    ["'2-123456.789' | wordwrap(5)", '2-\n12345\n6.789'],
    ["'x' | center(4) ~ '|'", ' x  |'],
    ["'one two, three' | wordcount", '3'],
  ],
  size: [
    ["missing | default('x')", 'x'],
    ["'' | d('x', true)", 'x'],
    ['vars.xs | length', '3'],
    ["'é😀' | length", '2'],
    ['1536 | filesizeformat', '1.5 kB'],
    ['1536 | filesizeformat(true)', '1.5 KiB'],
  ],
  html: [
    ["'<a>' | e", '&lt;a&gt;'],
    ["'<p>a</p>  <b>c</b>' | striptags", 'a c'],
    ["{'class': 'x y'} | xmlattr", ' class="x y"'],
  ],
  list: [
    ['vars.xs | sort', '[1, 2, 3]'],
    ["vars.people | sort(attribute='name') | map(attribute='name') | join(',')", 'Ann,bob'],
    ['vars.xs | sum', '6'],
    ['vars.xs | batch(2) | list', '[[3, 1], [2]]'],
    ['vars.xs | slice(2) | list', '[[3, 1], [2]]'],
    ["['a', 'A'] | unique | list", "['a']"],
    ['vars.xs | max', '3'],
    ["'abc' | reverse", 'cba'],
    ['vars.xs | first + vars.xs | last', '5'],
  ],
  select: [
    ["vars.people | selectattr('age', 'gt', 26) | map(attribute='name') | list", "['Ann']"],
    ["vars.xs | reject('odd') | list", '[2]'],
    ["vars.xs | map('string') | list", "['3', '1', '2']"],
    ['none | map("upper") | list', '[]'],
  ],
  dict: [
    ["{'b': 1, 'a': 2} | dictsort", "[('a', 2), ('b', 1)]"],
    ["{'b': 1} | items | list", "[('b', 1)]"],
    ["vars.people | groupby('team') | map('first') | list", "['a', 'b']"],
    ["(vars.people | groupby('team'))[0].list | length", '1'],
  ],
  number: [
    ['2.5 | round', '2.0'],
    ['2.675 | round(2)', '2.67'],
    ["'0x1f' | int(base=16)", '31'],
    ["'12.9' | int", '12'],
    ["'x' | float(1.5)", '1.5'],
    ['(-3) | abs', '3'],
    ['-7 // 2', '-4'],
    ['-7 % 3', '2'],
    ['2 ** 3 ** 2', '64'],
    ['10 ** 20', '100000000000000000000'],
    ['1e16', '1e+16'],
    ['0.1 + 0.2', '0.30000000000000004'],
  ],
  codec: [
    ["{'b': [1, 2.5], 'a': none} | tojson", '{"a": null, "b": [1, 2.5]}'],
    ['\'{"a": 9007199254740993}\' | fromjson', "{'a': 9007199254740993}"],
    ["'é' | b64encode", 'w6k='],
    ["'w6k=' | b64decode", 'é'],
    ["'a b/c?' | urlencode", 'a%20b/c%3F'],
    ["{'a': 1, 'b': 'x y'} | urlencode", 'a=1&b=x+y'],
  ],
  tests: [
    ['3 is odd and 4 is even and 9 is divisibleby 3', 'True'],
    ['2.5 is odd', 'False'],
    ['1.0 is float and 1 is integer and true is not integer', 'True'],
    ["'x' in 'xyz' and 4 not in vars.xs", 'True'],
    ["'upper' is filter and 'odd' is test", 'True'],
    ['{} is mapping and [] is sequence and none is none', 'True'],
  ],
  methods: [
    ["'a,b,c'.rsplit(',', 1)", "['a,b', 'c']"],
    ["'{:>5}|{:,.2f}'.format('x', 1234.5)", '    x|1,234.50'],
    ["{'a': 1}.get('b', 2)", '2'],
    ['[1, 2].index(2)', '1'],
    ["'x'.zfill(3) ~ 'ab'.upper()", '00xAB'],
    ["'%(a)s' % {'a': 1}", '1'],
  ],
}

describe.each(Object.entries(TABLE))('%s', (_, rows) => {
  it.each(rows)('{{ %s }} prints %s', (expression, text) => {
    expect(renderText(`{{ ${expression} }}`, context)).toBe(text)
  })
})
