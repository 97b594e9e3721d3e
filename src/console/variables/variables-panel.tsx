import { Group, Text, TextInput, Title } from '@mantine/core'
import { IconFilter, IconX } from '@tabler/icons-react'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useDeferredValue, useMemo, useRef } from 'react'
import { Empty, FaultNote } from '../app/states.js'
import { formatCount } from '../lib/format.js'
import { useSearchState } from '../lib/use-search-state.js'
import type { VariableRow, VariablesView } from '../live/variable-table.js'
import { VariableDetail } from './variable-detail.js'
import { VariableLine } from './variable-line.js'
import classes from './variables-panel.module.css'

const LINE_HEIGHT = 34

/** Rows whose name, value, type or step holds what is typed, of one step where one is chosen. */
function matching(rows: readonly VariableRow[], text: string, step: string): readonly VariableRow[] {
  const needle = text.trim().toLowerCase()
  if (needle === '' && step === '') return rows
  return rows.filter(
    (row) =>
      (step === '' || row.sourceStep === step) &&
      (needle === '' ||
        row.name.toLowerCase().includes(needle) ||
        row.preview.toLowerCase().includes(needle) ||
        (row.sourceStep ?? '').toLowerCase().includes(needle)),
  )
}

interface VariablesPanelProps {
  readonly id: string
  readonly view: VariablesView
  /** Whether the execution still takes writes. */
  readonly isWritable: boolean
}

/** Everything that the execution knows, live. */
export function VariablesPanel({ id, view, isWritable }: VariablesPanelProps) {
  const [search, setSearch] = useSearchState()
  const text = search.get('q') ?? ''
  const step = search.get('step') ?? ''
  const chosen = search.get('var') ?? ''
  const deferred = useDeferredValue(text)
  const rows = useMemo(() => matching(view.rows, deferred, step), [view.rows, deferred, step])
  return (
    <section className={`panel ${classes['panel']}`} aria-label="Variables">
      <Group gap="sm" p="xs" px="sm" className={classes['bar']}>
        <Title order={2}>Variables</Title>
        <Text size="sm" c="dimmed" role="status">
          {rows.length === view.rows.length
            ? formatCount(view.rows.length)
            : `${formatCount(rows.length)} of ${formatCount(view.rows.length)}`}
          {!view.isLoaded && view.total > 0 && ` (reading ${formatCount(view.total)} …)`}
        </Text>
        <TextInput
          size="xs"
          flex={1}
          miw={120}
          aria-label="Filter variables"
          placeholder="Filter: name, value or step"
          leftSection={<IconFilter size={14} />}
          value={text}
          onChange={(event) => setSearch({ q: event.currentTarget.value })}
        />
        {step !== '' && (
          <button type="button" className={classes['step']} onClick={() => setSearch({ step: '' })}>
            of step {step} <IconX size={12} aria-label="Show those of all steps" />
          </button>
        )}
      </Group>
      {view.fault && <FaultNote fault={view.fault} />}
      <Lines rows={rows} isFiltered={rows.length < view.rows.length} isLoaded={view.isLoaded} />
      {chosen !== '' && (
        <VariableDetail
          key={chosen}
          id={id}
          name={chosen}
          row={view.rows.find(({ name }) => name === chosen)}
          asOf={null}
          isWritable={isWritable}
          onClose={() => setSearch({ var: '' })}
        />
      )}
    </section>
  )
}

interface LinesProps {
  readonly rows: readonly VariableRow[]
  readonly isFiltered: boolean
  readonly isLoaded: boolean
}

function Lines({ rows, isFiltered, isLoaded }: LinesProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const [search, setSearch] = useSearchState()
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 10,
  })
  const chosen = search.get('var') ?? ''
  return (
    <div className={classes['scroller']} ref={scroller}>
      <div role="table" aria-label="Variables" aria-rowcount={rows.length + 1} className={classes['table']}>
        <div role="row" className={classes['header']}>
          {['Name', 'Value', 'Type', 'Size', 'Step', 'Ver.', 'Reads'].map((title) => (
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
              <VariableLine
                key={row.name}
                row={row}
                top={start}
                index={index}
                isChosen={row.name === chosen}
                onChoose={() => setSearch({ var: row.name })}
              />
            )
          })}
        </div>
      </div>
      {isLoaded && rows.length === 0 && (
        <Empty title={isFiltered ? 'No variable matches' : 'No variables yet'}>
          <Text size="sm" c="dimmed">
            {isFiltered
              ? 'Type less, or choose another step.'
              : 'They appear here as soon as a step, a person or another program writes one.'}
          </Text>
        </Empty>
      )}
    </div>
  )
}
