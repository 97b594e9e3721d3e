import '@xyflow/react/dist/style.css'
import { useComputedColorScheme } from '@mantine/core'
import { Background, Controls, MiniMap, ReactFlow, useReactFlow, useStoreApi } from '@xyflow/react'
import { useEffect, useMemo, useRef } from 'react'
import { toneOf } from '../../lib/iterations.js'
import { currentStep } from '../find-step.js'
import { type GraphViewProps, useEdges, useNodes } from './elements.js'
import classes from './graph-view.module.css'
import { layoutSteps, NODE, type Point } from './layout.js'
import { LoopEdge } from './loop-edge.js'
import { StepNode, type StepNodeType } from './step-node.js'
import { WayEdge } from './way-edge.js'

const NODE_TYPES = { step: StepNode }
const EDGE_TYPES = { loop: LoopEdge, way: WayEdge }
/** More steps than this are not shown all at once at first: one would read nothing. */
const SMALL = 30

/** The playbook's steps, with the route that the execution took. */
export function GraphView(props: GraphViewProps) {
  const { steps, runs, startStep, chosen } = props
  const scheme = useComputedColorScheme('light')
  const layout = useMemo(() => layoutSteps(steps), [steps])
  const nodes = useNodes({ ...props, layout })
  const edges = useEdges({ steps, runs, layout }, classes['taken'] ?? '')
  const isSmall = nodes.length <= SMALL
  const first = chosen === '' ? (currentStep(runs) ?? startStep) : chosen
  return (
    <div className={classes['view']} role="group" aria-label="Graph of steps">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        colorMode={scheme}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        onlyRenderVisibleElements={!isSmall}
        fitView
        fitViewOptions={isSmall ? { padding: 0.12, maxZoom: 1.1 } : { nodes: around(nodes, first), maxZoom: 0.9, minZoom: 0.6 }}
        minZoom={0.02}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={22} />
        <Controls showInteractive={false} />
        {!isSmall && (
          <MiniMap
            pannable
            zoomable
            position="top-right"
            className={classes['map'] ?? ''}
            ariaLabel="The whole graph"
            nodeColor={colorOf}
          />
        )}
        <Follow step={chosen} positions={layout.positions} />
      </ReactFlow>
    </div>
  )
}

const READABLE = 0.6

/** Brings the step that is chosen into sight, unless it is. */
function Follow({ step, positions }: { step: string; positions: ReadonlyMap<string, Point> }) {
  const { setCenter } = useReactFlow()
  const store = useStoreApi()
  const shown = useRef(step)
  useEffect(() => {
    const position = positions.get(step)
    if (shown.current === step || !position) return
    shown.current = step
    const bring = () => {
      const {
        width,
        height,
        transform: [left, top, zoom],
      } = store.getState()
      const [x, y] = [position.x * zoom + left, position.y * zoom + top]
      const isInSight = x >= 0 && y >= 0 && x + NODE.width * zoom <= width && y + NODE.height * zoom <= height
      if (isInSight && zoom >= READABLE) return
      const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
      const options = { zoom: Math.max(zoom, READABLE), duration: isCalm ? 0 : 350 }
      void setCenter(position.x + NODE.width / 2, position.y + NODE.height / 2, options)
    }
    // The detail below takes its room first.
    const timer = setTimeout(bring, 120)
    return () => clearTimeout(timer)
  }, [step, positions, setCenter, store])
  return null
}

/** The step and its surroundings: what one sees first of a large graph. */
function around(nodes: readonly StepNodeType[], name: string): { id: string }[] {
  const centre = nodes.find(({ id }) => id === name)?.position
  if (!centre) return [...nodes]
  return nodes.filter(({ position }) => Math.abs(position.x - centre.x) < 450 && Math.abs(position.y - centre.y) < 320)
}

const TONES: Readonly<Record<string, string>> = {
  SUCCEEDED: 'var(--completed)',
  FAILED: 'var(--failed)',
  RUNNING: 'var(--running)',
  WAITING: 'var(--running)',
  CANCELLED: 'var(--cancelled)',
}

function colorOf({ data }: StepNodeType): string {
  const { status = '', counts = null } = data.state ?? {}
  const tone = toneOf(status, counts)
  return TONES[tone === null ? status : tone === 'FAILED' ? 'FAILED' : 'CANCELLED'] ?? 'var(--edge)'
}
