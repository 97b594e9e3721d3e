import { isMap, isSeq, type Node, Pair, type YAMLMap } from 'yaml'
import { featureAdvice } from '../features.js'
import { keyText } from '../reader.js'
import { renameFor, renameTree } from './names.js'
import { type MappingAt, mapNode, mapOf, nodeOf, pairOf, replace, reportAt, take, textNode, wordOf } from './nodes.js'
import { rewriteRoutes } from './routes.js'
import { type RuleReading, readRules } from './rules.js'

const SCOPES = ['ctx', 'iter', 'step']

/** Rewrites one step in place. */
export function rewriteStep(step: MappingAt, addStep: (step: YAMLMap) => void): void {
  const { map } = step
  const loop = mapOf(map, 'loop')
  const element = loop ? (wordOf(nodeOf(loop, 'iterator')) ?? wordOf(nodeOf(loop, 'element'))) : null
  const set = take(map, 'set')
  const vars = pairOf(map, 'vars')
  if (set && vars) reportAt(step, 'this step sets variables with "set" already: write these there, too, as ctx.<name>', vars.key)
  unwrapList(step)
  const tool = mapOf(map, 'tool')
  const rules = rewriteTool(step, tool)
  rewriteSpec(step)
  if (loop) rewriteLoop(step, { loop, tool, rules })
  const assigned = [...(loop && tool ? [] : rules.set), ...((set && isMap(set.value) ? set.value.items : []) as Pair[])]
  addVars(map, assigned, set?.key ?? map)
  rewriteRoutes({ ...step, name: wordOf(nodeOf(map, 'step')) ?? '', goesOn: rules.goesOn && !loop, addStep })
  renameTree(map, renameFor(element))
}

/** A list of one tool is that tool; the reader refuses longer ones. */
function unwrapList({ map }: MappingAt): void {
  const pair = pairOf(map, 'tool')
  if (!pair || !isSeq(pair.value) || pair.value.items.length !== 1) return
  const [only] = pair.value.items
  if (!isMap(only)) return
  const [label] = only.items
  const tool = !pairOf(only, 'kind') && only.items.length === 1 && isMap(label?.value) ? label.value : only
  take(tool, 'name')
  pair.value = tool
}

function rewriteTool(step: MappingAt, tool: YAMLMap | null): RuleReading {
  const isOwn = pairOf(step.map, 'pool') !== undefined
  const spec = tool && !isOwn ? take(tool, 'spec') : undefined
  const options = spec && isMap(spec.value) ? spec.value : null
  const rules = readRules(step, options ? mapOf(options, 'policy') : null)
  if (rules.retry && !pairOf(step.map, 'retry')) step.map.items.push(new Pair(textNode('retry', rules.retry.range), rules.retry))
  if (!tool) return rules
  if (options) {
    take(options, 'policy')
    tool.items.push(...options.items)
  }
  const kind = wordOf(nodeOf(tool, 'kind'))
  const set = take(tool, 'set')
  const all = { ...rules, set: [...rules.set, ...((set && isMap(set.value) ? set.value.items : []) as Pair[])] }
  if (kind === 'noop' && !isOwn) take(step.map, 'tool')
  else if (!isOwn && !isForeign(step, { kind, tool })) rewriteInput(step, { kind, tool })
  return all
}

/** A tool that Transient does not have is refused as such: nothing else in it is reported. */
function isForeign(step: MappingAt, { kind, tool }: { kind: string | null; tool: YAMLMap }): boolean {
  if (kind === null || featureAdvice(kind) === null) return false
  take(step.map, 'input')
  for (const name of ['input', 'args']) take(tool, name)
  return true
}

