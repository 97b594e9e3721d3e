import { useEffect } from 'react'
import { useParams } from 'react-router'
import { FaultNote, Loading } from '../app/states.js'
import { createExecutionFeed } from '../live/execution-feed.js'
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
  if (head === null) return <Loading what={`execution ${id}`} />
  return (
    <div className={classes['page']}>
      <ExecutionHead head={head} />
      <div className={classes['columns']}>
        <StepsPanel head={head} steps={steps} variables={variables.rows} />
        <VariablesPanel view={variables} />
      </div>
    </div>
  )
}

/** Tells the badge in the header how far this page is. */
function usePlace({ revision, loaded, total, isLoaded }: VariablesView, target: number): void {
  useEffect(() => livePlace.set({ revision, target, loaded, total, isLoaded }), [revision, target, loaded, total, isLoaded])
  useEffect(() => () => livePlace.set(null), [])
}
