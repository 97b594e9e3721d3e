import { Autocomplete, Group, NumberInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useEffect, useState } from 'react'
import { RecentExecutionsDocument } from '../generated/graphql.js'
import { formatTime, words } from '../lib/format.js'
import { useRead } from '../lib/use-read.js'

interface ExecutionChoiceProps {
  readonly id: string
  readonly asOf: string
  readonly onChange: (id: string, asOf: string) => void
}

const TYPING_MS = 400

/** Which execution, by its id or one of the latest, and at which moment of it. */
export function ExecutionChoice({ id, asOf, onChange }: ExecutionChoiceProps) {
  return (
    <Group gap="sm" align="flex-end" wrap="nowrap">
      <ExecutionInput label="Execution" id={id} onChange={(next) => onChange(next, '')} />
      <NumberInput
        size="xs"
        w={130}
        label="As of revision"
        placeholder="now"
        min={0}
        allowDecimal={false}
        allowNegative={false}
        value={asOf === '' ? '' : Number(asOf)}
        onChange={(revision) => onChange(id, String(revision))}
      />
    </Group>
  )
}

interface ExecutionInputProps {
  readonly label: string
  readonly id: string
  readonly onChange: (id: string) => void
}

/** An id, typed or chosen: the latest executions are offered with their playbook and state. */
export function ExecutionInput({ label, id, onChange }: ExecutionInputProps) {
  const [text, setText] = useState(id)
  useEffect(() => setText(id), [id])
  const { data } = useRead(RecentExecutionsDocument, {})
  const nodes = data?.executions.nodes ?? []
  const wordsOf = new Map(
    nodes.map((node) => [
      node.id,
      `${node.playbook?.path ?? 'no playbook'} · ${words(node.status)} · ${formatTime(node.createdAt)}`,
    ]),
  )
  const later = useDebouncedCallback((next: string) => onChange(next.trim()), TYPING_MS)
  return (
    <Autocomplete
      size="xs"
      flex={1}
      miw={0}
      label={label}
      placeholder="Its id, or choose one of the latest"
      value={text}
      onChange={(next) => {
        setText(next)
        later(next)
      }}
      onOptionSubmit={(next) => onChange(next)}
      data={nodes.map((node) => node.id)}
      filter={({ options, search }) =>
        options.filter((option) => !('value' in option) || `${option.value} ${wordsOf.get(option.value)}`.includes(search.trim()))
      }
      renderOption={({ option: { value } }) => (
        <div>
          <div className="mono">{value}</div>
          <small>{wordsOf.get(value)}</small>
        </div>
      )}
      maxDropdownHeight={320}
    />
  )
}
