import { Group, SegmentedControl, Text } from '@mantine/core'
import { lazy, Suspense, useCallback, useEffect } from 'react'
import { Empty, FaultNote, Loading } from '../app/states.js'
import type { ExecutionHeadFragment } from '../generated/graphql.js'
import type { Fault } from '../lib/faults.js'
import { useShortcuts } from '../lib/shortcuts.js'
import { useSearchState } from '../lib/use-search-state.js'
import type { StepRow } from '../live/read-step.js'
import type { VariableRow } from '../live/variable-table.js'
import { FindStep } from './find-step.js'
import type { GraphViewProps } from './graph/elements.js'
import { StepDetail } from './step-detail.js'
import classes from './steps-panel.module.css'
import { Timeline } from './timeline.js'
import type { PlaybookGraph } from './transitions.js'

const VIEWS = [
  { value: 'graph', label: 'Graph' },
  { value: 'timeline', label: 'Timeline' },
]

const loadGraph = () => import('./graph/graph-view.js').then((module) => ({ default: module.GraphView }))
const GraphView = lazy(loadGraph)

interface StepsPanelProps {
  readonly head: ExecutionHeadFragment
  /** null while it is read, and where none runs. */
  readonly playbook: PlaybookGraph | null
  /** Why it cannot be read. */
  readonly fault: Fault | null
  /** Whether all visits are known. */
  readonly areStepsRead: boolean
  readonly steps: readonly StepRow[]
  readonly variables: readonly VariableRow[]
}

/** What the execution does: as a graph or over time, and the chosen step below. */
export function StepsPanel({ head, playbook, fault, steps, areStepsRead, variables }: StepsPanelProps) {
  const [search, setSearch] = useSearchState()
  const view = search.get('view') === 'timeline' ? 'timeline' : 'graph'
  const chosen = search.get('step') ?? ''
  const choose = useCallback((step: string) => setSearch({ step }), [setSearch])
  const show = (next: string) => setSearch({ view: next === 'graph' ? '' : next })
  useShortcuts([['t', () => show(view === 'graph' ? 'timeline' : 'graph')]])
  return (
    <section className={`panel ${classes['panel']}`} aria-label="Steps">
      <Group gap="sm" p="xs" px="sm" wrap="nowrap" className={classes['bar']}>
        <SegmentedControl size="xs" flex="none" aria-label="How to show the steps" data={VIEWS} value={view} onChange={show} />
        {playbook && <FindStep steps={playbook.steps} runs={steps} onChoose={choose} />}
      </Group>
      <div className={classes['body']}>
        {view === 'timeline' ? (
          <Timeline
            began={head.createdAt}
            runs={steps}
            areRunsRead={areStepsRead}
            until={head.finishedAt}
            chosen={chosen}
            onChoose={choose}
          />
        ) : (
          <Graph
            head={head}
            playbook={playbook}
            fault={fault}
            steps={steps}
            areStepsRead={areStepsRead}
            variables={variables}
            chosen={chosen}
            onChoose={choose}
          />
        )}
      </div>
      {chosen !== '' && (
        <StepDetail
          key={chosen}
          id={head.id}
          name={chosen}
          step={playbook?.steps.find(({ name }) => name === chosen)}
          runs={steps}
          areRunsRead={areStepsRead}
          until={head.finishedAt}
          onClose={() => choose('')}
        />
      )}
    </section>
  )
}

/** `end` needs no definition and then has no visit of its own: who completed was there. */
function withEnd({ id, status, finishedAt }: ExecutionHeadFragment, steps: readonly StepRow[]): readonly StepRow[] {
  if (status !== 'COMPLETED' || steps.some(({ step }) => step === 'end')) return steps
  const times = { startedAt: finishedAt, finishedAt }
  const end = {
    id: `${id}-end`,
    iteration: null,
    iterationCounts: null,
    step: 'end',
    visit: 1,
    attempts: 1,
    error: null,
    before: null,
    ...times,
    events: { nodes: [] },
  }
  return [...steps, { ...end, status: 'SUCCEEDED' }]
}

type GraphProps = StepsPanelProps & Pick<GraphViewProps, 'chosen' | 'onChoose'>

function Graph({ head, playbook, fault, steps, areStepsRead, variables, chosen, onChoose }: GraphProps) {
  const hasPlaybook = head.playbook !== null
  // While the playbook is asked for. A failure is told where the graph is drawn.
  useEffect(() => void (hasPlaybook && loadGraph().catch(() => null)), [hasPlaybook])
  if (!hasPlaybook)
    return (
      <Empty title="No playbook runs here">
        <Text size="sm" c="dimmed">
          This execution was created by a write through the API: it has variables, and no steps.
        </Text>
      </Empty>
    )
  if (fault) return <FaultNote fault={fault} title="The graph cannot be shown" />
  if (!playbook) return <Loading what="the graph" />
  return (
    <Suspense fallback={<Loading what="the graph" />}>
      <GraphView
        steps={playbook.steps}
        startStep={playbook.startStep}
        runs={withEnd(head, steps)}
        areRunsRead={areStepsRead}
        variables={variables}
        chosen={chosen}
        onChoose={onChoose}
      />
    </Suspense>
  )
}
