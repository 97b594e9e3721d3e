import { Button, Chip, Group, Pill, PillsInput, Popover, Stack, TextInput } from '@mantine/core'
import { IconCalendar, IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import { words } from '../lib/format.js'
import { useTyped } from '../lib/use-typed.js'
import { type Filters, formatCondition, parseCondition, STATUSES } from './filters.js'

interface FilterBarProps {
  readonly filters: Filters
  readonly onChange: (filters: Filters) => void
}

/** Status, playbook, time and variables; all that is given must hold. */
export function FilterBar({ filters, onChange }: FilterBarProps) {
  return (
    <Group gap="xs" role="search" aria-label="Filter executions">
      <Group gap={5}>
        {STATUSES.map((status) => (
          <Chip
            key={status}
            size="xs"
            variant="outline"
            checked={filters.statuses.includes(status)}
            onChange={(isOn) =>
              onChange({
                ...filters,
                statuses: isOn ? [...filters.statuses, status] : filters.statuses.filter((other) => other !== status),
              })
            }
          >
            {words(status)}
          </Chip>
        ))}
      </Group>
      <PathInput path={filters.path} onChange={(path) => onChange({ ...filters, path })} />
      <Conditions filters={filters} onChange={onChange} />
      <TimeSpan filters={filters} onChange={onChange} />
      {filters.parent !== '' && (
        <Pill
          withRemoveButton
          onRemove={() => onChange({ ...filters, parent: '' })}
          removeButtonProps={{ 'aria-label': 'Also those of other parents', 'aria-hidden': false, tabIndex: 0 }}
        >
          children of {filters.parent}
        </Pill>
      )}
    </Group>
  )
}

function PathInput({ path, onChange }: { path: string; onChange: (path: string) => void }) {
  const [text, setText] = useTyped(path, onChange)
  return (
    <TextInput
      size="xs"
      w={190}
      data-filter
      aria-label="Playbook"
      placeholder="Playbook"
      leftSection={<IconSearch size={14} />}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  )
}

/** `total > 5` and Enter: one more condition. */
function Conditions({ filters, onChange }: FilterBarProps) {
  const [text, setText] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const add = () => {
    if (text.trim() === '') return
    const condition = parseCondition(text)
    if (condition === null) return setProblem('Write name, operator, value: total > 5, order/city = "Bern", error exists')
    setText('')
    setProblem(null)
    onChange({ ...filters, conditions: [...filters.conditions, condition] })
  }
  const remove = (index: number) => onChange({ ...filters, conditions: filters.conditions.toSpliced(index, 1) })
  return (
    <PillsInput size="xs" flex="1 1 240px" maw={560} error={problem}>
      <Pill.Group>
        {filters.conditions.map((condition, index) => (
          <Pill
            key={formatCondition(condition)}
            withRemoveButton
            onRemove={() => remove(index)}
            removeButtonProps={{ 'aria-label': `Remove ${formatCondition(condition)}`, 'aria-hidden': false, tabIndex: 0 }}
          >
            <code>{formatCondition(condition)}</code>
          </Pill>
        ))}
        <PillsInput.Field
          aria-label="Variable, operator, value"
          placeholder={filters.conditions.length === 0 ? 'Variable: total > 5 ⏎' : 'and …'}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onBlur={() => problem === null && add()}
          onKeyDown={(event) => {
            if (event.key === 'Enter') add()
            if (event.key === 'Backspace' && text === '') remove(filters.conditions.length - 1)
          }}
        />
      </Pill.Group>
    </PillsInput>
  )
}

function TimeSpan({ filters, onChange }: FilterBarProps) {
  const isSet = filters.from !== '' || filters.until !== ''
  return (
    <Popover withArrow shadow="md" trapFocus>
      <Popover.Target>
        <Button size="xs" variant={isSet ? 'light' : 'default'} leftSection={<IconCalendar size={14} />}>
          {isSet ? `${filters.from.replace('T', ' ')} – ${filters.until.replace('T', ' ')}` : 'Any time'}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <TextInput
            size="xs"
            type="datetime-local"
            label="Started from"
            value={filters.from}
            onChange={(event) => onChange({ ...filters, from: event.currentTarget.value })}
          />
          <TextInput
            size="xs"
            type="datetime-local"
            label="Started before"
            value={filters.until}
            onChange={(event) => onChange({ ...filters, until: event.currentTarget.value })}
          />
          {isSet && (
            <Button size="compact-xs" variant="default" onClick={() => onChange({ ...filters, from: '', until: '' })}>
              Any time
            </Button>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
