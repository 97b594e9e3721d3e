import { isMap, type Node, Pair, type YAMLMap } from 'yaml'
import { keyText } from '../reader.js'
import { type Names, type OutputKind, renameFor, renameTree, wholeOutput } from './names.js'
import {
  addComments,
  booleanNode,
  commentsIn,
  entriesOf,
  insertBeforeRoutes,
  itemsOf,
  listNode,
  type MappingAt,
  mapNode,
  mapOf,
  nodeOf,
  pairOf,
  reportAt,
  take,
  textNode,
  wordOf,
} from './nodes.js'
import { rewriteTool, WHOLE } from './parameters.js'
import { type Divided, failsLoop, listRules, type PlainRules, plainRules } from './rules.js'

/** What a step's tools are rewritten with. */
export interface StepAt extends MappingAt {
  readonly name: string
  readonly element: string | null
  readonly hasLoop: boolean
  readonly outputs: ReadonlyMap<string, OutputKind>
  /** Whether another step reads a name. */
  readonly isReadElsewhere: (name: string) => boolean
}

export interface ToolsReading {
  /** How the step's other templates name things. */
  readonly names: Names
  readonly set: readonly Pair[]
  /** Whether a failure is routed as success is. */
  readonly goesOn: boolean
  readonly failsLoop: boolean
}

const SCOPES = ['ctx', 'iter', 'step']

/** Rewrites what a step runs: one tool, or a list of them. */
export function rewriteTools(step: StepAt): ToolsReading {
  const names: Names = {
    ...{ element: step.element, hasLocals: false, aliases: new Map(), outputs: step.outputs, before: null, inputs: new Map() },
  }
  const pair = pairOf(step.map, 'tool')
  const isOwn = pairOf(step.map, 'pool') !== undefined && isMap(pair?.value)
  const items = toolMaps(pair?.value ?? null)
  const [only] = items
  if (!pair || !only || isOwn) return { names, set: [], goesOn: false, failsLoop: false }
  const plain = items.length === 1 ? plainTool(step, only) : null
  if (plain) {
    pair.value = only
    if (wordOf(nodeOf(only, 'kind')) !== 'workbook' || pairOf(only, 'task')) take(only, 'name')
    const set = expanded(entriesOf(mapOf(only, 'set')))
    take(only, 'set')
    const kept = new Set(plain.set.map((entry) => entry.value as Node))
    const comments = commentsIn(takePolicy(only), kept)
    const retry = pairOf(step.map, 'retry')
    if (plain.retry && retry) reportAt(step, '"retry" stands beside a rule that retries: give one of them', retry.key)
    if (plain.retry && !retry) {
      plain.retry.commentBefore = null
      const key = textNode('retry', plain.retry.range)
      addComments(key, comments)
      insertBeforeRoutes(step.map, new Pair(key, plain.retry))
    } else addComments(pair.key, comments)
    const inputs = new Map<string, string>()
    rewriteTool(step, { tool: only, names, inputs })
    renameTree(only, renameFor({ ...names, inputs }))
    if (isNoop(only)) take(step.map, 'tool')
    return { names, set: [...plain.set, ...set], goesOn: plain.goesOn && !step.hasLoop, failsLoop: plain.failsLoop }
  }
  return rewriteList(step, { pair, items, names })
}

/** The mappings of a list, each with its name; of one tool, that. */
function toolMaps(node: Node | null): YAMLMap[] {
  if (isMap(node)) {
    const [label] = entriesOf(node)
    return [node.items.length === 1 && isMap(label?.value) ? label.value : node]
  }
  return itemsOf(node).flatMap((item, index) => {
    if (!isMap(item)) return []
    const [label] = entriesOf(item)
    if (label && item.items.length === 1 && isMap(label.value) && !pairOf(item, 'kind')) {
      const { value } = label
      if (label.key.commentBefore && !value.commentBefore) value.commentBefore = label.key.commentBefore
      if (!pairOf(value, 'name')) value.items.unshift(new Pair(textNode('name', label.key.range), label.key))
      return [value]
    }
    if (!pairOf(item, 'name')) item.items.unshift(new Pair(textNode('name', item.range), textNode(`task_${index}`, item.range)))
    return [item]
  })
}

