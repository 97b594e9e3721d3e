import { type Edge, MarkerType } from '@xyflow/react'
import { useMemo } from 'react'
import { isJsonObject, parseJson, stringifyJson } from '../../../core/json.js'
import type { StepRow } from '../../live/read-step.js'
import type { VariableRow } from '../../live/variable-table.js'
import type { GraphStep } from '../transitions.js'
import { type Layout, labelsOf, NODE } from './layout.js'
import { statesOf, takenArrows } from './route.js'
import type { StepNodeType } from './step-node.js'

type Progress = Readonly<Record<string, { readonly done: number; readonly total: number }>>

/** How far each iterator is, by what it keeps in variables. The same object while no figure moves. */
function useProgress(steps: readonly GraphStep[], variables: readonly VariableRow[]): Progress {
  const figures = useMemo(() => {
    const iterators = steps.filter(({ isIterator }) => isIterator).map(({ name }) => name)
    if (iterators.length === 0) return '{}'
    const wanted = new Set(iterators.flatMap((name) => [`${name}_count`, `${name}_total`]))
    const known = new Map(variables.filter(({ name }) => wanted.has(name)).map(({ name, preview }) => [name, Number(preview)]))
    const found = iterators.flatMap((name) => {
      const [done, total] = [known.get(`${name}_count`), known.get(`${name}_total`)]
      return done === undefined || total === undefined || Number.isNaN(done + total) ? [] : [[name, { done, total }] as const]
    })
    return stringifyJson(Object.fromEntries(found))
  }, [steps, variables])
  return useMemo(() => {
    const parsed = parseJson(figures)
    return isJsonObject(parsed) ? (parsed as unknown as Progress) : {}
  }, [figures])
}

/** What the graph shows. */
export interface GraphViewProps {
  readonly steps: readonly GraphStep[]
  readonly startStep: string
  readonly runs: readonly StepRow[]
  /** Whether all visits are known. */
  readonly areRunsRead: boolean
  readonly variables: readonly VariableRow[]
  readonly chosen: string
  readonly onChoose: (step: string) => void
}

interface Elements extends GraphViewProps {
  readonly layout: Layout
}

/** Each step where the layout put it, as it stands. */
export function useNodes(elements: Elements): StepNodeType[] {
  const { steps, startStep, runs, areRunsRead, variables, layout, chosen, onChoose } = elements
  const progress = useProgress(steps, variables)
  return useMemo(() => {
    const states = statesOf(runs)
    const known = new Map(steps.map((step) => [step.name, step]))
    return [...layout.positions].map(([name, position]) => {
      const step = known.get(name)
      return {
        id: name,
        type: 'step' as const,
        position,
        width: NODE.width,
        height: NODE.height,
        focusable: false,
        data: {
          name,
          about: step?.description ?? null,
          kind: step && step.tools.length > 0 ? 'list' : (step?.kind ?? null),
          isIterator: step?.isIterator ?? false,
          isStart: name === startStep,
          isEnd: name === 'end',
          state: states.get(name) ?? null,
          isKnown: areRunsRead || states.has(name),
          progress: progress[name] ?? null,
          isChosen: name === chosen,
          onChoose,
        },
      }
    })
  }, [layout, steps, startStep, runs, areRunsRead, progress, chosen, onChoose])
}

/** Each arrow, the route that was taken in another colour and with how often it was. */
export function useEdges({ steps, runs, layout }: Pick<Elements, 'steps' | 'runs' | 'layout'>, takenClass: string): Edge[] {
  return useMemo(() => {
    const taken = takenArrows(steps, runs)
    return steps.flatMap((step) =>
      [...labelsOf(step)].map(([to, label]): Edge => {
        const id = `${step.name}>${to}`
        const count = taken.get(id) ?? 0
        const times = count > 1 ? `×${count}` : ''
        const color = count > 0 ? 'var(--completed)' : 'var(--edge)'
        const way = layout.ways.get(id)
        return {
          id,
          source: step.name,
          target: to,
          label: (way ? `${label} ${times}` : `↺ ${times}`).trim(),
          type: way ? 'way' : 'loop',
          data: { way },
          focusable: false,
          zIndex: count > 0 ? 1 : 0,
          className: count > 0 ? takenClass : '',
          markerEnd: { type: MarkerType.ArrowClosed, color },
          style: { stroke: color, strokeWidth: count > 0 ? 2.2 : 1.4 },
        }
      }),
    )
  }, [steps, runs, layout, takenClass])
}
