import { ActionIcon, Button, Tooltip } from '@mantine/core'
import {
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  IconPlayerTrackNextFilled,
  IconPlayerTrackPrevFilled,
} from '@tabler/icons-react'
import { type ReactNode, useMemo } from 'react'
import { formatCount, formatTime } from '../lib/format.js'
import { toneOf } from '../lib/iterations.js'
import { useShortcuts } from '../lib/shortcuts.js'
import type { StepRow } from '../live/read-step.js'
import classes from './time-bar.module.css'
import { usePlay } from './use-play.js'

interface TimeBarProps {
  readonly newest: number
  /** Where one wants to be; null: in the present. */
  readonly at: number | null
  /** What is shown. */
  readonly shown: number | null
  /** When the revision that is shown was the newest. */
  readonly time: string
  /** All visits, for the marks of their ends. */
  readonly steps: readonly StepRow[]
  readonly onGo: (revision: number | null) => void
}

/** Goes through the revisions of an execution; says plainly when what one sees is the past. */
export function TimeBar({ newest, at, shown, time, steps, onGo }: TimeBarProps) {
  const displayed = Math.min(at ?? newest, newest)
  const [isPlaying, play] = usePlay({ at, newest, isSettled: at === null || at === shown, onGo })
  const go = (revision: number) => {
    play(false)
    onGo(Math.max(0, Math.min(newest, revision)))
  }
  const leave = () => {
    play(false)
    onGo(null)
  }
  useShortcuts([
    [',', () => go(displayed - 1)],
    ['.', () => at !== null && go(displayed + 1)],
    ['n', leave],
  ])
  const words = `Revision ${formatCount(displayed)} of ${formatCount(newest)}`
  return (
    <section className={`panel ${classes['bar']}`} data-past={at !== null || undefined} aria-label="Time">
      <div className={classes['buttons']}>
        <Push label="One revision back" isOff={displayed === 0} onClick={() => go(displayed - 1)}>
          <IconPlayerTrackPrevFilled size={14} />
        </Push>
        <Push label={isPlaying ? 'Pause' : 'Play the history'} isOff={newest === 0} onClick={() => play(!isPlaying)}>
          {isPlaying ? <IconPlayerPauseFilled size={15} /> : <IconPlayerPlayFilled size={15} />}
        </Push>
        <Push label="One revision on" isOff={at === null || displayed === newest} onClick={() => go(displayed + 1)}>
          <IconPlayerTrackNextFilled size={14} />
        </Push>
      </div>
      <div className={classes['track']}>
        <Marks steps={steps} newest={newest} />
        <input
          type="range"
          className={classes['slider']}
          min={0}
          max={newest}
          step={1}
          value={displayed}
          disabled={newest === 0}
          aria-label="Revision"
          aria-valuetext={at === null ? `The present, revision ${formatCount(newest)}` : words}
          onChange={(event) => go(event.currentTarget.valueAsNumber)}
        />
      </div>
      <div className={classes['place']} role="status">
        {at === null ? (
          <span className={classes['present']}>Now, revision {formatCount(newest)}</span>
        ) : (
          <>
            <strong>The past</strong> · {words} · {shown === at ? formatTime(time) : 'reading …'}
          </>
        )}
      </div>
      {at !== null && (
        <Button size="compact-sm" onClick={leave}>
          Back to now
        </Button>
      )}
    </section>
  )
}

interface PushProps {
  readonly label: string
  readonly isOff: boolean
  readonly onClick: () => void
  readonly children: ReactNode
}

function Push({ label, isOff, onClick, children }: PushProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" aria-label={label} disabled={isOff} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  )
}

/** More marks than this would be a bar. */
const MAX_MARKS = 150

/** Where visits ended; failures are red. */
function Marks({ steps, newest }: { steps: readonly StepRow[]; newest: number }) {
  const marks = useMemo(() => {
    const ends = steps.flatMap(({ status, iterationCounts, events }) =>
      events.nodes
        .filter(({ name }) => name === 'step.completed' || name === 'step.failed')
        .map(({ name, revision }) => ({ revision, name: toneOf(status, iterationCounts) === 'FAILED' ? 'step.failed' : name })),
    )
    const stride = Math.ceil(ends.length / MAX_MARKS)
    const shown = ends.filter(({ name }, index) => name === 'step.failed' || index % stride === 0)
    return new Map(shown.map(({ revision, name }) => [revision, name]))
  }, [steps])
  if (newest === 0) return null
  return (
    <span className={classes['marks']} aria-hidden="true">
      {[...marks].map(([revision, name]) => (
        <span key={revision} data-event={name} style={{ left: `${(100 * revision) / newest}%` }} />
      ))}
    </span>
  )
}