/** What the rules of a tool that stands alone say, where it needs no list for them. */
function plainTool(step: StepAt, tool: YAMLMap): PlainRules | null {
  const { hasLoop } = step
  if (hasLoop && isNoop(tool)) return null
  const rules = plainRules(step, policyOf(tool))
  if (!rules) return null
  const set = [...rules.set, ...expanded(entriesOf(mapOf(tool, 'set')))]
  const isLocal = set.some((pair) => /^(iter|step)\./.test(keyText(pair.key) ?? ''))
  return isLocal || (hasLoop && set.length > 0) ? null : rules
}

interface ListRequest {
  readonly pair: Pair<Node, Node | null>
  readonly items: readonly YAMLMap[]
  readonly names: Names
}

function rewriteList(step: StepAt, { pair, items, names: given }: ListRequest): ToolsReading {
  const labels = items.map((item) => wordOf(nodeOf(item, 'name')) ?? step.name)
  const outputs = new Map(step.outputs)
  for (const [index, item] of items.entries()) {
    const kind = outputKind(item)
    if (kind) outputs.set(labels[index] ?? '', kind)
    else outputs.delete(labels[index] ?? '')
  }
  const names: Names = { ...given, hasLocals: true, outputs, aliases: aliasesOf(items, labels) }
  const stops = step.hasLoop && items.some((item) => failsLoop(policyOf(item)))
  const written = items.map((item, index) => rewriteListed(step, { item, index, labels, names }))
  const from = pair.value
  const list = listNode(written, from?.range)
  if (from?.commentBefore) list.commentBefore = from.commentBefore
  pair.value = list
  return { names, set: [], goesOn: false, failsLoop: stops }
}

/** Bare and local names that stand for the whole output of one tool. */
function aliasesOf(items: readonly YAMLMap[], labels: readonly string[]): Map<string, string> {
  const aliases = new Map<string, string>()
  const others = new Set<string>()
  for (const [index, item] of items.entries()) {
    const rules = itemsOf(nodeOf(policyOf(item) ?? item, 'rules'))
    for (const pair of [...expanded(entriesOf(mapOf(item, 'set'))), ...rules.flatMap(setsIn)]) {
      const key = keyText(pair.key) ?? ''
      const isWhole = ['output', 'outcome'].includes(WHOLE.exec(wordOf(pair.value as Node) ?? '')?.[1] ?? '')
      if (key.startsWith('ctx.')) continue
      if (!isWhole || aliases.has(key)) others.add(key)
      aliases.set(key, labels[index] ?? '')
    }
  }
  for (const name of others) aliases.delete(name)
  return aliases
}

function setsIn(node: Node): Pair[] {
  if (!isMap(node)) return []
  return entriesOf(node).flatMap((pair) =>
    keyText(pair.key) === 'set' && isMap(pair.value) ? expanded(entriesOf(pair.value)) : setsIn(pair.value as Node),
  )
}

interface ListedRequest {
  readonly item: YAMLMap
  readonly index: number
  readonly labels: readonly string[]
  readonly names: Names
}

function rewriteListed(step: StepAt, { item, index, labels, names }: ListedRequest): YAMLMap {
  const label = labels[index] ?? ''
  const policy = takePolicy(item)
  const set = expanded(entriesOf(mapOf(item, 'set')))
  take(item, 'set')
  const kind = outputKind(item)
  const divide = (pairs: readonly Pair[]) => divided(expanded(pairs), { step, names, kind })
  const own = divide(set)
  const rename = renameFor(names)
  const rules = listRules(step, policy, { divide, locals: own.locals })
  renameTree(rules, rename)
  const vars =
    own.vars.length > 0
      ? mapNode(
          own.vars.map((entry) => [keyText(entry.key) ?? '', entry.value as Node]),
          item.range,
        )
      : null
  renameTree(vars, rename)
  const name = take(item, 'name') ?? new Pair<Node, Node | null>(textNode('name', item.range), textNode(label, item.range))
  const inputs = new Map<string, string>()
  const given = { ...names, before: labels[index - 1] ?? null, inputs }
  if (isNoop(item)) item.items.splice(0)
  else rewriteTool(step, { tool: item, names: given, inputs })
  renameTree(item, renameFor(given))
  item.items.unshift(name)
  if (vars) item.items.push(new Pair(textNode('vars', item.range), vars))
  if (rules) item.items.push(new Pair(textNode('rules', rules.range), rules))
  item.flow = item.flow === true && !rules && !vars
  return item
}