function rewriteInput(step: MappingAt, { kind, tool }: { kind: string | null; tool: YAMLMap }): void {
  const timeout = kind === 'http' ? undefined : take(tool, 'timeout')
  if (timeout && !pairOf(step.map, 'timeout')) step.map.items.push(timeout)
  if (kind === 'playbook' && wordOf(nodeOf(tool, 'return_step')) === 'end') take(tool, 'return_step')
  const inputs = [take(step.map, 'input'), take(tool, 'input')].filter((pair) => pair !== undefined)
  const entries = inputs.flatMap((pair) => (isMap(pair.value) ? (pair.value.items as Pair<Node, Node>[]) : []))
  const [first] = inputs
  if (!first) return
  const others = inputs.filter((pair) => pair.value !== null && !isMap(pair.value))
  for (const pair of others) reportAt(step, '"input" is a mapping of names to values', pair.value)
  const takesArgs = kind === 'python' || kind === 'playbook' || kind === 'workbook'
  if (!takesArgs) {
    if (entries.length > 0)
      reportAt(step, `${kind ?? 'a tool'} takes no "input": write its templates where the values are needed`, first.key)
    return
  }
  const byName = new Map(entries.map((pair) => [keyText(pair.key) ?? '', pair]))
  const args = mapNode([], first.value?.range ?? first.key.range)
  args.items.push(...byName.values())
  if (kind === 'python' && /\binput_data\b/.test(wordOf(nodeOf(tool, 'code')) ?? '') && !byName.has('input_data')) {
    const copy = mapNode([], args.range)
    copy.items.push(...byName.values())
    args.items.push(new Pair(textNode('input_data', args.range), copy))
  }
  if (args.items.length === 0) return
  const pair = pairOf(tool, 'args')
  if (pair) reportAt(step, '"args" stands beside "input": give one of them', pair.key)
  else tool.items.push(new Pair(textNode('args', first.key.range), args))
}

const ADMIT =
  '"admit" is not supported: put the condition on the arcs that lead to this step, or into a step before it that has no tool'

function rewriteSpec(step: MappingAt): void {
  const spec = take(step.map, 'spec')
  if (!spec || !isMap(spec.value)) return
  const policy = mapOf(spec.value, 'policy')
  const admit = policy ? pairOf(policy, 'admit') : undefined
  if (admit) reportAt(step, ADMIT, admit.key)
  else reportAt(step, '"spec" of a step means nothing here, and is left out', spec.key, 'info')
}

interface LoopRequest {
  readonly loop: YAMLMap
  readonly tool: YAMLMap | null
  readonly rules: RuleReading
}

const PARALLEL =
  '"iter" of a loop in parallel is not supported, as variables belong to the execution: use the result of each iteration instead'

function rewriteLoop(step: MappingAt, { loop, tool, rules }: LoopRequest): void {
  const spec = take(loop, 'spec')
  const options = spec && isMap(spec.value) ? spec.value : null
  const mode = options ? nodeOf(options, 'mode') : null
  const limit = options ? nodeOf(options, 'max_in_flight') : null
  if (mode) loop.items.push(new Pair(textNode('mode', mode.range), mode))
  const isParallel = mode !== null && wordOf(mode) !== 'sequential'
  if (limit && isParallel) loop.items.push(new Pair(textNode('concurrency', limit.range), limit))
  if (rules.failsLoop) {
    const yes = textNode('true', loop.range)
    yes.value = true
    loop.items.push(new Pair(textNode('fail_fast', loop.range), yes))
  }
  if (!tool || rules.set.length === 0) return
  const local = rules.set.find((pair) => keyText(pair.key)?.startsWith('iter.'))
  if (local && isParallel) reportAt(step, PARALLEL, local.key as Node)
  const task = mapNode([['tool', tool]], tool.range)
  addVars(task, rules.set, tool)
  rename(loop, { in: 'collection', iterator: 'element' })
  loop.items.unshift(new Pair(textNode('kind', tool.range), textNode('iterator', tool.range)))
  loop.items.push(new Pair(textNode('task', tool.range), task))
  const pair = pairOf(step.map, 'tool')
  take(step.map, 'loop')
  if (pair) pair.value = loop
}

function rename(map: YAMLMap, names: Readonly<Record<string, string>>): void {
  for (const [from, to] of Object.entries(names)) {
    const pair = pairOf(map, from)
    if (pair?.value) replace(pair, to, pair.value)
  }
}

/** `ctx.x`, `iter.x`, `step.x` and `x` are the variable x, which is set after the tool. */
function addVars(map: YAMLMap, pairs: readonly Pair[], at: Node): void {
  if (pairs.length === 0) return
  const entries = pairs.map((pair): [string, Node] => {
    const key = keyText(pair.key) ?? ''
    const scope = SCOPES.find((name) => key.startsWith(`${name}.`))
    const value = (pair.value ?? textNode('null', (pair.key as Node).range)) as Node
    return [scope ? key.slice(scope.length + 1) : key, value]
  })
  const vars = mapNode([['after', mapNode([...new Map(entries)], at.range)]], at.range)
  map.items.push(new Pair(textNode('vars', at.range), vars))
}
