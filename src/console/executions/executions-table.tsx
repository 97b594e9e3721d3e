import { Checkbox } from '@mantine/core'
import { createColumnHelper, flexRender, getCoreRowModel, useReactTable } from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef } from 'react'
import { Link } from 'react-router'
import type { ExecutionRowFragment } from '../generated/graphql.js'
import { formatCount } from '../lib/format.js'
import { visible } from '../lib/text.js'
import { Counts, StatusBadge } from '../ui/status-badge.js'
import frame from '../ui/table.module.css'
import { Duration, Time } from '../ui/ticking.js'
import classes from './executions-table.module.css'

interface ExecutionsTableProps {
  readonly rows: readonly ExecutionRowFragment[]
  readonly hasMore: boolean
  readonly onMore: () => void
  readonly chosen: ReadonlySet<string>
  readonly onChoose: (chosen: ReadonlySet<string>) => void
}

const ROW_HEIGHT = 44
const column = createColumnHelper<ExecutionRowFragment>()

const COLUMNS = [
  column.accessor('status', {
    header: 'Status',
    cell: ({ row: { original } }) => <StatusBadge status={original.status} counts={original.iterationCounts} />,
  }),
  column.display({
    id: 'playbook',
    header: 'Playbook',
    cell: ({ row: { original } }) => (
      <Link to={`/executions/${original.id}`} className={frame['link']}>
        <span className={frame['title']}>{visible(original.playbook?.path ?? 'no playbook')}</span>
        <span className={`mono ${frame['under']}`}>
          {original.iterationCounts !== null && original.iterationCounts.failed > 0 && (
            <>
              <Counts status={original.status} counts={original.iterationCounts} /> ·{' '}
            </>
          )}
          {original.id}
        </span>
      </Link>
    ),
  }),
  column.display({ id: 'step', header: 'Current step', cell: ({ row: { original } }) => <CurrentStep row={original} /> }),
  column.accessor('createdAt', { header: 'Started', cell: ({ getValue }) => <Time iso={getValue()} /> }),
  column.display({
    id: 'duration',
    header: 'Duration',
    cell: ({ row: { original } }) => <Duration from={original.createdAt} to={original.finishedAt} />,
  }),
  column.accessor('variableCount', { header: 'Variables', cell: ({ getValue }) => formatCount(getValue()) }),
]

function CurrentStep({ row }: { row: ExecutionRowFragment }) {
  if (row.error)
    return (
      <span className={classes['failure']}>
        {row.error.step ?? row.error.code}: {visible(row.error.message)}
      </span>
    )
  if (row.currentSteps.length === 0) return <span className={classes['none']}>–</span>
  return <code>{row.currentSteps.join(', ')}</code>
}

/** The list: only the rows in sight are in the page; the next ones are read as one scrolls. */
export function ExecutionsTable({ rows, hasMore, onMore, chosen, onChoose }: ExecutionsTableProps) {
  const scroller = useRef<HTMLElement>(null)
  const data = useMemo(() => [...rows], [rows])
  const table = useReactTable({ data, columns: COLUMNS, getCoreRowModel: getCoreRowModel(), getRowId: ({ id }) => id })
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (hasMore && last >= rows.length - 10) onMore()
  }, [hasMore, last, rows.length, onMore])
  const isAll = rows.length > 0 && rows.every(({ id }) => chosen.has(id))
  const toggle = (id: string) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    onChoose(next)
  }
  const [first] = items
  const bottom = items.at(-1)
  return (
    <section className={`panel ${frame['scroller']}`} ref={scroller} aria-label="Executions">
      <table className={`${frame['table']} ${classes['table']}`} aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            <th className={classes['choice']}>
              <Checkbox
                size="xs"
                aria-label="Choose all that are shown"
                checked={isAll}
                indeterminate={!isAll && chosen.size > 0}
                onChange={() => onChoose(isAll ? new Set() : new Set(rows.map(({ id }) => id)))}
              />
            </th>
            {table.getFlatHeaders().map((header) => (
              <th key={header.id} data-column={header.id} scope="col">
                {flexRender(header.column.columnDef.header, header.getContext())}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first && first.start > 0 && <tr style={{ height: first.start }} />}
          {items.map(({ index }) => {
            const row = table.getRowModel().rows[index]
            if (!row) return null
            return (
              <tr key={row.id} data-execution={row.id} className={frame['row']} aria-rowindex={index + 2}>
                <td className={`${classes['choice']} ${frame['above']}`}>
                  <Checkbox
                    size="xs"
                    aria-label={`Choose ${row.id}`}
                    checked={chosen.has(row.id)}
                    onChange={() => toggle(row.id)}
                  />
                </td>
                {row.getVisibleCells().map((cell) => (
                  <td key={cell.id} data-column={cell.column.id}>
                    {flexRender(cell.column.columnDef.cell, cell.getContext())}
                  </td>
                ))}
              </tr>
            )
          })}
          {bottom && bottom.end < virtual.getTotalSize() && <tr style={{ height: virtual.getTotalSize() - bottom.end }} />}
        </tbody>
      </table>
    </section>
  )
}
