import { isMap, isSeq, type Node, Pair, type YAMLMap } from 'yaml'
import { keyText, type Source } from '../reader.js'
import { reportCredentials, rewriteKeychain } from './credentials.js'
import { addJoins } from './joins.js'
import {
  addComments,
  commentsIn,
  entriesOf,
  itemsOf,
  mapNode,
  mapOf,
  nodeOf,
  pairOf,
  reportAt,
  take,
  textNode,
  wordOf,
} from './nodes.js'
import { outputsOf, rewriteStep } from './steps.js'
import { rewriteTools } from './tools.js'

/**
 * Rewrites a playbook in NoETL's present form into this project's own, in place; each node keeps its position in the source.
 * A playbook of another form stays as it is. Answers whether it was one.
 */
export function rewriteToday(root: YAMLMap, source: Source): boolean {
  const workflow = nodeOf(root, 'workflow')
  const steps = itemsOf(workflow).filter((step) => isMap(step))
  if (!isSeq(workflow) || !(pairOf(root, 'executor') || pairOf(root, 'keychain') || steps.some(isToday))) return false
  const index = root.items.findIndex((pair) => keyText(pair.key) === 'executor')
  const executor = take(root, 'executor')
  const at = { source, map: root, path: 'executor' }
  if (executor) {
    reportAt(at, '"executor" means nothing here, and is left out', executor.key, 'info')
    addComments(root.items[index]?.key as Node, [...commentsIn(executor.key), ...commentsIn(executor.value)])
  }
  rewriteKeychain({ source, map: root, path: 'keychain' })
  rewriteWorkbook(root, source)
  addJoins(steps, source)
  const outputs = outputsOf(steps)
  const words = new Map(steps.map((step) => [step, wordsIn(source.text.slice(step.range?.[0] ?? 0, step.range?.[2] ?? 0))]))
  const counts = new Map<string, number>()
  for (const own of words.values()) for (const word of own) counts.set(word, (counts.get(word) ?? 0) + 1)
  const isReadElsewhere = (name: string, step: YAMLMap) => (counts.get(name) ?? 0) > Number(words.get(step)?.has(name) ?? false)
  const taken = new Set(steps.map((step) => wordOf(nodeOf(step, 'step'))))
  const nameBetween = (from: string, to: string): string => {
    const name = `${from}_to_${to}`
    let free = name
    for (let count = 2; taken.has(free); count += 1) free = `${name}_${count}`
    taken.add(free)
    return free
  }
  const all: Node[] = []
  for (const [index, item] of (workflow.items as Node[]).entries()) {
    all.push(item)
    if (!isMap(item)) continue
    const added: YAMLMap[] = []
    const path = `workflow[${index}]`
    const surroundings = { outputs, isReadElsewhere, nameBetween, addStep: (step: YAMLMap) => added.push(step) }
    rewriteStep({ source, map: item, path }, surroundings)
    all.push(...added)
  }
  workflow.items = all
  reportCredentials({ source, map: root, path: 'workflow' }, workflow)
  return true
}

function wordsIn(text: string): Set<string> {
  return new Set(text.match(/\w+/g))
}

/** The tools of the workbook's tasks. */
function rewriteWorkbook(root: YAMLMap, source: Source): void {
  for (const [index, task] of itemsOf(nodeOf(root, 'workbook')).entries()) {
    if (!isMap(task)) continue
    const kind = pairOf(task, 'kind')
    if (kind && !pairOf(task, 'tool')) {
      const others = entriesOf(task).filter(({ key }) => !['name', 'desc', 'assert'].includes(keyText(key) ?? ''))
      const tool = mapNode([], kind.key.range)
      tool.items.push(...others)
      for (const { key } of others) take(task, keyText(key) ?? '')
      task.items.push(new Pair(textNode('tool', kind.key.range), tool))
    }
    if (!isMap(nodeOf(task, 'tool'))) continue
    const nothing = { element: null, hasLoop: false, outputs: new Map(), isReadElsewhere: () => false }
    rewriteTools({ source, map: task, path: `workbook[${index}]`, name: '', ...nothing })
  }
}

const POLICY_WORDS = ['policy', 'code', 'endpoint', 'url', 'command', 'query', 'timeout']

/** Whether a step is written in a way that only the present form has. */
function isToday(step: YAMLMap): boolean {
  const next = mapOf(step, 'next')
  const spec = mapOf(step, 'spec')
  if (next !== null && (pairOf(next, 'arcs') !== undefined || pairOf(next, 'spec') !== undefined)) return true
  if (mapOf(step, 'set') !== null || mapOf(step, 'input') !== null || (spec !== null && mapOf(spec, 'policy') !== null))
    return true
  const loop = mapOf(step, 'loop')
  if (loop !== null && pairOf(loop, 'spec') !== undefined) return true
  const tool = nodeOf(step, 'tool')
  // A kind of a pool's own may have parameters of these names.
  if (isMap(tool)) return !pairOf(step, 'pool') && isTodaysTool(tool)
  return itemsOf(tool).some((item) => isMap(item) && (isTodaysTool(item) || isLabelled(item)))
}

function isTodaysTool(tool: YAMLMap): boolean {
  const spec = mapOf(tool, 'spec')
  const isSpec = spec !== null && POLICY_WORDS.some((name) => pairOf(spec, name) !== undefined)
  return isSpec || pairOf(tool, 'input') !== undefined || mapOf(tool, 'set') !== null || wordOf(nodeOf(tool, 'kind')) === 'noop'
}

function isLabelled(item: YAMLMap): boolean {
  const [label] = item.items
  return item.items.length === 1 && isMap(label?.value) && pairOf(label.value, 'kind') !== undefined
}
