import { ActionIcon, Group, Pagination, Text, Title } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { type ReactNode, useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { FaultNote, Loading } from '../app/states.js'
import { StepDetailDocument, type StepDetailQuery } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { plural } from '../lib/format.js'
import type { StepRow } from '../live/execution-feed.js'
import { JsonTree } from '../ui/json-tree.js'
import { StatusBadge } from '../ui/status-badge.js'
import { Duration, Time } from '../ui/ticking.js'
import { Routes } from './routes.js'
import classes from './step-detail.module.css'

interface StepDetailProps {
  readonly id: string
  readonly step: string
  readonly runs: readonly StepRow[]
  readonly onClose: () => void
}

type Detail = NonNullable<StepDetailQuery['execution']>['steps']['nodes'][number]

/** The chosen step: its visits, what it gave, why it led where it did. */
export function StepDetail({ id, step, runs, onClose }: StepDetailProps) {
  const visits = runs.filter((run) => run.step === step)
  const [visit, setVisit] = useState<number | null>(null)
  const run = visits.find((each) => each.visit === visit) ?? visits.at(-1)
  return (
    <section className={classes['detail']} aria-label={`Step ${step}`}>
      <Group gap="sm" className={classes['title']}>
        <Title order={2}>{step}</Title>
        {run && <StatusBadge status={run.status} />}
        {run?.startedAt && (
          <Text size="sm" c="dimmed">
            <Time iso={run.startedAt} /> · <Duration from={run.startedAt} to={run.finishedAt} />
            {run.attempts > 1 && ` · ${plural(run.attempts, 'attempt')}`}
          </Text>
        )}
        {visits.length > 1 && (
          <Pagination
            size="xs"
            total={visits.length}
            value={run?.visit ?? 1}
            onChange={setVisit}
            getItemProps={(page) => ({ 'aria-label': `Visit ${page}` })}
            getControlProps={(control) => ({ 'aria-label': `${control} visit` })}
          />
        )}
        <ActionIcon variant="subtle" color="gray" ml="auto" aria-label="Close the step" onClick={onClose}>
          <IconX size={16} />
        </ActionIcon>
      </Group>
      {run ? (
        <Body key={run.id} id={id} run={run} />
      ) : (
        <Text size="sm" c="dimmed" p="sm">
          This step has not been reached.
        </Text>
      )}
    </section>
  )
}

function Body({ id, run }: { id: string; run: StepRow }) {
  const [{ data, error }, ask] = useQuery({ query: StepDetailDocument, variables: { id, after: run.before } })
  const [seen, setSeen] = useState(run.status)
  useEffect(() => {
    if (seen === run.status) return
    setSeen(run.status)
    ask()
  }, [seen, run.status, ask])
  const fault = describeError(error)
  const detail = data?.execution?.steps.nodes[0]
  if (fault) return <FaultNote fault={fault} />
  if (!detail) return <Loading what="the step" />
  return <Parts id={id} detail={detail} />
}

function Parts({ id, detail }: { id: string; detail: Detail }) {
  return (
    <div className={classes['body']}>
      {detail.error && (
        <Text size="sm" className={classes['error']}>
          <code>{detail.error.code}</code> {detail.error.message}
        </Text>
      )}
      <Routes id={id} events={detail.events.nodes} />
      {detail.iterations.totalCount > 0 && (
        <Part title={plural(detail.iterations.totalCount, 'iteration')}>
          <Group gap={4}>
            {detail.iterations.nodes.map((each) => (
              <span
                key={each.id}
                className={classes['iteration']}
                data-status={each.status}
                title={each.error?.message ?? each.status}
              >
                {each.iteration}
              </span>
            ))}
          </Group>
        </Part>
      )}
      <Part title="Result">
        <JsonTree value={detail.result} root={detail.step} />
      </Part>
      {detail.log !== null && detail.log !== '' && (
        <Part title="Log">
          <pre className={classes['log']}>{detail.log}</pre>
        </Part>
      )}
    </div>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <Text size="xs" fw={650} c="dimmed" mb={3}>
        {title}
      </Text>
      {children}
    </div>
  )
}
