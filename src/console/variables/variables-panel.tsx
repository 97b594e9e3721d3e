import { ActionIcon, Group, Text, TextInput, Title, Tooltip } from '@mantine/core'
import { IconFilter, IconPlus, IconX } from '@tabler/icons-react'
import { useDeferredValue, useMemo, useState } from 'react'
import { may, useMe } from '../app/me.js'
import { FaultNote } from '../app/states.js'
import { formatCount } from '../lib/format.js'
import { spaceIn } from '../lib/owner.js'
import { useSearchState } from '../lib/use-search-state.js'
import { useTyped } from '../lib/use-typed.js'
import type { VariableRow, VariablesView } from '../live/variable-table.js'
import { AddVariable } from './add-variable.js'
import { UndoRemoval } from './remove.js'
import { VariableDetail } from './variable-detail.js'
import { VariableList } from './variable-list.js'
import classes from './variables-panel.module.css'

/** Rows whose name, value or step holds what is typed, of one step where one is chosen. */
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
  /** An execution's, or the `spaceKey` of a space. */
  readonly id: string
  readonly view: VariablesView
  /** null: the present. */
  readonly asOf: number | null
  /** Whether the execution has ended. */
  readonly isOver: boolean
}

/** Why nothing can be written here; null when it can. */
function useLock({ id, asOf, isOver }: Omit<VariablesPanelProps, 'view'>): string | null {
  const me = useMe()
  if (asOf !== null) return 'This is the past: go back to now to change a variable.'
  if (isOver) return 'The execution has ended, and its variables are history. Rerun it with other values instead.'
  return may(me, spaceIn(id) === null ? 'WRITE' : 'WRITE_GLOBALS')
    ? null
    : 'Your key may not write variables. Ask whoever runs the server for one that may.'
}

/** Everything that the execution, or the space, knows. */
export function VariablesPanel({ id, view, asOf, isOver }: VariablesPanelProps) {
  const [search, setSearch] = useSearchState()
  const [isAdding, setAdding] = useState(false)
  const step = search.get('step') ?? ''
  const chosen = search.get('var') ?? ''
  const [text, setText] = useTyped(search.get('q') ?? '', (q) => setSearch({ q }))
  const deferred = useDeferredValue(text)
  const rows = useMemo(() => matching(view.rows, deferred, step), [view.rows, deferred, step])
  const locked = useLock({ id, asOf, isOver })
  const isNamed = (name: string) => view.rows.some((row) => row.name === name)
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
          data-filter
          size="xs"
          flex={1}
          miw={120}
          aria-label="Filter variables"
          placeholder="Filter: name, value or step"
          leftSection={<IconFilter size={14} />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        {step !== '' && (
          <button type="button" className={classes['step']} onClick={() => setSearch({ step: '' })}>
            of step {step} <IconX size={12} aria-label="Show those of all steps" />
          </button>
        )}
        <Tooltip label={locked ?? 'Add a variable'}>
          <ActionIcon
            variant="default"
            size={30}
            aria-label="Add a variable"
            data-disabled={locked !== null || undefined}
            aria-disabled={locked !== null}
            onClick={() => locked === null && setAdding(true)}
          >
            <IconPlus size={16} />
          </ActionIcon>
        </Tooltip>
      </Group>
      {view.fault && <FaultNote fault={view.fault} />}
      {isAdding && locked === null && (
        <AddVariable
          id={id}
          isKnown={isNamed}
          onDone={(name) => {
            setAdding(false)
            if (name !== null) setSearch({ var: name, step: '', q: '' })
          }}
        />
      )}
      <VariableList
        rows={rows}
        isFiltered={rows.length < view.rows.length}
        isLoaded={view.isLoaded}
        chosen={chosen}
        onChoose={(name) => setSearch({ var: name })}
      />
      <UndoRemoval id={id} />
      {chosen !== '' && (
        <VariableDetail
          key={chosen}
          id={id}
          name={chosen}
          row={view.rows.find(({ name }) => name === chosen)}
          asOf={asOf}
          locked={locked}
          onClose={() => setSearch({ var: '' })}
        />
      )}
    </section>
  )
}
