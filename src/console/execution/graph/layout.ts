import { Graph, layout } from '@dagrejs/dagre'
import { cut } from '../../lib/text.js'
import type { Arrow, GraphStep } from '../transitions.js'

export const NODE = { width: 196, height: 56 }

export interface Point {
  readonly x: number
  readonly y: number
}

/** How an arrow runs: past the other steps, with a position for its label. */
export interface Way {
  readonly points: readonly Point[]
  readonly label: Point
}

export interface Layout {
  /** Top left corners. */
  readonly positions: ReadonlyMap<string, Point>
  /** By `from>to`; an arrow from a step to itself has none. */
  readonly ways: ReadonlyMap<string, Way>
}

const MAX_LABEL = 34
/** Of the label's font. */
const LETTER = 6.4

/** What stands at an arrow: its condition, without braces. */
function labelOf({ when, isElse }: Arrow): string {
  const text = isElse ? 'else' : (when ?? '').replace(/^\s*\{\{\s*|\s*\}\}\s*$/g, '')
  return cut(text, MAX_LABEL)
}

/** One label for all arrows from one step to another, by where they lead. */
export function labelsOf({ transitions }: GraphStep): Map<string, string> {
  const labels = new Map<string, string>()
  for (const arrow of transitions) {
    const [before, label] = [labels.get(arrow.to), labelOf(arrow)]
    labels.set(
      arrow.to,
      before === undefined || before === label ? label : [before, label].filter((text) => text !== '').join(' or '),
    )
  }
  return labels
}

/** Where each step stands, in layers from top to bottom. `end` is drawn although no playbook needs to define it. */
export function layoutSteps(steps: readonly GraphStep[]): Layout {
  const graph = new Graph()
  graph.setGraph({ rankdir: 'TB', nodesep: 28, ranksep: 26, edgesep: 18, marginx: 12, marginy: 12 })
  const names = new Set(steps.flatMap(({ name, transitions }) => [name, ...transitions.map(({ to }) => to)]))
  for (const name of names) graph.setNode(name, { ...NODE })
  for (const step of steps) {
    for (const [to, label] of labelsOf(step)) {
      const width = Math.min(2 * MAX_LABEL, label.length) * LETTER
      if (to !== step.name) graph.setEdge(step.name, to, { width, height: label === '' ? 0 : 18, labelpos: 'c' })
    }
  }
  layout(graph)
  const positions = new Map(
    [...names].map((name) => {
      const { x, y } = graph.node(name) as unknown as Point
      return [name, { x: x - NODE.width / 2, y: y - NODE.height / 2 }]
    }),
  )
  const ways = new Map<string, Way>(
    graph.edges().map((edge: { v: string; w: string }): [string, Way] => {
      const { points, x, y } = graph.edge(edge) as unknown as { points: Point[] } & Point
      return [`${edge.v}>${edge.w}`, { points, label: { x, y } }]
    }),
  )
  return { positions, ways }
}
