import { BaseEdge, type EdgeProps } from '@xyflow/react'
import { NODE } from './layout.js'

const REACH = 44

/** An arrow from a step to itself, on its right side. */
export function LoopEdge({ id, sourceX, sourceY, targetX, targetY, label, markerEnd, style }: EdgeProps) {
  const right = sourceX + NODE.width / 2 + REACH
  const path = `M ${sourceX + 86} ${sourceY} C ${sourceX + 98} ${sourceY + 40}, ${right} ${sourceY + 30}, ${right} ${(sourceY + targetY) / 2}
    S ${targetX + 98} ${targetY - 40}, ${targetX + 86} ${targetY - 2}`
  return (
    <BaseEdge
      id={id}
      path={path}
      label={label}
      labelX={right - 4}
      labelY={(sourceY + targetY) / 2}
      {...(markerEnd !== undefined && { markerEnd })}
      {...(style !== undefined && { style })}
    />
  )
}
