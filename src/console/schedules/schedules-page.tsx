import { Text } from '@mantine/core'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { plural } from '../lib/format.js'
import { Page } from '../ui/page.js'
import frame from '../ui/table.module.css'
import { ScheduleRow } from './schedule-row.js'
import classes from './schedules-page.module.css'
import { useSchedules } from './use-schedules.js'

/** What starts executions by the clock, with what came last and what comes next. */
export function SchedulesPage() {
  const { rows, isLoaded, fault, again } = useSchedules()
  return (
    <Page title="Schedules" note={isLoaded ? plural(rows.length, 'schedule') : ' '}>
      {fault && <FaultNote fault={fault} title={fault.code === 'FORBIDDEN' ? 'Schedules are not for your key' : undefined} />}
      {rows.length === 0 && !isLoaded && !fault && <Loading what="schedules" />}
      {isLoaded && rows.length === 0 && (
        <Empty title="Nothing is started by the clock yet">
          <Text size="sm" c="dimmed">
            <code>transient schedule set nightly demo/report --cron &quot;30 2 * * *&quot; --time-zone Europe/Berlin</code> starts
            a playbook each night; a program does the same by <code>setSchedule</code>.
          </Text>
        </Empty>
      )}
      {rows.length > 0 && (
        <section className={`panel ${frame['scroller']}`} aria-label="Schedules">
          <table className={`${frame['table']} ${classes['schedules']}`}>
            <thead>
              <tr>
                <th scope="col">Schedule</th>
                <th scope="col">When</th>
                <th scope="col">Next</th>
                <th scope="col">Last</th>
                <th scope="col">
                  <span className={classes['hidden']}>Pause or resume</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((schedule) => (
                <ScheduleRow key={schedule.id} schedule={schedule} onChanged={again} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Page>
  )
}
