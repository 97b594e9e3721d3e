import { isMap, Pair, type YAMLMap } from 'yaml'
import type { Source } from '../reader.js'
import { insertBeforeRoutes, itemsOf, mapOf, nodeOf, pairOf, reportAt, textNode, wordOf } from './nodes.js'

/**
 * NoETL holds a step back that several branches lead to until all of them are over. Where a playbook has branches beside each other, such steps get
 * `join: all`; before its routes are rewritten.
 */
export function addJoins(steps: readonly YAMLMap[], source: Source): void {
  const arcs = steps.map((step) => arcsOf(step))
  const hasBranches = arcs.some(({ isInclusive, targets }) => isInclusive && targets.size > 1)
  if (!hasBranches) return
  const counts = new Map<string, number>()
  for (const { targets } of arcs) for (const target of targets) counts.set(target, (counts.get(target) ?? 0) + 1)
  for (const [index, step] of steps.entries()) {
    const name = nodeOf(step, 'step')
    if ((counts.get(wordOf(name) ?? '') ?? 0) < 2 || pairOf(step, 'join')) continue
    insertBeforeRoutes(step, new Pair(textNode('join', name?.range), textNode('all', name?.range)))
    const said = 'several branches lead here: it gets "join: all", as NoETL waits for all that can arrive'
    reportAt({ source, map: step, path: `workflow[${index}]` }, said, name, 'info')
  }
}

function arcsOf(step: YAMLMap): { readonly isInclusive: boolean; readonly targets: ReadonlySet<string> } {
  const next = mapOf(step, 'next')
  const spec = next && mapOf(next, 'spec')
  const named = itemsOf(next && nodeOf(next, 'arcs')).flatMap((arc) => (isMap(arc) ? (wordOf(nodeOf(arc, 'step')) ?? []) : []))
  return { isInclusive: (spec && wordOf(nodeOf(spec, 'mode'))) === 'inclusive', targets: new Set(named) }
}