interface Dividing {
  readonly step: StepAt
  readonly names: Names
  readonly kind: OutputKind | null
}

function divided(pairs: readonly Pair[], { step, names, kind }: Dividing): Divided {
  const vars: Pair[] = []
  const locals: Pair[] = []
  for (const pair of pairs) {
    const key = keyText(pair.key) ?? ''
    const scope = SCOPES.find((one) => key.startsWith(`${one}.`))
    const name = scope ? key.slice(scope.length + 1) : key
    const entry = new Pair(textNode(name, (pair.key as Node).range), wholeValue(pair.value as Node, kind))
    if (scope === 'ctx' || (scope === undefined && step.isReadElsewhere(name))) vars.push(entry)
    else if (!names.aliases.has(key)) locals.push(entry)
  }
  return { vars, locals }
}

/** `{{ output }}` of a tool whose output is more than its value. */
function wholeValue(value: Node | null, kind: OutputKind | null): Node {
  if (value === null) return textNode('null', null)
  const name = WHOLE.exec(wordOf(value) ?? '')?.[1]
  return kind && (name === 'output' || name === 'outcome') ? textNode(wholeOutput('this', kind), value.range) : value
}

/** What is set, as `vars` after the tool: `ctx.x`, `iter.x`, `step.x` and `x` are the variable x. */
export function varsOf(set: readonly Pair[], { kind, at }: { readonly kind: OutputKind | null; readonly at: Node }): YAMLMap {
  const entries = expanded(set).map((pair): [string, Node] => {
    const key = keyText(pair.key) ?? ''
    const scope = SCOPES.find((name) => key.startsWith(`${name}.`))
    return [scope ? key.slice(scope.length + 1) : key, wholeValue(pair.value as Node | null, kind)]
  })
  return mapNode([['after', mapNode([...new Map(entries)], at.range)]], at.range)
}

/** `ctx: {x: 1}` as `ctx.x: 1`. */
function expanded(pairs: readonly Pair[]): Pair[] {
  return pairs.flatMap((pair) => {
    const key = keyText(pair.key) ?? ''
    if (!SCOPES.includes(key) || !isMap(pair.value)) return [pair]
    return entriesOf(pair.value).map((inner) => {
      const name = textNode(`${key}.${keyText(inner.key) ?? ''}`, inner.key.range)
      return new Pair<Node, Node | null>(name, inner.value)
    })
  })
}

function isNoop(tool: YAMLMap): boolean {
  return wordOf(nodeOf(tool, 'kind')) === 'noop'
}

/** What a tool's output is beside its value. */
export function outputKind(tool: YAMLMap): OutputKind | null {
  const kind = wordOf(nodeOf(tool, 'kind'))
  return kind === 'http' || kind === 'postgres' ? kind : null
}

function policyOf(tool: YAMLMap): YAMLMap | null {
  const spec = mapOf(tool, 'spec')
  return (spec && mapOf(spec, 'policy')) ?? mapOf(tool, 'policy')
}

/** The policy of a tool, whose other options become its own. */
function takePolicy(tool: YAMLMap): YAMLMap | null {
  const policy = policyOf(tool)
  const spec = take(tool, 'spec')
  take(tool, 'policy')
  if (spec && isMap(spec.value)) {
    const gone = take(spec.value, 'policy')
    addComments(
      policy,
      [spec.value.commentBefore, gone?.key.commentBefore].flatMap((comment) => comment ?? []),
    )
    if (spec.key.commentBefore && spec.value.items[0]) (spec.value.items[0].key as Node).commentBefore ??= spec.key.commentBefore
    tool.items.push(...spec.value.items)
  }
  return policy
}

/** `fail_fast: true` */
export function failFast(loop: YAMLMap): Pair {
  return new Pair(textNode('fail_fast', loop.range), booleanNode(true, loop.range))
}
