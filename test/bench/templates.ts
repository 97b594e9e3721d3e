import nunjucks from 'nunjucks'
import type { JsonObject } from '../../src/core/json.js'
import {
  type ContextLayers,
  compileTemplate,
  createContext,
  renderTemplate,
  StepValue,
  toPlainContext,
} from '../../src/template/index.js'
import { medianOf, report, tableOf } from './lib/report.js'

/**
 * `npm run bench:templates`: ours against nunjucks compiled once, and the cost as the context grows. Time is the
 * processor's, so that neighbours count less. The script bundles first, as the build does: loaders add calls of their own.
 */

const SOURCE = '{{ vars.counter + 1 }}'
const ROUNDS = 15
const EVALUATIONS = 200_000
const REACH = 5
const FLAT = 1.3

interface Contender {
  readonly name: string
  readonly evaluate: () => unknown
  readonly nanoseconds: number[]
}

/** What a template of a step sees: as many names as a playbook of five finished steps gives. */
function layersWith(count: number): ContextLayers {
  const filler = Array.from({ length: count - 1 }, (_, index): [string, number] => [`variable_${index}`, index])
  const envelope = { status: 'success', data: { rows: [1, 2] }, error: null }
  const steps = ['fetch', 'check', 'store', 'notify', 'end'].map((name): [string, StepValue] => [
    name,
    new StepValue(envelope.data, envelope),
  ])
  return {
    locals: { this: envelope, result: { rows: [1, 2] }, response: { rows: [1, 2] }, error: null },
    vars: { counter: 5, ...Object.fromEntries(filler) },
    steps: Object.fromEntries(steps),
    workload: { batch_size: 100, base_url: 'https://api.example.com', timeout: 30, environment: 'production' },
    builtins: { execution_id: '507861119290048685', job: { path: 'a/b', version: 1 }, env: {}, payload: {} },
  }
}

function contender(name: string, evaluate: () => unknown): Contender {
  return { name, evaluate, nanoseconds: [] }
}

function measure({ evaluate, nanoseconds }: Contender): void {
  const start = process.cpuUsage()
  for (let index = 0; index < EVALUATIONS; index += 1) evaluate()
  const { user, system } = process.cpuUsage(start)
  nanoseconds.push(((user + system) * 1e3) / EVALUATIONS)
}

function ours(name: string, count: number): Contender {
  const template = compileTemplate(SOURCE)
  const context = createContext(layersWith(count))
  return contender(name, () => renderTemplate(template, context))
}

function fromSource(): Contender {
  const context = createContext(layersWith(10))
  return contender('Transient, from the source text (cached)', () => renderTemplate(SOURCE, context))
}

function theirs(name: string, context: JsonObject): Contender {
  const compiled = nunjucks.compile(SOURCE, new nunjucks.Environment(null, { autoescape: false }))
  return contender(name, () => compiled.render(context))
}

function main(): void {
  const small = ours('Transient, 10 variables', 10)
  const large = ours('Transient, 10,000 variables', 10_000)
  const yardstick = theirs('nunjucks, the same context', toPlainContext(layersWith(10)))
  const bare = theirs('nunjucks, nothing but vars', { vars: { counter: 5 } })
  const all = [small, large, fromSource(), yardstick, bare]
  // Rounds are interleaved, so that a busy neighbour slows all of them; the first two only warm up.
  for (let round = -2; round < ROUNDS; round += 1) {
    for (const one of all) measure(one)
    if (round < 0) for (const one of all) one.nanoseconds.length = 0
  }
  const ratio = medianOf(yardstick.nanoseconds) / medianOf(small.nanoseconds)
  const bareRatio = medianOf(bare.nanoseconds) / medianOf(small.nanoseconds)
  const growth = medianOf(large.nanoseconds) / medianOf(small.nanoseconds)
  const rows = all.map(({ name, nanoseconds }) => {
    const time = medianOf(nanoseconds)
    return [name, time.toFixed(0), (1e3 / time).toFixed(2)]
  })
  report({
    name: 'templates',
    command: 'npm run bench:templates',
    versions: ['nunjucks 3.2.4'],
    reached: { templates: ratio },
    body: [
      tableOf(['who', 'CPU per evaluation, ns', 'million a second'], rows),
      `${ratio.toFixed(1)}x nunjucks with the same context (to be reached: ${REACH}x), ${bareRatio.toFixed(1)}x with nothing in nunjucks' context but ` +
        `\`vars\`. From 10 to 10,000 variables the cost grows ${growth.toFixed(2)}x (flat: within ${FLAT}x).`,
    ],
  })
  if (ratio < REACH || growth > FLAT) process.exitCode = 1
}

main()
