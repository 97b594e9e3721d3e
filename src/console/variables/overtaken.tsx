import { Button, Group, Text } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { FaultNote, Loading } from '../app/states.js'
import { VariableValueDocument } from '../generated/graphql.js'
import { ownerOf } from '../lib/owner.js'
import { useRead } from '../lib/use-read.js'
import { pretty } from '../ui/pretty.js'
import classes from './variable-editor.module.css'

const DiffView = lazy(() => import('../ui/diff-view.js').then((module) => ({ default: module.DiffView })))

interface OvertakenProps {
  readonly id: string
  readonly name: string
  readonly draft: string
  readonly onRebase: () => Promise<void>
  readonly onBegin: () => Promise<void>
}

/** Somebody else was faster: both values, and what one can do. To be mounted again when the variable changes once more. */
export function Overtaken({ id, name, draft, onRebase, onBegin }: OvertakenProps) {
  const { data, fault } = useRead(VariableValueDocument, { ...ownerOf(id), name })
  const now = data?.variables.nodes[0]
  const isGone = data !== null && !now
  return (
    <div className={classes['overtaken']} role="alert">
      <Text size="sm" fw={600}>
        {isGone ? 'It was deleted while you were editing' : 'It changed while you were editing'}
      </Text>
      {fault && <FaultNote fault={fault} />}
      {!data && !fault && <Loading what="what is there now" />}
      {now && (
        <Suspense fallback={<Loading what="the difference" />}>
          <Text size="sm" mb={4}>
            From what is there now, version {now.version} (−), to your draft (+):
          </Text>
          <div className={classes['diff']}>
            <DiffView language="json" label="What is there now, and your draft" before={pretty(now.value)} after={draft} />
          </div>
        </Suspense>
      )}
      <Group gap="xs" mt={6}>
        <Button size="compact-xs" variant="default" onClick={() => void onRebase()}>
          {isGone ? 'Keep my draft, to create it again' : 'Keep my draft, to save it over that'}
        </Button>
        <Button size="compact-xs" variant="default" onClick={() => void onBegin()}>
          {isGone ? 'Drop my draft' : 'Take that, drop my draft'}
        </Button>
      </Group>
    </div>
  )
}
