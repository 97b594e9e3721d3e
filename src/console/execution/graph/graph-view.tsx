import '@xyflow/react/dist/style.css'
import { useComputedColorScheme } from '@mantine/core'
import { Background, Controls, type Edge, MarkerType, MiniMap, ReactFlow } from '@xyflow/react'
import { useMemo } from 'react'
import type { StepRow } from '../../live/execution-feed.js'
import type { VariableRow } from '../../live/variable-table.js'
import classes from './graph-view.module.css'
import { labelOf, layoutSteps, NODE } from './layout.js'
import { LoopEdge } from './loop-edge.js'
import { type GraphStep, statesOf, takenArrows } from './route.js'
import { StepNode, type StepNodeType } from './step-node.js'

interface GraphViewProps {
  readonly steps: readonly GraphStep[]
  readonly startStep: string
  readonly runs: readonly StepRow[]
  readonly variables: readonly VariableRow[]
  readonly chosen: string
  readonly onChoose: (step: string) => void
}

const NODE_TYPES = { step: StepNode }
const EDGE_TYPES = { loop: LoopEdge }
/** More steps than this are not shown all at once at first: one would read nothing. */
const SMALL = 30

function numberOf(variables: ReadonlyMap<string, string>, name: string): number | null {
  const number = Number(variables.get(name) ?? 'none')
  return Number.isFinite(number) ? number : null
}

function useNodes({ steps, startStep, runs, variables, chosen, onChoose }: GraphViewProps): StepNodeType[] {
  const places = useMemo(() => layoutSteps(steps), [steps])
  return useMemo(() => {
    const states = statesOf(runs)
    const known = new Map(steps.map((step) => [step.name, step]))
    const previews = new Map(variables.map(({ name, preview }) => [name, preview]))
    return [...places].map(([name, position]) => {
      const step = known.get(name)
      const done = numberOf(previews, `${name}_count`)
      const total = numberOf(previews, `${name}_total`)
      const progress = step?.isIterator && done !== null && total !== null ? { done, total } : null
      return {
        id: name,
        type: 'step' as const,
        position,
        width: NODE.width,
        height: NODE.height,
        focusable: false,
        data: {
          name,
          kind: step?.kind ?? null,
          isIterator: step?.isIterator ?? false,
          isStart: name === startStep,
          isEnd: name === 'end',
          state: states.get(name) ?? null,
          progress,
          isChosen: name === chosen,
          onChoose,
        },
      }
    })
  }, [places, steps, startStep, runs, variables, chosen, onChoose])
}

function useEdges(steps: readonly GraphStep[], runs: readonly StepRow[]): Edge[] {
  return useMemo(() => {
    const taken = takenArrows(steps, runs)
    const seen = new Map<string, Edge>()
    for (const { name, transitions } of steps) {
      for (const transition of transitions) {
        const { to } = transition
        const id = `${name}>${to}`
        const count = taken.get(id) ?? 0
        const times = count > 1 ? `×${count}` : ''
        const label = name === to ? `↺ ${times}` : `${labelOf(transition)} ${times}`.trim()
        const color = count > 0 ? 'var(--completed)' : 'var(--line)'
        seen.set(id, {
          id,
          source: name,
          target: to,
          label,
          type: name === to ? 'loop' : 'default',
          focusable: false,
          className: count > 0 ? (classes['taken'] ?? '') : '',
          markerEnd: { type: MarkerType.ArrowClosed, color },
          style: { stroke: color, strokeWidth: count > 0 ? 2.2 : 1.4 },
        })
      }
    }
    return [...seen.values()]
  }, [steps, runs])
}

/** The playbook's steps, with the route that the execution took. */
export function GraphView(props: GraphViewProps) {
  const { steps, runs, startStep } = props
  const scheme = useComputedColorScheme('light')
  const nodes = useNodes(props)
  const edges = useEdges(steps, runs)
  const isSmall = nodes.length <= SMALL
  const active = runs.findLast(({ status }) => status === 'RUNNING' || status === 'FAILED')?.step ?? startStep
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
        fitViewOptions={isSmall ? { padding: 0.12, maxZoom: 1.1 } : { nodes: around(nodes, active), maxZoom: 0.9, minZoom: 0.6 }}
        minZoom={0.05}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={22} />
        <Controls showInteractive={false} />
        {!isSmall && <MiniMap pannable zoomable ariaLabel="The whole graph" nodeColor={colorOf} />}
      </ReactFlow>
    </div>
  )
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
  CANCELLED: 'var(--cancelled)',
}

function colorOf({ data }: StepNodeType): string {
  return TONES[data.state?.status ?? ''] ?? 'var(--line)'
}
