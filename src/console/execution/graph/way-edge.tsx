import { BaseEdge, type Edge, type EdgeProps } from '@xyflow/react'
import type { Point, Way } from './layout.js'

export type WayEdgeType = Edge<{ readonly way: Way }, 'way'>

const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 })

/** Through the points of the layout, round at each of them. */
function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points
  if (!first) return ''
  const inner = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? point
    const to = index === rest.length - 2 ? next : middle(point, next)
    return `Q ${point.x} ${point.y} ${to.x} ${to.y}`
  })
  const last = rest.at(-1)
  const end = rest.length === 1 && last ? `L ${last.x} ${last.y}` : ''
  return `M ${first.x} ${first.y} ${inner.join(' ')} ${end}`
}

/** An arrow between two steps, along the way that the layout found for it. */
export function WayEdge({ id, data, label, markerEnd, style }: EdgeProps<WayEdgeType>) {
  if (!data) return null
  return (
    <BaseEdge
      id={id}
      path={pathOf(data.way.points)}
      label={label}
      labelX={data.way.label.x}
      labelY={data.way.label.y}
      {...(markerEnd !== undefined && { markerEnd })}
      {...(style !== undefined && { style })}
    />
  )
}
