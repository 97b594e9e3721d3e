import { Button } from '@mantine/core'
import { Link } from 'react-router'
import { useMutation } from 'urql'
import { may, useMe } from '../app/me.js'
import { PauseScheduleDocument, ResumeScheduleDocument, type ScheduleRowFragment } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { formatFullTime } from '../lib/format.js'
import { visible } from '../lib/text.js'
import { playbookUrl } from '../lib/urls.js'
import { StatusBadge } from '../ui/status-badge.js'
import frame from '../ui/table.module.css'
import { Time } from '../ui/ticking.js'
import classes from './schedules-page.module.css'

interface ScheduleRowProps {
  readonly schedule: ScheduleRowFragment
  readonly onChanged: () => void
}

/** A schedule: what it starts and when, and whether it does. */
export function ScheduleRow({ schedule, onChanged }: ScheduleRowProps) {
  const { name, path, version, cron, everySeconds, timeZone, lastAt, lastExecution } = schedule
  return (
    <tr className={frame['row']} data-schedule={name}>
      <td className={classes['lines']}>
        <span className={frame['title']}>{visible(name)}</span>
        <Link to={playbookUrl(path, version === null ? {} : { version })} className={frame['under']}>
          {visible(path)}
          {version !== null && ` @ ${version}`}
        </Link>
      </td>
      <td className={classes['lines']}>
        <code>{cron === null ? `every ${everySeconds} s` : visible(cron)}</code>
        {cron !== null && <span className={frame['under']}>{visible(timeZone)}</span>}
      </td>
      <td className={classes['lines']}>
        <Next schedule={schedule} />
      </td>
      <td className={classes['lines']}>
        {lastAt === null ? <span>–</span> : <Time iso={lastAt} />}
        {lastExecution && (
          <Link to={`/executions/${lastExecution.id}`} aria-label={`The last execution of ${name}`}>
            <StatusBadge status={lastExecution.status} />
          </Link>
        )}
      </td>
      <td>
        <Switch schedule={schedule} onChanged={onChanged} />
      </td>
    </tr>
  )
}

function Next({ schedule: { isPaused, reason, nextAt, upcoming } }: Pick<ScheduleRowProps, 'schedule'>) {
  if (isPaused || nextAt === null)
    return (
      <>
        <StatusBadge status="PAUSED" />
        {reason !== null && (
          <span className={classes['reason']} title={reason}>
            {visible(reason)}
          </span>
        )}
      </>
    )
  const later = upcoming.filter((at) => at > nextAt).slice(0, 3)
  return (
    <>
      <Time iso={nextAt} />
      <span className={frame['under']} title={later.map(formatFullTime).join('\n')}>
        then{' '}
        {later.map((at, index) => (
          <span key={at}>
            {index > 0 && ' · '}
            <Time iso={at} />
          </span>
        ))}
      </span>
    </>
  )
}

function Switch({ schedule: { name, isPaused }, onChanged }: ScheduleRowProps) {
  const me = useMe()
  const [pausing, pause] = useMutation(PauseScheduleDocument)
  const [resuming, resume] = useMutation(ResumeScheduleDocument)
  if (!may(me, 'SCHEDULES')) return null
  const fault = describeError((isPaused ? resuming : pausing).error)
  const what = isPaused ? 'Resume' : 'Pause'
  const change = async () => {
    await (isPaused ? resume : pause)({ name })
    onChanged()
  }
  return (
    <>
      <Button
        size="compact-sm"
        variant="default"
        aria-label={`${what} ${name}`}
        loading={pausing.fetching || resuming.fetching}
        onClick={() => void change()}
      >
        {what}
      </Button>
      {fault && (
        <span role="alert" className={classes['reason']} title={fault.message}>
          {visible(fault.message)}
        </span>
      )}
    </>
  )
}
