import { Button, Checkbox, Group, Stack, Text, TextInput } from '@mantine/core'
import { type FormEvent, lazy, Suspense, useEffect, useRef, useState } from 'react'
import { FaultNote, Loading } from '../app/states.js'
import { SetVariableDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { MASK } from '../lib/mask.js'
import { ownerOf } from '../lib/owner.js'
import { parseDraft } from '../lib/parse-draft.js'
import { useKept } from '../lib/use-kept.js'
import classes from './variable-editor.module.css'

const CodeEditor = lazy(() => import('../ui/code-editor.js').then((module) => ({ default: module.CodeEditor })))

interface AddVariableProps {
  readonly id: string
  readonly isKnown: (name: string) => boolean
  /** It exists now, or one has changed one's mind. */
  readonly onDone: (name: string | null) => void
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,254}$/

function problemOf(name: string, isKnown: (name: string) => boolean): string | null {
  if (name === '') return null
  if (!NAME.test(name)) return 'A letter or _ first, then letters, digits, _ and -, at most 255'
  return isKnown(name) ? 'There is one of this name: choose it in the list to edit it' : null
}

/** A variable by hand: a name that is free, and a value in JSON. What one has written is kept in the tab. */
export function AddVariable({ id, isKnown, onDone }: AddVariableProps) {
  const [name, setName] = useKept(`transient-new-name ${id}`, undefined, '')
  const [text, setText] = useKept(`transient-new-value ${id}`, undefined, '')
  const [fault, setFault] = useState<Fault | null>(null)
  const [isSaving, setSaving] = useState(false)
  const [isSensitive, setSensitive] = useState(false)
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [])
  const problem = problemOf(name, isKnown)
  const parsed = parseDraft(text)

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if ('problem' in parsed) return
    setSaving(true)
    const input = { ...ownerOf(id), name, value: parsed.value, expectedVersion: 0, ...(isSensitive && { sensitive: true }) }
    const refused = describeError((await client.mutation(SetVariableDocument, { input }).toPromise()).error)
    setSaving(false)
    setFault(refused)
    if (refused !== null) return
    setName('')
    setText('')
    onDone(name)
  }

  return (
    <section className={classes['add']} aria-label="Add a variable">
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="xs">
          <TextInput
            size="xs"
            label="Name"
            value={name}
            error={problem}
            classNames={{ input: 'mono' }}
            autoComplete="off"
            ref={first}
            onChange={(event) => setName(event.currentTarget.value.trim())}
          />
          <Suspense fallback={<Loading what="the editor" />}>
            <div className={classes['editor']}>
              <CodeEditor language="json" label="Value, JSON" value={text} onChange={setText} />
            </div>
          </Suspense>
          {'problem' in parsed && text.trim() !== '' && (
            <Text size="sm" c="var(--failed)" role="alert">
              This is not JSON: {parsed.problem}. A text needs quotes.
            </Text>
          )}
          <Checkbox
            size="xs"
            label={`Sensitive: encrypted, and shown as ${MASK}`}
            checked={isSensitive}
            onChange={(event) => setSensitive(event.currentTarget.checked)}
          />
          {fault && <FaultNote fault={fault} title="It was not added; what you wrote is kept" />}
          <Group gap="xs">
            <Button size="xs" type="submit" loading={isSaving} disabled={name === '' || problem !== null || 'problem' in parsed}>
              Add
            </Button>
            <Button size="xs" variant="default" onClick={() => onDone(null)}>
              Not now
            </Button>
          </Group>
        </Stack>
      </form>
    </section>
  )
}
