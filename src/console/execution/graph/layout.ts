import { Graph, layout } from '@dagrejs/dagre'
import type { GraphStep } from './route.js'

export const NODE = { width: 196, height: 56 }

export interface Place {
  readonly x: number
  readonly y: number
}

const MAX_LABEL = 34
/** Of the label's font. */
const LETTER = 6.4

/** What stands at an arrow: its condition, without braces. */
export function labelOf({ when, isElse }: GraphStep['transitions'][number]): string {
  const text = isElse ? 'else' : (when ?? '').replace(/^\s*\{\{\s*|\s*\}\}\s*$/g, '')
  return text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text
}

/** Where each step stands, in layers from top to bottom. `end` is drawn although no playbook needs to define it. */
export function layoutSteps(steps: readonly GraphStep[]): Map<string, Place> {
  const graph = new Graph()
  graph.setGraph({ rankdir: 'TB', nodesep: 28, ranksep: 30, marginx: 12, marginy: 12 })
  graph.setDefaultEdgeLabel(() => ({}))
  const names = new Set(steps.flatMap(({ name, transitions }) => [name, ...transitions.map(({ to }) => to)]))
  for (const name of names) graph.setNode(name, { ...NODE })
  for (const { name, transitions } of steps) {
    for (const transition of transitions) {
      const width = Math.min(MAX_LABEL, labelOf(transition).length) * LETTER
      if (transition.to !== name) graph.setEdge(name, transition.to, { width, height: 16, labelpos: 'c' })
    }
  }
  layout(graph)
  return new Map(
    [...names].map((name) => {
      const { x, y } = graph.node(name) as unknown as Place
      return [name, { x: x - NODE.width / 2, y: y - NODE.height / 2 }]
    }),
  )
}
