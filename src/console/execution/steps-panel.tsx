import { Group, SegmentedControl, Text } from '@mantine/core'
import { lazy, Suspense, useCallback } from 'react'
import { useQuery } from 'urql'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { type ExecutionHeadFragment, PlaybookGraphDocument } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { useSearchState } from '../lib/use-search-state.js'
import type { StepRow } from '../live/execution-feed.js'
import type { VariableRow } from '../live/variable-table.js'
import { StepDetail } from './step-detail.js'
import classes from './steps-panel.module.css'
import { Timeline } from './timeline.js'

const GraphView = lazy(() => import('./graph/graph-view.js').then((module) => ({ default: module.GraphView })))

interface StepsPanelProps {
  readonly head: ExecutionHeadFragment
  readonly steps: readonly StepRow[]
  readonly variables: readonly VariableRow[]
}

/** What the execution does: as a graph or over time, and the chosen step below. */
export function StepsPanel({ head, steps, variables }: StepsPanelProps) {
  const [search, setSearch] = useSearchState()
  const view = search.get('view') === 'timeline' ? 'timeline' : 'graph'
  const chosen = search.get('step') ?? ''
  const choose = useCallback((step: string) => setSearch({ step }), [setSearch])
  return (
    <section className={`panel ${classes['panel']}`} aria-label="Steps">
      <Group gap="sm" p="xs" px="sm" className={classes['bar']}>
        <SegmentedControl
          size="xs"
          aria-label="How to show the steps"
          data={[
            { value: 'graph', label: 'Graph' },
            { value: 'timeline', label: 'Timeline' },
          ]}
          value={view}
          onChange={(next) => setSearch({ view: next === 'graph' ? '' : next })}
        />
      </Group>
      <div className={classes['body']}>
        {view === 'timeline' ? (
          <Timeline id={head.id} began={head.createdAt} runs={steps} chosen={chosen} onChoose={choose} />
        ) : (
          <Graph head={head} steps={steps} variables={variables} chosen={chosen} onChoose={choose} />
        )}
      </div>
      {chosen !== '' && <StepDetail id={head.id} step={chosen} runs={steps} onClose={() => choose('')} />}
    </section>
  )
}

/** `end` needs no definition and then has no visit of its own: who completed was there. */
function withEnd({ id, status, finishedAt }: ExecutionHeadFragment, steps: readonly StepRow[]): readonly StepRow[] {
  if (status !== 'COMPLETED' || steps.some(({ step }) => step === 'end')) return steps
  const times = { startedAt: finishedAt, finishedAt }
  const end = { id: `${id}-end`, iteration: null, step: 'end', visit: 1, attempts: 1, error: null, before: null, ...times }
  return [...steps, { ...end, status: 'SUCCEEDED' }]
}

interface GraphProps extends StepsPanelProps {
  readonly chosen: string
  readonly onChoose: (step: string) => void
}

function Graph({ head, steps, variables, chosen, onChoose }: GraphProps) {
  const { path = '', version = null } = head.playbook ?? {}
  const [{ data, error }] = useQuery({
    query: PlaybookGraphDocument,
    variables: { path, version },
    pause: head.playbook === null,
  })
  const fault = describeError(error)
  if (head.playbook === null)
    return (
      <Empty title="No playbook runs here">
        <Text size="sm" c="dimmed">
          This execution was born by a write through the API: it has variables, and no steps.
        </Text>
      </Empty>
    )
  if (fault) return <FaultNote fault={fault} title="The graph cannot be shown" />
  if (!data?.playbook) return <Loading what="the graph" />
  return (
    <Suspense fallback={<Loading what="the graph" />}>
      <GraphView
        steps={data.playbook.steps}
        startStep={data.playbook.startStep}
        runs={withEnd(head, steps)}
        variables={variables}
        chosen={chosen}
        onChoose={onChoose}
      />
    </Suspense>
  )
}
