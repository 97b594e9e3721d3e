import { Button, Group } from '@mantine/core'
import { lazy, memo, Suspense, useState } from 'react'
import { useMutation } from 'urql'
import { stringifyJson } from '../../core/json.js'
import { FaultNote, Loading } from '../app/states.js'
import { SetVariableDocument } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { ownerOf } from '../lib/owner.js'
import { cut, visible } from '../lib/text.js'
import { useSearchState } from '../lib/use-search-state.js'
import { pretty } from '../ui/pretty.js'
import { Time } from '../ui/ticking.js'
import classes from './history.module.css'
import type { Change } from './use-history.js'

const DiffView = lazy(() => import('../ui/diff-view.js').then((module) => ({ default: module.DiffView })))

interface HistoryEntryProps {
  readonly id: string
  readonly change: Change
  /** The variable's version now. */
  readonly current: number
  /** Whether it is the one that held at the revision that one looks at. */
  readonly isShown: boolean
  readonly locked: string | null
}

/** Longer values are cut in the list; the difference shows them whole. */
const MAX_TEXT = 300

function textOf({ operation, value }: Change): string {
  if (operation === 'DELETE') return 'deleted'
  return visible(cut(stringifyJson(value), MAX_TEXT))
}

/** One change of a variable; opened, its difference and the way back to it. */
export const HistoryEntry = memo(function HistoryEntry({ id, change, current, isShown, locked }: HistoryEntryProps) {
  const [isOpen, setOpen] = useState(false)
  const { revision, actor, changedAt } = change
  return (
    <li data-revision={revision}>
      <button
        type="button"
        className={classes['change']}
        aria-expanded={isOpen}
        aria-current={isShown || undefined}
        onClick={() => setOpen(!isOpen)}
      >
        <span className={classes['revision']}>r{revision}</span>
        <span className={classes['value']}>{textOf(change)}</span>
        <span className={classes['who']}>
          {actor} · <Time iso={changedAt} />
        </span>
      </button>
      {isOpen && <Opened id={id} change={change} current={current} locked={locked} />}
    </li>
  )
})

function Opened({ id, change, current, locked }: Omit<HistoryEntryProps, 'isShown'>) {
  const [{ error, fetching }, save] = useMutation(SetVariableDocument)
  const [, setSearch] = useSearchState()
  const fault = describeError(error)
  const { revision, operation, value, previousValue, version, type, sourceStep, name } = change
  // Of a sensitive value the history has only the mask, which would stand for the value of now.
  const canReturn = operation === 'SET' && version !== current && !change.isSensitive
  const revert = () => save({ input: { ...ownerOf(id), name, value, type, sourceStep, expectedVersion: current } })
  return (
    <div className={classes['diff']}>
      <Suspense fallback={<Loading what="the difference" />}>
        <DiffView
          language="json"
          label={`What revision ${revision} changed`}
          before={version === 1 ? '' : pretty(previousValue)}
          after={operation === 'DELETE' ? '' : pretty(value)}
        />
      </Suspense>
      <Group mt={6} gap="xs">
        {canReturn && (
          <Button
            size="compact-xs"
            variant="default"
            loading={fetching}
            disabled={locked !== null}
            title={locked ?? `Writes the value of revision ${revision} as a new change`}
            onClick={() => void revert()}
          >
            Make it this again
          </Button>
        )}
        <Button size="compact-xs" variant="default" onClick={() => setSearch({ at: String(revision) })}>
          See everything as of revision {revision}
        </Button>
      </Group>
      {fault && <FaultNote fault={fault} title="It was not changed" />}
    </div>
  )
}
