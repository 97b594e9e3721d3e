import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { isTransientError } from '../../src/core/errors.js'
import { parseJson, stringifyJson } from '../../src/core/json.js'
import { renderTemplate, renderText } from '../../src/template/index.js'
import { within } from '../support/pace.js'
import { createRandom } from '../support/random.js'
import { corpusContext } from './corpus.js'

/** `npm run fuzz:templates` makes 100,000 of them. */
const COUNT = Number(process.env['FUZZ_TEMPLATES'] ?? 2000)
const LIMIT_MS = within(210_000)
/** More than any template within the budgets takes here, and less than a hang. */
const MAX_CPU_MS = within(500)

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
const CASES = read('cases.jsonl')
  .trimEnd()
  .split('\n')
  .map((line) => (JSON.parse(line) as { template: string }).template)

const HOSTILE = [
  '{{ x.constructor.constructor("return process")() }}',
  '{{ "".__class__.__mro__[1].__subclasses__() }}',
  '{{ range.constructor("globalThis.PWN=1")() }}',
  '{% set __proto__ = {"PWNP": 1} %}',
  '{{ dict(__proto__=1) }}{{ {"__proto__": {"PWNP": 1}} }}',
  '{{ d.update({"__proto__": {"PWNP": 1}}) }}{{ d.__proto__.PWNP }}',
  '{{ namespace(constructor=1).constructor }}{{ cycler.next.constructor }}',
  '{{ "x" * 99999999 }}{{ [0] * 99999999 }}{{ 9 ** 9 ** 9 }}',
  '{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}',
  '{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}',
  '{{ "%999999999d" % 1 }}{{ "{:>999999999}".format(1) }}{{ "a" | center(999999999) }}',
  '{{ xs | map("map", "map") | list }}{{ "a" | replace("", "b" * 9999) | replace("", "c" * 9999) }}',
  '{{ x"&Function`globalThis.PWN=1`&" }}',
  '{{ ((((((((((((((((1)))))))))))))))) }}',
  '{{ [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]] | tojson | fromjson }}',
]

const TOKENS =
  '{{ }} {% %} {# #} {%- -%} if else elif endif for in endfor set endset macro endmacro call endcall filter endfilter raw endraw with endwith not and or is defined none true ( ) [ ] { } , : . | ~ + - * / // % ** == != < > <= >= = \' " \\ 1 0 -1 2.5 1e308 99999999999999999999 x xs d s users loop self range dict namespace cycler joiner upper lower join map select sort groupby batch slice tojson fromjson replace format indent truncate wordwrap urlize xmlattr __proto__ constructor prototype __class__ \u0000 \ud800 😀 é \n \t'.split(
    ' ',
  )

type Random = () => number

function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T
}

function template(random: Random): string {
  const kind = random()
  if (kind < 0.25)
    return Array.from({ length: 1 + Math.floor(random() * 25) }, () => pick(random, TOKENS)).join(random() < 0.5 ? ' ' : '')
  let source = pick(random, kind < 0.4 ? HOSTILE : CASES)
  for (let change = Math.floor(random() * 4); change >= 0; change -= 1) source = mutated(random, source)
  return source
}

function mutated(random: Random, source: string): string {
  const at = Math.floor(random() * (source.length + 1))
  const end = at + Math.floor(random() * 8)
  switch (Math.floor(random() * 6)) {
    case 0:
      return source.slice(0, at) + source.slice(end)
    case 1:
      return source.slice(0, at) + pick(random, TOKENS) + source.slice(at)
    case 2:
      return source.slice(0, at) + source.slice(at, end).repeat(1 + Math.floor(random() * 40)) + source.slice(end)
    case 3:
      return source.slice(0, at) + pick(random, CASES) + source.slice(end)
    case 4:
      return source.slice(0, at) + pick(random, HOSTILE).slice(2, -2) + source.slice(at)
    default:
      return source.replace(/\w+/g, (word) => (random() < 0.2 ? pick(random, TOKENS) : word))
  }
}

/** Own names of everything that a template might have changed. */
function fingerprint(): string {
  const classes = [Object, Array, String, Number, Boolean, BigInt, Function, Map, Set, RegExp, Date, Promise, Error, Symbol]
  const names = classes.flatMap((one) => [one, one.prototype as object]).map((one) => Reflect.ownKeys(one).map(String).join())
  return [...names, Reflect.ownKeys(globalThis).map(String).join()].join('\n')
}

it(`${COUNT} random templates never hang, crash or change what is not theirs`, { timeout: within(280_000) }, () => {
  const random = createRandom('fuzzed templates')
  const data = parseJson(read('cases-context.json'))
  const context = corpusContext(data)
  const [before, given] = [fingerprint(), stringifyJson(data)]
  const start = performance.now()
  let [done, values, slowest] = [0, 0, 0]
  for (; done < COUNT && performance.now() - start < LIMIT_MS; done += 1) {
    const source = template(random)
    const cpu = process.cpuUsage()
    try {
      if (random() < 0.5) renderTemplate(source, context)
      else renderText(source, context)
      values += 1
    } catch (error) {
      if (!isTransientError(error)) throw new Error(`fuzzed: ${JSON.stringify(source)}`, { cause: error })
    }
    const { user, system } = process.cpuUsage(cpu)
    slowest = Math.max(slowest, (user + system) / 1000)
    if (slowest > MAX_CPU_MS) throw new Error(`fuzzed: ${slowest.toFixed(0)} ms of CPU: ${JSON.stringify(source)}`)
  }
  console.info(`${done} templates, ${values} with a value, the slowest ${slowest.toFixed(0)} ms of CPU`)
  expect(stringifyJson(data)).toBe(given)
  expect(fingerprint()).toBe(before)
  expect(done).toBe(COUNT)
})
