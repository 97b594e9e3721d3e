import { ActionIcon, Anchor, Group, Text, Title, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy, IconPlayerStopFilled } from '@tabler/icons-react'
import { type ReactNode, useMemo } from 'react'
import { Link } from 'react-router'
import { useMutation } from 'urql'
import { may, useMe } from '../app/me.js'
import { FaultNote } from '../app/states.js'
import { CancelDocument, type ExecutionHeadFragment } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { sumCounts } from '../lib/iterations.js'
import { visible } from '../lib/text.js'
import { isEnded } from '../live/execution-feed.js'
import type { StepRow } from '../live/read-step.js'
import { Repair } from '../repair/repair-dialog.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { Prose } from '../ui/prose.js'
import { Counts, StatusBadge } from '../ui/status-badge.js'
import { Duration, Time } from '../ui/ticking.js'
import { copyWords, useCopy } from '../ui/use-copy.js'
import classes from './execution-head.module.css'
import { Relatives } from './relatives.js'
import type { PlaybookGraph } from './transitions.js'
import { Workload } from './workload.js'

interface ExecutionHeadProps {
  /** What can be done with it depends on how it is now. */
  readonly now: ExecutionHeadFragment
  /** How it is, or was. */
  readonly shown: ExecutionHeadFragment
  /** All visits. */
  readonly steps: readonly StepRow[]
  /** Those that had begun at the moment that is shown. */
  readonly shownSteps: readonly StepRow[]
  /** null while it is read. */
  readonly playbook: PlaybookGraph | null
}

/** What it is, how it stands, and what can be done with it. */
export function ExecutionHead({ now, shown: head, steps, shownSteps, playbook }: ExecutionHeadProps) {
  const [{ error, fetching }, cancel] = useMutation(CancelDocument)
  const fault = describeError(error)
  const mayRun = may(useMe(), 'RUN')
  const counts = useMemo(() => sumCounts(shownSteps), [shownSteps])
  return (
    <header className={classes['head']}>
      <Group justify="space-between" gap="sm">
        <Group gap="sm">
          <Title order={1} className={classes['path']}>
            {visible(head.playbook?.path ?? 'No playbook')}
          </Title>
          <StatusBadge status={head.status} counts={counts} />
        </Group>
        <Group gap="xs">
          {now.playbook && isEnded(now.status) && mayRun && <Repair head={now} steps={steps} />}
          {!isEnded(now.status) && mayRun && (
            <ConfirmButton
              size="xs"
              variant="default"
              loading={fetching}
              leftSection={<IconPlayerStopFilled size={13} />}
              question="Cancel this execution?"
              consequence="Its steps are stopped, and those of the executions that it started. What it has written stays; it can be rerun, not resumed."
              action="Cancel the execution"
              leave="Let it run"
              onConfirm={() => void cancel({ id: head.id, reason: 'cancelled in the console' })}
            >
              Cancel
            </ConfirmButton>
          )}
        </Group>
      </Group>
      <Group gap="lg" className={classes['facts']}>
        <Fact name="Execution">
          <span className="mono">{head.id}</span>
          <CopyId id={head.id} />
        </Fact>
        {head.playbook && <Fact name="Version">{head.playbook.version}</Fact>}
        <Fact name="Started">
          <Time iso={head.createdAt} />
        </Fact>
        <Fact name="Duration">
          <Duration from={head.createdAt} to={head.finishedAt} />
        </Fact>
        <Fact name="Steps">{head.stepCount}</Fact>
        {counts && (
          <Fact name="Iterations">
            <Counts status={head.status} counts={counts} />
          </Fact>
        )}
        {head.currentSteps.length > 0 && (
          <Fact name="Now">
            <code>{head.currentSteps.join(', ')}</code>
          </Fact>
        )}
        {head.playbook && <Workload workload={head.workload} />}
        <Relatives head={head} playbook={playbook} />
      </Group>
      {fault && <FaultNote fault={fault} title="It was not cancelled" />}
      {head.error && <Failure head={head} />}
    </header>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <span className={classes['fact']}>
      <span className={classes['name']}>{name}</span>
      {children}
    </span>
  )
}

function CopyId({ id }: { id: string }) {
  const { outcome, copy } = useCopy()
  return (
    <Tooltip label={copyWords(outcome, 'Copy the id')} {...(outcome !== null && { opened: true })}>
      <ActionIcon size="xs" variant="subtle" color="gray" aria-label="Copy the id" onClick={() => copy(id)}>
        {outcome === 'copied' ? <IconCheck size={13} /> : <IconCopy size={13} />}
      </ActionIcon>
    </Tooltip>
  )
}

const ADVICE: Readonly<Record<string, string>> = {
  TEMPLATE_UNDEFINED: 'Give the variable a value, or handle its absence with the filter default; then rerun from this step.',
  TEMPLATE_ERROR: 'Correct the expression in the playbook, or the variable that it reads; then rerun from this step.',
  TEMPLATE_FORBIDDEN: 'The expression asks for something that templates may not do: rewrite it.',
  TOOL_FAILED:
    "Look at the step's result and log. If the cause is gone, rerun from this step; if it passes by itself, give the step a retry.",
  TIMEOUT: 'Give the step a longer timeout, or make its work smaller.',
  STEP_LIMIT: 'A cycle did not end: check the conditions that should leave it.',
}

function Failure({ head }: { head: ExecutionHeadFragment }) {
  const { error } = head
  if (!error) return null
  return (
    <div className={classes['failure']} role="alert">
      <Text size="sm" fw={650}>
        {error.step === null ? (
          'The execution failed'
        ) : (
          <>
            Step{' '}
            <Anchor component={Link} to={`?step=${encodeURIComponent(error.step)}`} size="sm" underline="always" inherit>
              {error.step}
            </Anchor>{' '}
            failed{error.attempt === null ? '' : ` at attempt ${error.attempt}`}
          </>
        )}{' '}
        <code className={classes['code']}>{error.code}</code>
      </Text>
      <Text size="sm" className={classes['message']}>
        <Prose text={error.message} />
      </Text>
      {ADVICE[error.code] !== undefined && (
        <Text size="sm" c="dimmed">
          {ADVICE[error.code]}
        </Text>
      )}
    </div>
  )
}
