import { PasswordInput, Select, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core'
import { type Field, problemOf } from './workload.js'

type Texts = Readonly<Record<string, string>>

interface WorkloadFormProps {
  readonly fields: readonly Field[]
  readonly texts: Texts
  /** What the server found wrong, by field. */
  readonly refused: Texts
  readonly onChange: (name: string, text: string) => void
}

/** One input for each key of the workload, of the kind that its schema or default has. */
export function WorkloadForm({ fields, texts, refused, onChange }: WorkloadFormProps) {
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
          isTouched={texts[field.name] !== undefined}
          refused={refused[field.name] ?? null}
          onChange={(text) => onChange(field.name, text)}
        />
      ))}
    </Stack>
  )
}

interface InputProps {
  readonly field: Field
  readonly text: string
  readonly isTouched: boolean
  readonly refused: string | null
  readonly onChange: (text: string) => void
}

function Input({ field, text, isTouched, refused, onChange }: InputProps) {
  const { label, kind, description, isRequired, options } = field
  // Nobody is told off for what is still to be filled in.
  const problem = isTouched || text !== '' ? problemOf(field, text) : null
  const shared = { label, description: description ?? undefined, error: problem ?? refused, withAsterisk: isRequired }
  const typed = {
    ...shared,
    value: text,
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  }
  if (kind === 'switch')
    return (
      <Switch
        label={label}
        description={shared.description}
        error={shared.error}
        checked={text === 'true'}
        onChange={(event) => onChange(String(event.currentTarget.checked))}
      />
    )
  if (kind === 'choice')
    return (
      <Select
        {...shared}
        data={[...options]}
        value={text === '' ? null : text}
        clearable={!isRequired}
        onChange={(value) => onChange(value ?? '')}
      />
    )
  if (kind === 'password') return <PasswordInput {...typed} autoComplete="off" />
  if (kind === 'json' || text.includes('\n'))
    return (
      <Textarea
        {...typed}
        description={kind === 'json' ? (description ? `${description} (JSON)` : 'JSON') : shared.description}
        autosize
        maxRows={10}
        classNames={{ input: 'mono' }}
      />
    )
  return <TextInput {...typed} inputMode={kind === 'number' ? 'decimal' : 'text'} />
}
