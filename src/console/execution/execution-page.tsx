import { Text } from '@mantine/core'
import { useEffect } from 'react'
import { Link, useParams } from 'react-router'
import { useQuery } from 'urql'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { ExecutionByIdDocument } from '../generated/graphql.js'
import { createExecutionFeed, isEnded } from '../live/execution-feed.js'
import { livePlace } from '../live/place.js'
import { useFeed } from '../live/use-feed.js'
import { createVariableFeed } from '../live/variable-feed.js'
import type { VariablesView } from '../live/variable-table.js'
import { VariablesPanel } from '../variables/variables-panel.js'
import { ExecutionHead } from './execution-head.js'
import classes from './execution-page.module.css'
import { StepsPanel } from './steps-panel.js'

/** One execution, live: what it does beside what it knows. */
export function ExecutionPage() {
  const { id = '' } = useParams()
  const { head, steps, fault } = useFeed(createExecutionFeed, id)
  const variables = useFeed(createVariableFeed, id)
  usePlace(variables, head?.revision ?? 0)

  if (fault && head === null) return <FaultNote fault={fault} title="This execution cannot be shown" />
  if (head === null) return <Waiting id={id} />
  return (
    <div className={classes['page']}>
      <ExecutionHead head={head} steps={steps} variables={variables.rows} />
      <div className={classes['columns']}>
        <StepsPanel head={head} steps={steps} variables={variables.rows} />
        <VariablesPanel id={id} view={variables} isWritable={!isEnded(head.status)} />
      </div>
    </div>
  )
}

/** The server waits with us for an execution that it does not know: a write may give birth to it. */
function Waiting({ id }: { id: string }) {
  const [{ data }] = useQuery({ query: ExecutionByIdDocument, variables: { id } })
  if (data?.execution !== null) return <Loading what={`execution ${id}`} />
  return (
    <Empty title="There is no such execution">
      <Text size="sm" c="dimmed">
        No execution has the id <code>{id}</code>, or it is not yours to see. If a program is about to write its first variable,
        this page shows it as soon as it does. <Link to="/executions">All executions</Link>
      </Text>
    </Empty>
  )
}

/** Tells the badge in the header how far this page is. */
function usePlace({ revision, loaded, total, isLoaded }: VariablesView, target: number): void {
  useEffect(() => livePlace.set({ revision, target, loaded, total, isLoaded }), [revision, target, loaded, total, isLoaded])
  useEffect(() => () => livePlace.set(null), [])
}
