import { isMap, isSeq, type Node, type YAMLMap } from 'yaml'
import type { Source } from '../reader.js'
import { itemsOf, mapOf, nodeOf, pairOf, reportAt, take, wordOf } from './nodes.js'
import { rewriteStep } from './steps.js'

/**
 * Rewrites a playbook in NoETL's present form into this project's own, in place; each node keeps its position in the source.
 * A playbook of another form stays as it is.
 */
export function rewriteToday(root: YAMLMap, source: Source): boolean {
  const workflow = nodeOf(root, 'workflow')
  const steps = itemsOf(workflow).filter((step) => isMap(step))
  if (!isSeq(workflow) || !(pairOf(root, 'executor') || steps.some(isToday))) return false
  const executor = take(root, 'executor')
  const at = { source, map: root, path: 'executor' }
  if (executor) reportAt(at, '"executor" means nothing here, and is left out', executor.key, 'info')
  const all: Node[] = []
  for (const [index, item] of (workflow.items as Node[]).entries()) {
    all.push(item)
    if (!isMap(item)) continue
    const added: YAMLMap[] = []
    const path = `workflow[${index}]`
    rewriteStep({ source, map: item, path }, (step) => added.push(step))
    for (const step of added) rewriteStep({ source, map: step, path }, () => undefined)
    all.push(...added)
  }
  workflow.items = all
  return true
}

function isToday(step: YAMLMap): boolean {
  const next = mapOf(step, 'next')
  const tool = mapOf(step, 'tool')
  return (
    (next !== null && pairOf(next, 'arcs') !== undefined) ||
    // A kind of a pool's own may have a parameter of that name.
    (tool !== null && !pairOf(step, 'pool') && (pairOf(tool, 'spec') !== undefined || wordOf(nodeOf(tool, 'kind')) === 'noop'))
  )
}
