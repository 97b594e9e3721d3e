/** Random expressions that mean the same in Jinja2; what docs/templates.md lists as different is left out
 * (`tojson` and `e` give Markup there, which shows inside lists: they are made plain texts). */

type Random = () => number
type Kind = 'integer' | 'number' | 'text' | 'list' | 'dict' | 'truth' | 'any'
type Maker = (random: Random, depth: number) => string

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T
}

const LEAVES: Readonly<Record<Exclude<Kind, 'any'>, readonly string[]>> = {
  integer: [
    '0',
    '1',
    '2',
    '3',
    '7',
    '-5',
    '10',
    '100',
    'i',
    'j',
    'neg',
    'zero',
    'vars.counter',
    '9007199254740993',
    '12345678901234567890',
  ],
  number: ['2.5', '0.1', '-1.5', '1e3', '4.0', 'f', '1e-7', '123456.789', '1e16'],
  text: [
    "'a'",
    "''",
    "'Hello World'",
    "'a,b,,c'",
    "' x y '",
    "'é😀'",
    's',
    'e',
    'name',
    'vars.zip',
    'vars.numstr',
    "'it\\'s'",
    '"q\\"q"',
    "'A b-c_d'",
  ],
  list: [
    'xs',
    'ys',
    'es',
    '[]',
    '[1, 2, 3]',
    "['b', 'a']",
    '[1, none, true]',
    '[[1, 2], [3]]',
    '(1, 2)',
    'range(4)',
    'vars.list',
    "['x', 2.5, [1]]",
  ],
  dict: ['d', 'ed', '{}', "{'a': 1, 'b': [2]}", 'vars.obj', 'users[0]', "{1: 'x', 'y': none}"],
  truth: ['true', 'false', 't', 'fl', 'vars.flag'],
}

const of =
  (kind: Kind): Maker =>
  (random, depth) =>
    expression(random, kind, depth)
const [int, num, txt, lst, dct, anything] = (['integer', 'number', 'text', 'list', 'dict', 'any'] as const).map(of) as [
  Maker,
  Maker,
  Maker,
  Maker,
  Maker,
  Maker,
]

