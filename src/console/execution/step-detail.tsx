import { ActionIcon, Group, Pagination, Text, Title } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { FaultNote, Loading } from '../app/states.js'
import { StepDetailDocument } from '../generated/graphql.js'
import { plural } from '../lib/format.js'
import { useRead } from '../lib/use-read.js'
import type { StepRow } from '../live/read-step.js'
import { Counts, StatusBadge } from '../ui/status-badge.js'
import { Duration, Time } from '../ui/ticking.js'
import { Iterations } from './iterations.js'
import { Outcome } from './part.js'
import { Routes } from './routes.js'
import classes from './step-detail.module.css'
import { Tools } from './tools.js'
import type { GraphStep } from './transitions.js'

interface StepDetailProps {
  readonly id: string
  readonly name: string
  /** As the playbook has it; undefined while that is read. */
  readonly step: GraphStep | undefined
  readonly runs: readonly StepRow[]
  /** Whether all visits are known. */
  readonly areRunsRead: boolean
  /** When what is shown ends: what still runs then has taken until then. null: it goes on. */
  readonly until: string | null
  readonly onClose: () => void
}

/** The chosen step: its visits, what it gave, why it led where it did. */
export function StepDetail({ id, name, step, runs, areRunsRead, until, onClose }: StepDetailProps) {
  const visits = runs.filter((run) => run.step === name)
  const [visit, setVisit] = useState<number | null>(null)
  const run = visits.find((each) => each.visit === visit) ?? visits.at(-1)
  return (
    <section className={classes['detail']} aria-label={`Step ${name}`}>
      <Group gap="sm" className={classes['title']}>
        <Title order={2}>{name}</Title>
        {run && <StatusBadge status={run.status} counts={run.iterationCounts} />}
        {run && (
          <Text component="div" size="sm">
            <Counts status={run.status} counts={run.iterationCounts} />
          </Text>
        )}
        {run?.startedAt && (
          <Text size="sm" c="dimmed">
            <Time iso={run.startedAt} /> · <Duration from={run.startedAt} to={run.finishedAt ?? until} />
            {run.attempts > 1 && step?.tools.length === 0 && ` · ${plural(run.attempts, 'attempt')}`}
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
      {run && <Visit key={run.id} id={id} run={run} step={step} isPast={run.finishedAt === null && until !== null} />}
      {!run && !areRunsRead && <Loading what={`step ${name}`} />}
      {!run && areRunsRead && (
        <Text size="sm" c="dimmed" p="sm">
          {step?.description ? `${step.description}. ` : ''}This step has not been reached.
        </Text>
      )}
    </section>
  )
}

interface VisitProps {
  readonly id: string
  readonly run: StepRow
  readonly step: GraphStep | undefined
  /** It had not ended yet at the revision that one looks at. */
  readonly isPast: boolean
}

function Visit({ id, run, step, isPast }: VisitProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <div className={classes['body']} tabIndex={0} role="group" aria-label={`Visit ${run.visit}`}>
      {step && <Routes id={id} run={run} step={step} />}
      {step?.isIterator && <Iterations id={id} run={run} isPast={isPast} />}
      {run.finishedAt === null ? (
        <>
          {step !== undefined && step.tools.length > 0 && !isPast && <RunningTools id={id} run={run} />}
          <Text size="sm" c="dimmed">
            Its result comes when it ends.
          </Text>
        </>
      ) : (
        <Ended id={id} run={run} />
      )}
    </div>
  )
}

function Ended({ id, run }: { id: string; run: StepRow }) {
  const { data, fault } = useRead(StepDetailDocument, { id, after: run.before })
  const detail = data?.execution?.steps.nodes[0]
  if (fault) return <FaultNote fault={fault} />
  if (!detail) return <Loading what="the result" />
  return (
    <>
      <Tools tools={detail.tools} root={run.step} />
      <Outcome error={run.error} result={detail.result} log={detail.log} root={run.step} />
    </>
  )
}

/** How often the tools of a visit that still runs are read again. */
const REFRESH_MS = 1_500

function RunningTools({ id, run }: { id: string; run: StepRow }) {
  const { data, again } = useRead(StepDetailDocument, { id, after: run.before })
  useEffect(() => {
    const timer = setInterval(again, REFRESH_MS)
    return () => clearInterval(timer)
  }, [again])
  return <Tools tools={data?.execution?.steps.nodes[0]?.tools ?? []} root={run.step} />
}
