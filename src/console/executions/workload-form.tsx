import { Stack, Switch, Text, Textarea, TextInput } from '@mantine/core'
import { type Field, problemOf } from './workload.js'

interface WorkloadFormProps {
  readonly fields: readonly Field[]
  readonly texts: Readonly<Record<string, string>>
  readonly onChange: (name: string, text: string) => void
}

/** One input for each key of the workload, of the kind that its default has. */
export function WorkloadForm({ fields, texts, onChange }: WorkloadFormProps) {
  if (fields.length === 0)
    return (
      <Text size="sm" c="dimmed">
        This playbook takes no workload.
      </Text>
    )
  return (
    <Stack gap="sm">
      {fields.map((field) => (
        <Input
          key={field.name}
          field={field}
          text={texts[field.name] ?? field.text}
          onChange={(text) => onChange(field.name, text)}
        />
      ))}
    </Stack>
  )
}

function Input({ field, text, onChange }: { field: Field; text: string; onChange: (text: string) => void }) {
  const { name, kind } = field
  const error = problemOf(field, text)
  if (kind === 'switch')
    return <Switch label={name} checked={text === 'true'} onChange={(event) => onChange(String(event.currentTarget.checked))} />
  if (kind === 'json' || text.includes('\n'))
    return (
      <Textarea
        label={name}
        description={kind === 'json' ? 'JSON' : undefined}
        autosize
        maxRows={10}
        value={text}
        error={error}
        classNames={{ input: 'mono' }}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    )
  return (
    <TextInput
      label={name}
      inputMode={kind === 'number' ? 'decimal' : 'text'}
      value={text}
      error={error}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