/** `%i`, `%n`, `%t`, `%l`, `%d`, `%b`, `%a`: an integer, a number, a text, a list, a dict, a condition, anything. */
const SHAPES: Readonly<Record<Exclude<Kind, 'any'>, readonly string[]>> = {
  integer: [
    '(%i + %i)',
    '(%i - %i)',
    '(%i * %i)',
    '(%i // %i)',
    '(%i %% %i)',
    '%l | length',
    '%t | length',
    '%d | length',
    '%t | int',
    '%n | int',
    '%i | abs',
    '%t.find(%t)',
    '%t.count(%t)',
    '%l | sum',
    '(%i if %b else %i)',
    '%t | wordcount',
    '-(%i)',
    '%l | map("string") | list | length',
    '%t | int(%i)',
    '%n | round | int',
  ],
  number: [
    '(%i / %i)',
    '(%n + %i)',
    '(%n * %n)',
    '(%n - %n)',
    '(%n // %i)',
    '(%n %% %n)',
    '%i | float',
    '%n | round',
    '%n | round(%i)',
    '%n | round(1, "floor")',
    '%n | abs',
    '%t | float',
    '(%i / 2) ** 2',
  ],
  text: [
    '(%t ~ %a)',
    '(%t + %t)',
    '(%t * 3)',
    '%t | upper',
    '%t | lower',
    '%t | title',
    '%t | capitalize',
    '%t | trim',
    '%t | replace(%t, %t)',
    '%t[%i:%i]',
    '%t[%i:]',
    '%t[::-1]',
    '%t.strip()',
    '%t.upper()',
    '%t.replace(%t, %t)',
    '%t.zfill(6)',
    '%t.center(9, "*")',
    '%l | join(%t)',
    '%l | join',
    '%a | string',
    '"{}".format(%a | tojson)',
    '%t | truncate(8, true)',
    '%t | truncate(6)',
    '%t | center(12)',
    '%t | indent(2, true)',
    '"%%s|%%5s" | format(%a, %i)',
    '"{}-{}".format(%i, %t)',
    '"%%05d" %% %i',
    '"%%.2f" %% %n',
    '"{:>8}|{:.1f}".format(%t, %n)',
    '%t | urlencode',
    '"{}".format(%t | e)',
    '(%t if %b else %t)',
    '%t.title()',
    '%t.swapcase()',
    '%t | wordwrap(5)',
    '"{}".format(%d | tojson)',
    '%l | string',
    '%d | string',
    '%n | string',
    '%t.partition(%t) | join("/")',
    '%t.lstrip()',
    '%i | filesizeformat',
  ],
  list: [
    '%l | list',
    '%l | sort',
    '%l | sort(reverse=true)',
    '%l | unique | list',
    '%l | reverse | list',
    '%t.split(%t)',
    '%t.split()',
    '%t | list',
    '%d | list',
    '%d.keys() | list',
    '%d.values() | list',
    '%d.items() | list',
    '%d | dictsort',
    '(%l + %l)',
    '%l[%i:%i]',
    '%l[::2]',
    '%l | map("string") | list',
    '%l | map("upper") | list',
    '%l | select("number") | list',
    '%l | reject("none") | list',
    '%l | select | list',
    '%l | batch(2) | list',
    '%l | slice(2) | list',
    '%l | batch(3, %i) | list',
    '[%a, %a]',
    '(%a, %i)',
    'range(%i) | list',
    '%l | map("int") | list',
    'users | map(attribute="name") | list',
    'users | selectattr("age", "gt", %i) | map(attribute="id") | list',
    '%l | select("in", %l) | list',
    '%l * 2',
    '%t.splitlines()',
    '%l | map("default", %a) | list',
    '%t.rsplit(%t, 1)',
  ],
  dict: ["{'k': %a, 'l': %i}", 'dict(a=%a)', '(%d if %b else %d)', '{%t: %a}', 'dict(%d, z=%i)', '%d.copy()'],
  truth: [
    '(%i == %n)',
    '(%i < %i)',
    '(%i >= %n)',
    '(%t == %t)',
    '(%t < %t)',
    '(%a == %a)',
    '(%a != %a)',
    '(%a in %l)',
    '(%t in %t)',
    '(%t in %d)',
    '(%a not in %l)',
    'not %a',
    '(%b and %b)',
    '(%b or %b)',
    '(%i is odd)',
    '(%i is even)',
    '(%a is string)',
    '(%a is number)',
    '(%a is iterable)',
    '(%a is sequence)',
    '(%a is mapping)',
    '(%a is none)',
    '(%i is divisibleby %i)',
    '(%t is lower)',
    '%t.startswith(%t)',
    '%t.isdigit()',
    '(%a is integer)',
    '(%a is float)',
    '(%a is sameas none)',
    '(%i < %i < %i)',
    '(missing is defined)',
    '(%a is boolean)',
    '(%l == %l)',
    '(%l < %l)',
    '%t.endswith(%t)',
    '%t.isalpha()',
    '%t.istitle()',
  ],
}

const MAKERS: Readonly<Record<string, Maker>> = { i: int, n: num, t: txt, l: lst, d: dct, b: of('truth'), a: anything }

/** An expression that mostly has a value of the kind; now and then one of another kind stands in, as authors write them. */
export function expression(random: Random, kind: Kind, depth: number): string {
  const wanted =
    kind === 'any' || random() < 0.03 ? pick(random, ['integer', 'number', 'text', 'list', 'dict', 'truth'] as const) : kind
  if (wanted === 'integer' && kind === 'any' && random() < 0.15) return 'none'
  if (depth <= 0 || random() < 0.25) return pick(random, LEAVES[wanted])
  const shape = pick(random, SHAPES[wanted])
  const filled = shape.replace(/%([a-z%])/g, (_, letter: string) =>
    letter === '%' ? '%' : operand(random, MAKERS[letter] as Maker, depth - 1),
  )
  return filled.includes('|') ? `(${filled})` : filled
}

function operand(random: Random, make: Maker, depth: number): string {
  const made = make(random, depth)
  return /^[\w.]+$|^\(.*\)$|^\[.*\]$|^'[^']*'$/.test(made) && !made.startsWith('-') ? made : `(${made})`
}
