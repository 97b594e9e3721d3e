import { Text } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useRef } from 'react'
import { Empty } from '../app/states.js'
import type { VariableRow } from '../live/variable-table.js'
import { VariableLine } from './variable-line.js'
import classes from './variables-panel.module.css'

const LINE_HEIGHT = 34
const COLUMNS = ['Name', 'Value', 'Type', 'Size', 'Step', 'Ver.', 'Reads']

interface VariableListProps {
  readonly rows: readonly VariableRow[]
  readonly isFiltered: boolean
  readonly isLoaded: boolean
  readonly chosen: string
  readonly onChoose: (name: string) => void
}

/** The variables; only the lines in sight are in the page. */
export function VariableList({ rows, isFiltered, isLoaded, chosen, onChoose }: VariableListProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 6,
  })
  const listener = useRef(onChoose)
  listener.current = onChoose
  // The same function for every line, so that a line is drawn again only when its row changes.
  const choose = useCallback((name: string) => listener.current(name), [])
  const chosenIndex = rows.findIndex(({ name }) => name === chosen)
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when another one is chosen, not when rows move
  useEffect(() => {
    if (chosenIndex >= 0) virtual.scrollToIndex(chosenIndex, { align: 'auto' })
  }, [chosen])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <div className={classes['scroller']} ref={scroller} tabIndex={0} role="group" aria-label="List of variables">
      <div role="table" aria-label="Variables" aria-rowcount={rows.length + 1} className={classes['table']}>
        <div role="row" className={classes['header']}>
          {COLUMNS.map((title) => (
            <span role="columnheader" key={title} data-column={title}>
              {title}
            </span>
          ))}
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = rows[index]
            if (!row) return null
            return (
              <VariableLine key={row.name} row={row} top={start} index={index} isChosen={row.name === chosen} onChoose={choose} />
            )
          })}
        </div>
      </div>
      {isLoaded && rows.length === 0 && (
        <Empty title={isFiltered ? 'No variable matches' : 'No variables yet'}>
          <Text size="sm" c="dimmed">
            {isFiltered
              ? 'Type less, or show those of all steps.'
              : 'They appear here as soon as a step, a person or another program writes one.'}
          </Text>
        </Empty>
      )}
    </div>
  )
}
