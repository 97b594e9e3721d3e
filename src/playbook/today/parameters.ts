import { isMap, isScalar, isSeq, type Node, Pair, type YAMLMap } from 'yaml'
import { renameReferences } from '../../template/index.js'
import { featureAdvice } from '../features.js'
import { keyText } from '../reader.js'
import { rewriteAuth } from './credentials.js'
import { type Names, renameFor, wholeOutput } from './names.js'
import { usesNetwork } from './network.js'
import {
  booleanNode,
  entriesOf,
  type MappingAt,
  mapNode,
  mapOf,
  nodeOf,
  pairOf,
  replace,
  reportAt,
  take,
  textNode,
  wordOf,
} from './nodes.js'

/** One whole name, such as `{{ fetch }}`. */
export const WHOLE = /^\s*\{\{-?\s*(\w+)\s*-?\}\}\s*$/
const TAKES_ARGS = ['python', 'playbook', 'workbook']
/** What NoETL's tools say beside what they do. */
const LEFT_OUT = [
  'output',
  'output_select',
  'task',
  'return_step',
  'description',
  'desc',
  'result',
  'cache',
  'wait',
  'wait_for_completion',
]
/** Other names of parameters. */
const CALLED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  http: { body: 'payload', json: 'payload', verify: 'verify_ssl', uri: 'url' },
  postgres: { sql: 'query', statement: 'query' },
  workbook: { task: 'name' },
}

interface ToolRequest {
  readonly tool: YAMLMap
  readonly names: Names
  /** What stands for the inputs of one that takes none is put here. */
  readonly inputs: Map<string, string>
}

/** Rewrites the parameters of one tool. */
export function rewriteTool(step: MappingAt, { tool, names, inputs }: ToolRequest): void {
  const kind = wordOf(nodeOf(tool, 'kind'))
  // A tool that is not here is refused as such: nothing else in it is reported.
  if (kind === null || featureAdvice(kind) !== null) {
    for (const at of [step.map, tool]) for (const name of ['input', 'args']) take(at, name)
    return
  }
  for (const [from, to] of Object.entries(CALLED[kind] ?? {})) {
    const pair = pairOf(tool, from)
    if (pair?.value && !pairOf(tool, to)) replace(pair, to, pair.value)
  }
  rewriteTimeout(step, { tool, kind })
  for (const name of LEFT_OUT) leaveOut(step, { tool, name })
  const pool = pairOf(tool, 'pool')
  if (isMap(pool?.value)) leaveOut(step, { tool, name: 'pool' })
  rewriteScript(step, { tool, kind })
  rewriteAuth({ tool, kind })
  rewriteInput(step, { tool, kind, names, inputs })
  wrapReturn(tool, kind)
  askForNetwork(step, { tool, kind })
}

function leaveOut(step: MappingAt, { tool, name }: { tool: YAMLMap; name: string }): void {
  const pair = take(tool, name)
  if (!pair || (name === 'return_step' && wordOf(pair.value) === 'end')) return
  const why = name === 'return_step' ? ': the result of a child playbook is that of its "end", or of its last step' : ''
  reportAt(step, `"${name}" of a tool means nothing here, and is left out${why}`, pair.key, 'info')
}

/** Seconds; of `{connect, read}`, those that an answer may take. */
function rewriteTimeout(step: MappingAt, { tool, kind }: { tool: YAMLMap; kind: string }): void {
  const pair = pairOf(tool, 'timeout')
  if (!pair) return
  if (isMap(pair.value)) pair.value = nodeOf(pair.value, 'read') ?? nodeOf(pair.value, 'total') ?? nodeOf(pair.value, 'connect')
  const isListed = isSeq(nodeOf(step.map, 'tool'))
  if (kind === 'http' || isListed) return
  take(tool, 'timeout')
  if (!pairOf(step.map, 'timeout')) step.map.items.push(pair)
}

/** A script that lies elsewhere cannot be read here; in its place stands something, so that this is the one thing said. */
function rewriteScript(step: MappingAt, { tool, kind }: { tool: YAMLMap; kind: string }): void {
  const script = take(tool, 'script')
  if (!script) return
  const parameter = kind === 'postgres' ? 'command' : 'code'
  if (isScalar(script.value) && !pairOf(tool, parameter)) {
    tool.items.push(new Pair(textNode(parameter, script.key.range), script.value))
    return
  }
  reportAt(step, `"script" is a file elsewhere, which a playbook cannot run here: put its text under "${parameter}"`, script.key)
  if (!pairOf(tool, parameter))
    tool.items.push(new Pair(textNode(parameter, script.key.range), textNode('SELECT', script.key.range)))
}

interface InputRequest extends ToolRequest {
  readonly kind: string
}

