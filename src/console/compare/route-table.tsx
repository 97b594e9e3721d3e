import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef } from 'react'
import { Empty } from '../app/states.js'
import type { StepRowFragment } from '../generated/graphql.js'
import { StatusBadge } from '../ui/status-badge.js'
import frame from '../ui/table.module.css'
import { Duration } from '../ui/ticking.js'
import classes from './compare-page.module.css'
import type { Stop } from './difference.js'

/** Both ways, the same steps on one line; where they part, one side is empty. */
export function RouteTable({ stops }: { stops: readonly Stop[] }) {
  const scroller = useRef<HTMLElement>(null)
  const virtual = useVirtualizer({
    count: stops.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 36,
    overscan: 10,
  })
  if (stops.length === 0) return <Empty title="Neither of them has steps" />
  const items = virtual.getVirtualItems()
  const [first, last] = [items[0], items.at(-1)]
  return (
    <section className={`panel ${frame['scroller']} ${classes['rows']}`} ref={scroller} aria-label="Steps of both">
      <table className={`${frame['table']} ${classes['table']}`} aria-rowcount={stops.length + 1}>
        <thead>
          <tr>
            <th scope="col">Left</th>
            <th scope="col">Right</th>
          </tr>
        </thead>
        <tbody>
          {first && first.start > 0 && <tr style={{ height: first.start }} />}
          {items.map(({ index }) => {
            const { left, right } = stops[index] ?? {}
            return (
              <tr key={index} data-verdict={left && right ? (left.status === right.status ? 'same' : 'differs') : 'left'}>
                <td>
                  <Visit run={left ?? null} />
                </td>
                <td>
                  <Visit run={right ?? null} />
                </td>
              </tr>
            )
          })}
          {last && last.end < virtual.getTotalSize() && <tr style={{ height: virtual.getTotalSize() - last.end }} />}
        </tbody>
      </table>
    </section>
  )
}

function Visit({ run }: { run: StepRowFragment | null }) {
  if (run === null) return <span className={classes['none']}>not taken here</span>
  return (
    <span className={classes['visit']}>
      <StatusBadge status={run.status} counts={run.iterationCounts} />
      <span>
        {run.step}
        {run.visit > 1 && <small> visit {run.visit}</small>}
      </span>
      <small>
        <Duration from={run.startedAt} to={run.finishedAt} />
      </small>
    </span>
  )
}
