import { Anchor, Text } from '@mantine/core'
import { useEffect } from 'react'
import { Link, useParams } from 'react-router'
import { useQuery } from 'urql'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { ExecutionByIdDocument, type ExecutionHeadFragment, PlaybookGraphDocument } from '../generated/graphql.js'
import { words } from '../lib/format.js'
import { useRead } from '../lib/use-read.js'
import { useTitle } from '../lib/use-title.js'
import { createExecutionFeed, isEnded } from '../live/execution-feed.js'
import { livePosition } from '../live/position.js'
import type { StepRow } from '../live/read-step.js'
import { useFeed } from '../live/use-feed.js'
import { createVariableFeed } from '../live/variable-feed.js'
import type { VariablesView } from '../live/variable-table.js'
import { timeAt } from '../past/moment.js'
import { TimeBar } from '../past/time-bar.js'
import { useMoment, useRevision } from '../past/use-moment.js'
import { Page } from '../ui/page.js'
import { VariablesPanel } from '../variables/variables-panel.js'
import { ExecutionHead } from './execution-head.js'
import classes from './execution-page.module.css'
import { StepsPanel } from './steps-panel.js'

/** One execution: what it does beside what it knows, live, or as it stood at a revision. */
export function ExecutionPage() {
  const { id = '' } = useParams()
  return <Execution key={id} id={id} />
}

function Execution({ id }: { id: string }) {
  const { head, steps, areStepsRead, fault } = useFeed(createExecutionFeed, id)
  const variables = useFeed(createVariableFeed, id)
  if (fault && head === null)
    return (
      <Page title={`Execution ${id}`}>
        <FaultNote fault={fault} title="This execution cannot be shown" />
      </Page>
    )
  if (head === null) return <Waiting id={id} variables={variables} />
  return <Moment head={head} steps={steps} areStepsRead={areStepsRead} variables={variables} />
}

interface MomentProps {
  /** All three as they are now. */
  readonly head: ExecutionHeadFragment
  readonly steps: readonly StepRow[]
  /** Whether these are all. */
  readonly areStepsRead: boolean
  readonly variables: VariablesView
}

function Moment({ head, steps, areStepsRead, variables }: MomentProps) {
  const [at, go] = useRevision()
  useTitle(`${head.playbook?.path ?? head.id}, ${words(head.status)}`)
  const shown = useMoment(at, { head, steps, variables })
  const { path = '', version = null } = head.playbook ?? {}
  const graph = useRead(PlaybookGraphDocument, head.playbook && { path, version })
  const playbook = graph.data?.playbook ?? null
  useLivePosition(variables, head.revision, shown.asOf)
  return (
    <div className={classes['page']} data-past={shown.asOf !== null || undefined}>
      <ExecutionHead now={head} shown={shown.head} steps={steps} shownSteps={shown.steps} playbook={playbook} />
      <div className={classes['columns']}>
        <StepsPanel
          head={shown.head}
          playbook={playbook}
          fault={graph.fault}
          steps={shown.steps}
          areStepsRead={areStepsRead}
          variables={shown.variables.rows}
        />
        <VariablesPanel id={head.id} view={shown.variables} asOf={shown.asOf} isOver={isEnded(head.status)} />
      </div>
      <TimeBar
        newest={head.revision}
        at={at === null ? null : Math.min(at, head.revision)}
        shown={shown.asOf}
        time={shown.asOf === null ? '' : timeAt(shown.head, shown.steps, shown.variables.rows)}
        steps={steps}
        onGo={go}
      />
    </div>
  )
}

/** The server waits with us for an execution that it does not know: a write may create it. */
function Waiting({ id, variables }: { id: string; variables: VariablesView }) {
  const [{ data }] = useQuery({ query: ExecutionByIdDocument, variables: { id } })
  if (data?.execution !== null) return <Reading id={id} variables={variables} />
  return (
    <Page title={`Execution ${id}`}>
      <Empty title="There is no such execution">
        <Text size="sm" c="dimmed">
          No execution has the id <code>{id}</code>, or it is not yours to see. If a program is about to write its first variable,
          this page shows it as soon as it does.{' '}
          <Anchor component={Link} to="/executions" size="sm" underline="always">
            All executions
          </Anchor>
        </Text>
      </Empty>
    </Page>
  )
}

/** The badge must not say that one sees everything while one sees nothing. */
function Reading({ id, variables }: { id: string; variables: VariablesView }) {
  useLivePosition({ ...variables, isLoaded: false }, 0, null)
  return <Loading what={`execution ${id}`} />
}

/** Tells the badge in the header how far this page is. */
function useLivePosition({ revision, loaded, total, isLoaded }: VariablesView, target: number, asOf: number | null): void {
  useEffect(
    () => livePosition.set({ revision, target, loaded, total, isLoaded, asOf }),
    [revision, target, loaded, total, isLoaded, asOf],
  )
  useEffect(() => () => livePosition.set(null), [])
}