function rewriteInput(step: MappingAt, { tool, kind, names, inputs: substituted }: InputRequest): void {
  const isListed = isSeq(nodeOf(step.map, 'tool'))
  const place = tool.items.findIndex((pair) => keyText(pair.key) === 'input')
  const inputs = [isListed ? pairOf(step.map, 'input') : take(step.map, 'input'), take(tool, 'input')].filter(
    (pair) => pair !== undefined,
  )
  const entries = inputs.flatMap((pair) =>
    isMap(pair.value) ? entriesOf(pair.value).map((entry) => entry.clone() as typeof entry) : [],
  )
  const [first] = inputs
  if (!first) return
  const others = inputs.filter((pair) => pair.value !== null && !isMap(pair.value))
  for (const pair of others) reportAt(step, '"input" is a mapping of names to values', pair.value)
  if (!TAKES_ARGS.includes(kind)) return substitute(step, { kind, entries, names, substituted })
  for (const entry of entries) if (kind === 'python') entry.value = wholeInput(entry.value, names)
  const byName = new Map(entries.map((pair) => [keyText(pair.key) ?? '', pair]))
  const args = mapNode([], first.value?.range ?? first.key.range)
  args.items.push(...byName.values())
  if (isMap(first.value) && first.value.commentBefore) args.commentBefore = first.value.commentBefore
  const code = wordOf(nodeOf(tool, 'code')) ?? ''
  if (kind === 'python' && /\binput_data\b/.test(code) && !byName.has('input_data')) {
    const copy = mapNode([], args.range)
    copy.items.push(...[...byName.values()].map((pair) => pair.clone() as Pair<Node, Node | null>))
    args.items.push(new Pair(textNode('input_data', args.range), copy))
  }
  if (args.items.length === 0) return
  const pair = pairOf(tool, 'args')
  if (pair) reportAt(step, '"args" stands beside "input": give one of them', pair.key)
  else tool.items.splice(place === -1 ? tool.items.length : place, 0, new Pair(textNode('args', first.key.range), args))
}

/** `{{ fetch }}` of a step or tool whose output is more than its value. */
function wholeInput(value: Node | null, names: Names): Node | null {
  const root = WHOLE.exec(wordOf(value) ?? '')?.[1]
  if (!value || root === undefined) return value
  const name = ['output', 'outcome', '_prev'].includes(root) ? names.before : (names.aliases.get(root) ?? root)
  const kind = name === null ? undefined : names.outputs.get(name)
  return name !== null && kind ? textNode(wholeOutput(name, kind), value.range) : value
}

interface Substitution {
  readonly kind: string
  readonly entries: readonly Pair<Node, Node | null>[]
  readonly names: Names
  readonly substituted: Map<string, string>
}

/** A tool that takes no arguments has their expressions where it names them. */
function substitute(step: MappingAt, { kind, entries, names, substituted }: Substitution): void {
  const rename = renameFor(names)
  for (const { key, value } of entries) {
    const text = wordOf(value) ?? ''
    const inner = /^\s*\{\{-?([^{}]*)-?\}\}\s*$/.exec(text)?.[1]
    const isPlain = isScalar(value) && !text.includes('{')
    if (inner !== undefined) substituted.set(keyText(key) ?? '', `(${renameReferences(inner.trim(), rename, true)})`)
    else if (isPlain) substituted.set(keyText(key) ?? '', typeof value.value === 'string' ? JSON.stringify(text) : `(${text})`)
    else reportAt(step, `${kind} takes no "input": write its templates where the values are needed`, key)
  }
}

/** NoETL's code has the network; here it asks for it. */
function askForNetwork(step: MappingAt, { tool, kind }: { tool: YAMLMap; kind: string }): void {
  const code = pairOf(tool, 'code')
  const libs = entriesOf(mapOf(tool, 'libs')).map((pair) => `import ${wordOf(pair.value) ?? ''}`)
  const isUsed = [wordOf(code?.value ?? null) ?? '', ...libs].some(usesNetwork)
  if (kind !== 'python' || !code || !isUsed || pairOf(tool, 'network')) return
  reportAt(
    step,
    'this code uses the network, which python has only where it asks for it: read with "network: true"',
    code.key,
    'info',
  )
  tool.items.push(new Pair(textNode('network', code.key.range), booleanNode(true, code.key.range)))
}

/** NoETL runs code as the body of a function, from which it may return. */
function wrapReturn(tool: YAMLMap, kind: string): void {
  const node = nodeOf(tool, 'code')
  if (kind !== 'python' || !isScalar(node) || typeof node.value !== 'string') return
  const code = node.value
  if (!/^return\b/m.test(code) || /^(async\s+)?def main\b/m.test(code)) return
  const args = entriesOf(mapOf(tool, 'args')).map((pair) => keyText(pair.key) ?? '')
  const libs = entriesOf(mapOf(tool, 'libs')).map((pair) => keyText(pair.key) ?? '')
  const body = code.replace(/^(?=.)/gm, '    ')
  const parameters = args.filter((name) => /^[A-Za-z_]\w*$/.test(name) && !libs.includes(name))
  const wrapped = `def main(${parameters.join(', ')}):\n${body}`
  node.value = wrapped
  node.source = wrapped
  node.type = 'BLOCK_LITERAL'
}
