import { Autocomplete, Button, Group } from '@mantine/core'
import { useState } from 'react'
import type { VariableRowFragment } from '../generated/graphql.js'

interface ChooseVariableProps {
  readonly rows: readonly VariableRowFragment[]
  readonly taken: readonly string[]
  readonly onChoose: (name: string) => void
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,254}$/

/** One of the variables that were there, or a new name. */
export function ChooseVariable({ rows, taken, onChoose }: ChooseVariableProps) {
  const [name, setName] = useState('')
  const isWrong = name !== '' && !NAME.test(name)
  const choose = (chosen: string) => {
    if (!NAME.test(chosen)) return
    onChoose(chosen)
    setName('')
  }
  return (
    <Group align="flex-end" gap={6} wrap="nowrap">
      <Autocomplete
        flex={1}
        label="Change or add a variable"
        placeholder="Its name"
        limit={50}
        data={rows.map((row) => row.name).filter((known) => !taken.includes(known))}
        value={name}
        error={isWrong ? 'A letter or _ first, then letters, digits, _ and -' : null}
        onChange={setName}
        onOptionSubmit={choose}
        onKeyDown={(event) => event.key === 'Enter' && choose(name)}
      />
      <Button variant="default" disabled={name === '' || isWrong} onClick={() => choose(name)}>
        Change it
      </Button>
    </Group>
  )
}
